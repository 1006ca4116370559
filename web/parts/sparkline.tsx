const WIDTH = 240;
const HEIGHT = 36;

interface Props {
  /** Oldest first; undefined is a gap (a lost reply). */
  values: (number | undefined)[];
  /** How many values fill the width; the newest stands at the right edge. */
  span: number;
  /** What a reader of the screen hears instead. */
  label: string;
}

/** A small plot from zero to the largest value, with a tick where something was lost. */
export function Sparkline({ values, span, label }: Props) {
  const top = Math.max(1e-9, ...values.map((value) => value ?? 0)) * 1.15;
  const step = WIDTH / (span - 1);
  const x = (index: number) => WIDTH - (values.length - 1 - index) * step;
  const y = (value: number) => HEIGHT - 1.5 - (value / top) * (HEIGHT - 3);
  const runs = splitAtGaps(values);
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path class="sparkline-floor" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
      {runs.map((run) => {
        const line = run.map(([index, value]) => `${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join('L');
        const first = x(run[0]![0]).toFixed(1);
        const last = x(run.at(-1)![0]).toFixed(1);
        return (
          <g key={first}>
            <path class="sparkline-area" d={`M${first} ${HEIGHT}L${line}L${last} ${HEIGHT}Z`} />
            <path class="sparkline-line" d={`M${line}${run.length === 1 ? 'h.01' : ''}`} />
          </g>
        );
      })}
      {values.map((value, index) =>
        value === undefined ? (
          <path key={x(index)} class="sparkline-lost" d={`M${x(index).toFixed(1)} 4V${HEIGHT}`} />
        ) : undefined,
      )}
    </svg>
  );
}

function splitAtGaps(values: (number | undefined)[]): [index: number, value: number][][] {
  const runs: [number, number][][] = [];
  let open: [number, number][] | undefined;
  values.forEach((value, index) => {
    if (value === undefined) open = undefined;
    else if (open) open.push([index, value]);
    else runs.push((open = [[index, value]]));
  });
  return runs;
}
