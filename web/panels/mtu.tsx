import { useSignal } from '@preact/signals';
import type { ConsoleModel } from '../model.ts';
import { Field } from '../parts/field.tsx';
import { Outcome, Tool } from '../parts/tool.tsx';
import { MtuRun, mtuMeaning } from '../tools/mtu-run.ts';
import { useRun } from '../tools/use-run.ts';

export function MtuPanel({ model }: { model: ConsoleModel }) {
  const run = useRun(MtuRun);
  const host = useSignal(model.pingHost.value);
  const mtu = run.mtu.value;
  const start = () => {
    const target = host.value.trim();
    const tunnel = model.session.tunnel.value;
    if (tunnel) void run.measure(tunnel, target, (error) => model.session.adviseOn(error, target));
  };
  return (
    <Tool
      name="Path MTU"
      action="Measure"
      run={run}
      onStart={start}
      form={<Field id="mtu-host" label="Address" value={host} placeholder="10.0.0.1" />}
    >
      {mtu !== undefined && <p class="reading-value">{mtu} bytes</p>}
      <Outcome>{mtu !== undefined && mtuMeaning(mtu, model.session.status.peek()?.mtu ?? mtu)}</Outcome>
      {mtu === undefined && !run.advice.value && (
        <p class="dim empty">
          {run.running.value
            ? 'Sending pings of many sizes…'
            : 'Finds the largest packet that gets to a host in one piece. The host must answer pings.'}
        </p>
      )}
    </Tool>
  );
}
