import { useSignal } from '@preact/signals';
import { Field } from '../parts/field.tsx';
import type { Forward } from './forward.ts';
import type { Forwards } from './forwards.ts';
import type { TerminalTab } from './terminal-tab.ts';

interface Props {
  tab: TerminalTab;
  /** The person wants to ask what is forwarded. */
  onUse: (forward: Forward) => void;
}

/** Web servers that the machine at the other end reaches for this page. */
export function ForwardsView({ tab, onUse }: Props) {
  const { forwards } = tab;
  const list = forwards.list.value;
  return (
    <details class="keep">
      <summary>
        Forwards <span class="dim">{list.length || 'none'}</span>
      </summary>
      <p class="hint">
        Web servers that {tab.name} reaches, its own 127.0.0.1 among them: requests of this page go to them
        through the SSH connection. Nothing else on this computer can use it.
      </p>
      <ul class="tunnels" aria-label="Forwards">
        {list.map((forward) => (
          <Row key={forward.id} tab={tab} forward={forward} onUse={onUse} />
        ))}
      </ul>
      {forwards.problem.value && (
        <p class="note-bad" role="alert">
          {forwards.problem.value}
        </p>
      )}
      <AddForward id={tab.id} forwards={forwards} />
    </details>
  );
}

function Row({ tab, forward, onUse }: Props & { forward: Forward }) {
  const { place } = forward;
  return (
    <li class="tunnel">
      <div class="tunnel-line">
        <span class="tunnel-name">
          <strong class="mono">{place}</strong>{' '}
          <span class="tag">{tab.phase.value === 'open' ? 'by SSH' : 'not connected'}</span>
        </span>
        <button type="button" aria-label={`Send a request to ${place}`} onClick={() => onUse(forward)}>
          Send a request
        </button>
        <button
          type="button"
          class="quiet"
          aria-label={`Remove the forward to ${place}`}
          onClick={() => tab.forwards.remove(forward)}
        >
          Remove
        </button>
      </div>
    </li>
  );
}

function AddForward({ id, forwards }: { id: string; forwards: Forwards }) {
  const host = useSignal('');
  const port = useSignal('80');
  return (
    <form
      class="line-form line-form-wraps forward-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (forwards.add(host.value, port.value)) host.value = '';
      }}
    >
      <Field id={`${id}-forward-host`} label="Host over there" value={host} placeholder="127.0.0.1" />
      <Field id={`${id}-forward-port`} label="Port over there" value={port} inputMode="numeric" narrow />
      <button type="submit">Add forward</button>
    </form>
  );
}
