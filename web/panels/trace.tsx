import { useSignal } from '@preact/signals';
import type { Hop } from '../../src/index.ts';
import { formatMillis } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { Field, Select } from '../parts/field.tsx';
import { Outcome, Tool } from '../parts/tool.tsx';
import { TraceRun } from '../tools/trace-run.ts';
import { useRun } from '../tools/use-run.ts';

const METHODS = [
  ['icmp', 'ICMP'],
  ['udp', 'UDP'],
] as const;

export function TracePanel({ model }: { model: ConsoleModel }) {
  const run = useRun(TraceRun);
  const host = useSignal(model.pingHost.value);
  const method = useSignal<'icmp' | 'udp'>('icmp');
  const start = () => {
    const target = host.value.trim();
    const tunnel = model.session.tunnel.value;
    if (tunnel)
      void run.trace(tunnel, target, method.value, (error) => model.session.adviseOn(error, target));
  };
  return (
    <Tool
      name="Traceroute"
      action="Trace"
      run={run}
      onStart={start}
      form={
        <>
          <Field id="trace-host" label="Address" value={host} placeholder="10.0.0.1" />
          <Select id="trace-method" label="Probes" value={method} choices={METHODS} />
        </>
      }
    >
      <Outcome>{run.ending.value}</Outcome>
      {run.hops.value.length > 0 && <Hops hops={run.hops.value} />}
      {run.hops.value.length === 0 && !run.advice.value && (
        <p class="dim empty">
          {run.running.value
            ? 'Waiting for the first hop…'
            : 'Finds the routers on the way to a host, hop by hop.'}
        </p>
      )}
    </Tool>
  );
}

function Hops({ hops }: { hops: Hop[] }) {
  return (
    <div class="results">
      <table aria-label="Hops">
        <thead>
          <tr>
            <th scope="col" class="number">
              Hop
            </th>
            <th scope="col">Address</th>
            <th scope="col" class="number">
              Round trip
            </th>
            <th scope="col" class="number">
              Lost
            </th>
          </tr>
        </thead>
        <tbody>
          {hops.map((hop) => (
            <tr key={hop.hop}>
              <td class="number">{hop.hop}</td>
              <td class="mono">{hop.addresses.join(', ') || <span class="dim">no answer</span>}</td>
              <td class="number">{hop.rtts.length > 0 ? formatMillis(Math.min(...hop.rtts)) : '–'}</td>
              <td class="number">
                {hop.lost} of {hop.lost + hop.rtts.length}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
