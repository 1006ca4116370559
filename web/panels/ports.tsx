import { useSignal } from '@preact/signals';
import { count } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { Field } from '../parts/field.tsx';
import { Outcome, Tool } from '../parts/tool.tsx';
import { SERVICES } from '../tools/port-list.ts';
import { countStates, PortRun } from '../tools/port-run.ts';
import { useRun } from '../tools/use-run.ts';

const TONES = { open: 'good', closed: 'dim', filtered: 'dim' };

export function PortPanel({ model }: { model: ConsoleModel }) {
  const run = useRun(PortRun);
  const host = useSignal(model.pingHost.value);
  const ports = useSignal('22, 80, 443');
  const start = () => {
    const target = host.value.trim();
    const tunnel = model.session.tunnel.value;
    if (tunnel) void run.check(tunnel, target, ports.value, (error) => model.session.adviseOn(error, target));
  };
  return (
    <Tool
      name="Port check"
      action="Check"
      run={run}
      onStart={start}
      form={
        <>
          <Field id="port-host" label="Address" value={host} placeholder="10.0.0.1" />
          <Field id="port-list" label="Ports" value={ports} placeholder="22, 80, 8000-8010" />
        </>
      }
    >
      <Outcome>{run.asked.value > 0 && outcomeOf(run)}</Outcome>
      {run.results.value.length > 0 && <States run={run} />}
      {run.asked.value === 0 && !run.advice.value && (
        <p class="dim empty">
          Tries to connect by TCP. Closed: the host itself refuses; filtered: nobody answers.
        </p>
      )}
    </Tool>
  );
}

function outcomeOf(run: PortRun): string {
  const { length } = run.results.value;
  if (run.running.value) return `Checking ${count(run.asked.value, 'port')}…`;
  if (length < run.asked.value) return `Stopped after ${length} of ${run.asked.value}.`;
  return `${countStates(run.results.value)}.`;
}

function States({ run }: { run: PortRun }) {
  return (
    <div class="results">
      <table aria-label="States">
        <thead>
          <tr>
            <th scope="col" class="number">
              Port
            </th>
            <th scope="col">State</th>
            <th scope="col">Usually</th>
          </tr>
        </thead>
        <tbody>
          {run.results.value.map(({ port, state }) => (
            <tr key={port}>
              <td class="number">{port}</td>
              <td class={TONES[state]}>{state}</td>
              <td class="dim">{SERVICES[port]}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
