import { useSignal } from '@preact/signals';
import { shortKey } from '../format.ts';
import type { ConsoleModel } from '../model.ts';
import { BookWords } from '../parts/book-words.tsx';
import { Field } from '../parts/field.tsx';
import { PassphraseField } from '../parts/passphrase-field.tsx';
import type { SavedTunnel } from '../tunnels/tunnel-store.ts';
import '../style/tools.css';
import '../style/tunnels.css';

const PLACES = { tab: 'this tab only', key: 'saved', sealed: 'saved, with a passphrase' };

/** The tunnels that were kept; opening one puts it into the editor and connects nothing. */
export function TunnelsPanel({ model }: { model: ConsoleModel }) {
  const tunnels = model.book.tunnels.value;
  if (tunnels.length === 0) return null;
  return (
    <section class="panel" aria-label="Tunnels">
      <div class="panel-head">
        <h2>Tunnels</h2>
      </div>
      <ul class="tunnels" aria-label="Kept tunnels">
        {tunnels.map((tunnel) => (
          <Row key={tunnel.id} model={model} tunnel={tunnel} />
        ))}
      </ul>
      <BookWords model={model} place="list" />
    </section>
  );
}

type Doing = 'nothing' | 'passphrase' | 'rename' | 'delete';

function Row({ model, tunnel }: { model: ConsoleModel; tunnel: SavedTunnel }) {
  const { id, name, secret, publicKey } = tunnel;
  const doing = useSignal<Doing>(
    secret.kind === 'sealed' && isReturning(model, tunnel) ? 'passphrase' : 'nothing',
  );
  const begin = (what: Doing) => (doing.value = doing.value === what ? 'nothing' : what);
  const open = () => {
    if (secret.kind === 'sealed') begin('passphrase');
    else void model.openTunnel(id, name);
  };
  return (
    <li class="tunnel">
      <div class="tunnel-line">
        <span class="tunnel-name">
          <strong>{name}</strong> <span class="tag">{PLACES[secret.kind]}</span>
        </span>
        <span class="mono dim wide-only" title={publicKey}>
          {shortKey(publicKey)}
        </span>
        <span class="tunnel-actions">
          <button type="button" aria-label={`Open ${name}`} onClick={open}>
            Open
          </button>
          <button type="button" class="quiet" aria-label={`Rename ${name}`} onClick={() => begin('rename')}>
            Rename
          </button>
          <button type="button" class="quiet" aria-label={`Delete ${name}`} onClick={() => begin('delete')}>
            Delete
          </button>
        </span>
      </div>
      {doing.value === 'rename' && (
        <RenameForm model={model} tunnel={tunnel} onDone={() => begin('nothing')} />
      )}
      {doing.value === 'passphrase' && (
        <UnlockForm model={model} tunnel={tunnel} onDone={() => begin('nothing')} />
      )}
      {doing.value === 'delete' && (
        <p class="tunnel-question">
          Its private key is gone for good then.
          <button type="button" onClick={() => void model.book.remove(id)}>
            Delete “{name}”
          </button>
          <button type="button" class="quiet" onClick={() => begin('nothing')}>
            Keep it
          </button>
        </p>
      )}
    </li>
  );
}

interface FormProps {
  model: ConsoleModel;
  tunnel: SavedTunnel;
  onDone: () => void;
}

function RenameForm({ model, tunnel, onDone }: FormProps) {
  const name = useSignal(tunnel.name);
  return (
    <form
      class="line-form"
      onSubmit={async (event) => {
        event.preventDefault();
        await model.book.rename(tunnel.id, name.value);
        if (model.book.problem.value === undefined) onDone();
      }}
    >
      <Field id={`name-${tunnel.id}`} label="New name" value={name} />
      <button type="submit">Rename</button>
    </form>
  );
}

/** A reload goes on once it has the passphrase. */
function isReturning(model: ConsoleModel, { id }: SavedTunnel): boolean {
  return model.returning === id;
}

function UnlockForm({ model, tunnel, onDone }: FormProps) {
  const passphrase = useSignal('');
  const connects = isReturning(model, tunnel);
  return (
    <form
      class="line-form"
      onSubmit={async (event) => {
        event.preventDefault();
        const isOpen = await model.openTunnel(tunnel.id, tunnel.name, passphrase.value);
        passphrase.value = '';
        if (isOpen) onDone();
        if (isOpen && connects) await model.connect();
      }}
    >
      <PassphraseField id={`passphrase-${tunnel.id}`} value={passphrase} />
      <button type="submit">
        {model.book.busy.value ? 'Opening…' : connects ? 'Unlock and connect' : 'Unlock'}
      </button>
    </form>
  );
}
