import { useSignal } from '@preact/signals';
import { CopyLine } from '../parts/copy-button.tsx';
import { Field } from '../parts/field.tsx';
import { keyTypeName } from './fingerprint.ts';
import { type KeyRing, KeyRingFull, publicLine } from './key-ring.ts';
import { KeyFileError, readKeyFile } from './signer.ts';

/** The keys that this page logs in with. */
export function KeysView({ keys }: { keys: KeyRing }) {
  const problem = useSignal<string | undefined>(undefined);
  /** A key file that waits for its passphrase. */
  const locked = useSignal<{ text: string; name: string } | undefined>(undefined);
  const add = async (text: string, name: string, passphrase?: string) => {
    problem.value = undefined;
    try {
      keys.add(await readKeyFile(text, passphrase), name);
      locked.value = undefined;
    } catch (error) {
      if (error instanceof KeyFileError && error.wantsPassphrase) locked.value = { text, name };
      if (!(locked.value && passphrase === undefined)) problem.value = (error as Error).message;
    }
  };
  return (
    <details class="keep">
      <summary>
        Keys <span class="dim">{keys.keys.value.length || 'none'}</span>
      </summary>
      <p class="hint">
        All of them are offered to a server. A key from a file is forgotten with this tab; one made here stays
        in this browser, and nobody can read it out, not even this page.
      </p>
      <ul class="tunnels" aria-label="Keys">
        {keys.keys.value.map((key) => (
          <li class="tunnel" key={key.id}>
            <div class="tunnel-line">
              <span class="tunnel-name">
                <strong>{key.name}</strong>{' '}
                <span class="tag">{key.isSaved ? 'this browser' : 'this tab only'}</span>
              </span>
              <span class="mono dim wide-only">
                {keyTypeName(key.signer.type)} {key.signer.fingerprint}
              </span>
              <button
                type="button"
                class="quiet"
                aria-label={`Remove the key ${key.name}`}
                onClick={() => void keys.remove(key.id)}
              >
                Remove
              </button>
            </div>
            <CopyLine label={`A line for authorized_keys (${key.name})`} text={publicLine(key)} />
          </li>
        ))}
      </ul>
      {problem.value && (
        <p class="note-bad" role="alert">
          {problem.value}
        </p>
      )}
      {locked.value && (
        <Unlock
          name={locked.value.name}
          onPassphrase={(passphrase) => void add(locked.value!.text, locked.value!.name, passphrase)}
        />
      )}
      <AddKey
        keys={keys}
        onFile={(text, name) => void add(text, name)}
        onProblem={(text) => (problem.value = text)}
      />
    </details>
  );
}

function Unlock({ name, onPassphrase }: { name: string; onPassphrase: (passphrase: string) => void }) {
  const passphrase = useSignal('');
  return (
    <form
      class="line-form"
      onSubmit={(event) => {
        event.preventDefault();
        onPassphrase(passphrase.value);
      }}
    >
      <div class="field">
        <label for="key-passphrase">Passphrase of {name}</label>
        <input
          id="key-passphrase"
          type="password"
          autocomplete="off"
          required
          value={passphrase.value}
          onInput={(event) => (passphrase.value = event.currentTarget.value)}
        />
      </div>
      <button type="submit">Unlock key</button>
    </form>
  );
}

interface AddProps {
  keys: KeyRing;
  onFile: (text: string, name: string) => void;
  onProblem: (text: string) => void;
}

/** Larger than any key. */
const FILE_LIMIT = 64 * 1024;

function AddKey({ keys, onFile, onProblem }: AddProps) {
  const name = useSignal('');
  const read = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > FILE_LIMIT) onProblem(`“${file.name}” is too large for a key.`);
    else onFile(await file.text(), file.name);
  };
  return (
    <form
      class="line-form line-form-wraps"
      onSubmit={(event) => {
        event.preventDefault();
        keys
          .generate(name.value)
          .catch((error: unknown) =>
            onProblem(
              error instanceof KeyRingFull
                ? error.message
                : 'This browser cannot make such a key: use a key file.',
            ),
          );
      }}
    >
      <div class="field">
        <label for="key-file">Key file</label>
        <input
          id="key-file"
          type="file"
          onChange={(event) => {
            void read(event.currentTarget.files?.[0]);
            event.currentTarget.value = '';
          }}
        />
      </div>
      <Field id="key-name" label="Name of a new key" value={name} required={false} placeholder="laptop" />
      <button type="submit">Make a key</button>
    </form>
  );
}
