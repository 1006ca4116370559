import { useEffect, useRef } from 'preact/hooks';
import type { ConsoleModel } from '../model.ts';
import { AdviceLines } from '../parts/advice-lines.tsx';
import { Folded } from '../parts/folded.tsx';
import { lazy } from '../parts/lazy.tsx';
import { ONLY_THIS_PAGE } from '../state-line.ts';

const LogPanel = lazy(async () => (await import('./log.tsx')).LogPanel);
const DoctorPanel = lazy(async () => (await import('./doctor.tsx')).DoctorPanel);
const Connected = lazy(async () => (await import('./connected.tsx')).Connected);

/** The state in one line, the way of a packet under it, and every peer as `wg show` would tell it. */
export function StatusPanel({ model }: { model: ConsoleModel }) {
  const { session } = model;
  const { tone, headline, detail } = session.line.value;
  const line = useRef<HTMLParagraphElement>(null);
  const idle = session.phase.value === 'idle';
  useEffect(() => {
    // The demo's button took the focus with it when it went away. Not to Disconnect: Enter may be under way.
    if (!idle && document.activeElement === document.body) line.current?.focus();
  }, [idle]);
  return (
    <section class="panel status" aria-label="Status" data-tone={tone}>
      <div class="status-top">
        <div class="status-words">
          <div role="status" class="state">
            <p class="state-line" tabIndex={-1} ref={line}>
              <span class="lamp" aria-hidden="true" />
              <span>
                <span class="state-headline">{headline}</span>{' '}
                {detail && (
                  <span class="state-detail" aria-hidden="true">
                    {detail}
                  </span>
                )}
              </span>
            </p>
            <p class="state-scope">{ONLY_THIS_PAGE}</p>
          </div>
        </div>
        <Actions model={model} />
      </div>
      <AdviceLines advice={session.advice.value} />
      {session.tunnel.value && <Connected model={model} />}
      {(session.tunnel.value || model.text.value !== '') && (
        <Folded title="Diagnose">
          {() => <DoctorPanel key={session.tunnel.value ? 'open' : 'none'} model={model} />}
        </Folded>
      )}
      {session.log.written.value > 0 && <Folded title="Log">{() => <LogPanel log={session.log} />}</Folded>}
    </section>
  );
}

function Actions({ model }: { model: ConsoleModel }) {
  const phase = model.session.phase.value;
  const idle = phase === 'idle';
  const isKeyTaken = model.session.isKeyTaken.value;
  const { login, enrol } = model.settings.value;
  const busy = phase === 'opening' || phase === 'closing';
  return (
    <div class="actions">
      {idle && model.settings.value.demo && (
        <button
          type="button"
          class={model.text.value === '' ? 'primary' : ''}
          aria-disabled={model.enrolling.value}
          onClick={() => void model.tryDemo()}
        >
          Try the demo network
        </button>
      )}
      {login && model.session.needsLogin.value && (
        <button type="button" class="primary" onClick={() => window.open(login, '_blank', 'noopener')}>
          Log in
        </button>
      )}
      {idle && enrol && (
        <button type="button" aria-disabled={model.enrolling.value} onClick={() => void model.enrol()}>
          Get a configuration
        </button>
      )}
      {isKeyTaken && (
        <button type="button" class="primary" onClick={() => void model.connect({ takeOver: true })}>
          Take over
        </button>
      )}
      <button
        type="button"
        class={
          idle && !isKeyTaken && (model.text.value !== '' || !model.settings.value.demo) ? 'primary' : ''
        }
        aria-disabled={busy}
        onClick={(event) => {
          // The second click of a double click would undo the first.
          if (event.detail < 2 && !busy) void (idle ? model.connect() : model.disconnect());
        }}
      >
        {idle ? 'Connect' : 'Disconnect'}
      </button>
    </div>
  );
}
