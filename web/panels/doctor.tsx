// A chunk of its own: loaded when somebody asks what is wrong.
import { useEffect } from 'preact/hooks';
import { adviseOnCheck } from '../advice.ts';
import { DoctorRun, type Seen } from '../doctor-run.ts';
import type { ConsoleModel } from '../model.ts';
import { AdviceLines } from '../parts/advice-lines.tsx';
import { Field } from '../parts/field.tsx';
import { Outcome } from '../parts/tool.tsx';
import { useRun } from '../tools/use-run.ts';
import '../style/tools.css';
import '../style/doctor.css';

const NAMES: Record<Seen['leg'], string> = {
  browser: 'This page',
  relay: 'Relay',
  endpoint: 'Endpoint',
  handshake: 'Handshake',
  inside: 'Inside',
  storage: 'Storage',
};

/** The path doctor: each leg of the way, whether it was seen to work, and what to try where it was not. */
export function DoctorPanel({ model }: { model: ConsoleModel }) {
  const run = useRun(DoctorRun);
  const isOpen = model.session.tunnel.value !== undefined;
  const context = run.context.value ?? model.session.context();
  const examine = () => void run.examine(model);
  // Nothing is connected without having been asked for.
  useEffect(() => {
    if (isOpen) examine();
  }, [run]);
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
              {!check.ok && <strong class="check-advice">{adviseOnCheck(check, context)}</strong>}
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
        <button type="submit">
          {run.running.value ? 'Looking…' : isOpen || run.isDone.value ? 'Look again' : 'Test the way'}
        </button>
      </form>
      {!isOpen && (
        <p class="dim">A tunnel is opened for this with what stands below, and closed again at once.</p>
      )}
    </section>
  );
}

function outcomeOf(checks: readonly Seen[]): string {
  const first = checks.find(({ leg, ok }) => leg !== 'storage' && !ok);
  if (!first) return 'The whole way works.';
  return `As far as it was seen, it works up to here: ${NAMES[first.leg].toLowerCase()}.`;
}
