// A chunk of its own, with the plots.
import { useSignal } from '@preact/signals';
import { formatBytes, formatMillis, formatRate } from '../format.ts';
import type { Figure } from '../instruments/history.ts';
import type { Monitor } from '../instruments/monitor.ts';
import { Plot } from '../parts/plot.tsx';

const SPANS = [
  ['60', '1 minute'],
  ['300', '5 minutes'],
  ['900', '15 minutes'],
] as const;

interface Instrument {
  title: string;
  curves: readonly (readonly [figure: Figure, name: string])[];
  least: number;
  format: (value: number) => string;
}

const perSecond = (value: number) => `${Number(value.toFixed(1))}/s`;

const INSTRUMENTS: readonly Instrument[] = [
  {
    title: 'Throughput',
    curves: [
      ['received', 'Received'],
      ['sent', 'Sent'],
    ],
    least: 1000,
    format: formatRate,
  },
  {
    title: 'Round trip',
    curves: [
      ['relay', 'Relay'],
      ['tcp', 'TCP, slowest'],
      ['ping', 'Ping'],
    ],
    least: 1,
    format: formatMillis,
  },
  { title: 'Retransmits', curves: [['retransmits', 'TCP']], least: 1, format: perSecond },
  { title: 'Queue to the relay', curves: [['queued', 'Waiting']], least: 1000, format: formatBytes },
];

/** What the tunnel does at this moment, and did in the last minutes. */
export function InstrumentsPanel({ monitor }: { monitor: Monitor }) {
  const span = useSignal('60');
  // The history is changed in place: this says when.
  const { history } = monitor.readings.value >= 0 ? monitor : monitor;
  const now = history.times.at(-1) ?? Date.now() / 1000;
  return (
    <section class="panel" aria-label="Instruments">
      <div class="panel-head">
        <h2>Instruments</h2>
        <select
          aria-label="How far back"
          value={span.value}
          onChange={(event) => (span.value = event.currentTarget.value)}
        >
          {SPANS.map(([seconds, text]) => (
            <option key={seconds} value={seconds}>
              {text}
            </option>
          ))}
        </select>
      </div>
      <div class="plots">
        {INSTRUMENTS.map(({ title, curves, least, format }) => (
          <Plot
            key={title}
            title={title}
            times={history.times}
            curves={curves.map(([figure, name]) => ({ name, values: history.columns[figure] }))}
            now={now}
            span={Number(span.value)}
            least={least}
            format={format}
          />
        ))}
      </div>
    </section>
  );
}
