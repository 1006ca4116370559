// A chunk of its own, with uPlot in it.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { timeMarks, topOf } from '../instruments/scale.ts';
import 'uplot/dist/uPlot.min.css';
import '../style/plot.css';

export interface Curve {
  name: string;
  values: readonly (number | null | undefined)[];
}

interface Props {
  /** Its name, for those who cannot see it too. */
  title: string;
  /** Seconds, ascending; as many as each curve has values. */
  times: readonly number[];
  curves: readonly Curve[];
  /** The right edge and how much of the past there is, in seconds. */
  now: number;
  span: number;
  /** The axis goes up to this at least. */
  least: number;
  format: (value: number) => string;
  /** Times at which something was lost. */
  losses?: readonly number[];
}

const HEIGHT = 118;
/** Plots with one key move their cursors together. */
const SYNC = uPlot.sync('instruments');

/** A plot over time from zero up; its legend tells the latest values, or those under the cursor. */
export function Plot(props: Props) {
  const { title, curves, format } = props;
  const index = useSignal<number | null | undefined>(undefined);
  const figure = useRef<HTMLElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const plot = useRef<uPlot>(undefined);
  useEffect(() => {
    const place = figure.current!.querySelector<HTMLElement>('.plot-canvas')!;
    const options = optionsFor(latest, figure.current!, (at) => (index.value = at));
    plot.current = new uPlot(
      { ...options, width: place.clientWidth || 200, height: HEIGHT },
      dataOf(latest.current),
      place,
    );
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: place.clientWidth, height: HEIGHT }),
    );
    observer.observe(place);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
  }, [curves.length]);
  useEffect(() => {
    plot.current?.setData(dataOf(props));
  });
  const at = index.value ?? props.times.length - 1;
  return (
    <figure class="plot" ref={figure}>
      <figcaption>
        <span class="plot-title">{title}</span>
        <dl class="plot-legend">
          {curves.map(({ name, values }, place) => (
            <div key={name}>
              <dt>
                <span class={`plot-ink plot-ink-${place}`} aria-hidden="true" />
                {name}
              </dt>
              <dd>{valueText(values[at], format)}</dd>
            </div>
          ))}
        </dl>
      </figcaption>
      <div class="plot-canvas" role="img" aria-label={`${title}, plotted`} />
    </figure>
  );
}

function dataOf({ times, curves }: Props): uPlot.AlignedData {
  return [times, ...curves.map(({ values }) => values)] as unknown as uPlot.AlignedData;
}

function valueText(value: number | null | undefined, format: (value: number) => string): string {
  return value == null ? '–' : format(value);
}

/** A line from top to bottom for each. */
function drawLosses(plot: uPlot, losses: readonly number[], colour: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.beginPath();
  for (const time of losses) {
    const x = plot.valToPos(time, 'x', true);
    if (x < bbox.left) continue;
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
  }
  ctx.stroke();
  ctx.restore();
}

type Latest = { current: Props };

/** Colours are read from the legend as it looks at that moment, so that they follow the theme. */
function optionsFor(
  latest: Latest,
  figure: HTMLElement,
  onCursor: (index: number | null | undefined) => void,
): Omit<uPlot.Options, 'width' | 'height'> {
  const inkOf = (place: number) => getComputedStyle(figure.querySelector(`.plot-ink-${place}`)!);
  const line = () => getComputedStyle(figure).borderTopColor;
  const text = () => getComputedStyle(figure.querySelector('dt')!).color;
  const top = () => {
    const { curves, least } = latest.current;
    return Math.max(...curves.map(({ values }) => topOf(values, least)));
  };
  const font = `11px ${getComputedStyle(figure).fontFamily}`;
  return {
    legend: { show: false },
    padding: [8, 16, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: SYNC.key }, points: { size: 6 } },
    hooks: {
      setCursor: [({ cursor }) => onCursor(cursor.idx)],
      draw: [
        (plot) => drawLosses(plot, latest.current.losses ?? [], getComputedStyle(figure).borderBottomColor),
      ],
    },
    scales: {
      x: { time: false, range: () => [latest.current.now - latest.current.span, latest.current.now] },
      y: { range: () => [0, top()] },
    },
    axes: [
      {
        stroke: text,
        font,
        size: 24,
        gap: 7,
        ticks: { show: false },
        grid: { show: false },
        splits: () => timeMarks(latest.current.now, latest.current.span).map(({ at }) => at),
        values: () => timeMarks(latest.current.now, latest.current.span).map(({ text: said }) => said),
      },
      {
        stroke: text,
        font,
        size: 58,
        gap: 4,
        ticks: { show: false },
        grid: { stroke: line, width: 1 },
        splits: () => [0, top() / 2, top()],
        values: (_plot, splits) => splits.map((value) => (value === 0 ? '0' : latest.current.format(value))),
      },
    ],
    series: [
      {},
      ...latest.current.curves.map(({ name }, place, curves) => ({
        label: name,
        stroke: () => inkOf(place).color,
        // Areas over areas hide what they show.
        ...(place === 0 && curves.length < 3 && { fill: () => inkOf(place).backgroundColor }),
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}
