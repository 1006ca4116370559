// A chunk of its own: loaded when somebody asks what is wrong.
import { useEffect } from 'preact/hooks';
import type { Check } from '../../src/index.ts';
import { adviseOnCheck } from '../advice.ts';
import { DoctorRun } from '../doctor-run.ts';
import type { ConsoleModel } from '../model.ts';
import { AdviceLines } from '../parts/advice-lines.tsx';
import { Field } from '../parts/field.tsx';
import { Outcome } from '../parts/tool.tsx';
import { useRun } from '../tools/use-run.ts';
import '../style/tools.css';
import '../style/doctor.css';

const NAMES: Record<Check['leg'], string> = {
  browser: 'This page',
  relay: 'Relay',
  endpoint: 'Endpoint',
  handshake: 'Handshake',
  inside: 'Inside',
};

/** The path doctor: each leg of the way, whether it was seen to work, and what to try where it was not. */
export function DoctorPanel({ model }: { model: ConsoleModel }) {
  const run = useRun(DoctorRun);
  const examine = () => {
    const tunnel = model.session.tunnel.value;
    if (tunnel) void run.examine(tunnel, model.pingHost.value.trim());
  };
  useEffect(examine, [run]);
  return (
    <section class="doctor" aria-label="Path doctor">
      <Outcome>{run.isDone.value ? outcomeOf(run.checks.value) : undefined}</Outcome>
      <AdviceLines advice={run.advice.value} />
      <ol class="checks" aria-label="What was seen">
        {run.checks.value.map((check, index) => (
          <li key={index} data-ok={check.ok}>
            <span class="check-leg">{NAMES[check.leg]}</span>
            <span>
              <span class="hidden">{check.ok ? 'works: ' : 'not seen to work: '}</span>
              {check.detail}
              {!check.ok && (
                <strong class="check-advice">{adviseOnCheck(check, model.session.context())}</strong>
              )}
            </span>
          </li>
        ))}
      </ol>
      <form
        class="line-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!run.running.value) examine();
        }}
      >
        <Field
          id="doctor-host"
          label="A host inside, if you know one"
          value={model.pingHost}
          placeholder="10.0.0.1"
          required={false}
        />
        <button type="submit">{run.running.value ? 'Looking…' : 'Look again'}</button>
      </form>
    </section>
  );
}

function outcomeOf(checks: readonly Check[]): string {
  const first = checks.find(({ ok }) => !ok);
  if (!first) return 'The whole way works.';
  return `As far as it was seen, it works up to here: ${NAMES[first.leg].toLowerCase()}.`;
}
