import { useSignal } from '@preact/signals';
import type { ConsoleModel } from '../model.ts';
import { Field } from '../parts/field.tsx';
import { PassphraseField } from '../parts/passphrase-field.tsx';
import type { Place } from '../tunnels/tunnel-book.ts';

/** Keeps what stands in the editor under a name: in this tab, or, only if asked, in this browser. */
export function KeepTunnel({ model }: { model: ConsoleModel }) {
  const { book } = model;
  const name = useSignal(model.opened.value?.name ?? '');
  const passphrase = useSignal('');
  const withPassphrase = book.needsPassphrase.value;
  const save = async (place: 'tab' | 'browser') => {
    const tunnel = model.current;
    if (!tunnel) return;
    if (place === 'tab') await book.keep(name.value, tunnel);
    else await book.save(name.value, tunnel, passphrase.value);
    if (book.problem.value === undefined) passphrase.value = '';
  };
  return (
    <details class="keep">
      <summary>Keep this tunnel</summary>
      <p class="hint">
        {model.settings.value.policy.saveKeys
          ? 'In this tab: in memory, until it is closed or reloaded. In this browser: also the next time.'
          : 'In memory, until this tab is closed or reloaded: this site does not let keys be saved.'}
      </p>
      <form
        class="line-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save('tab');
        }}
      >
        <Field id="keep-name" label="Name" value={name} placeholder="Office" />
        {withPassphrase && <PassphraseField id="keep-passphrase" value={passphrase} isNew />}
        <button type="submit" aria-disabled={book.busy.value}>
          Keep in this tab
        </button>
        {model.settings.value.policy.saveKeys && (
          <button type="button" aria-disabled={book.busy.value} onClick={() => void save('browser')}>
            Save in this browser
          </button>
        )}
      </form>
      <BookWords model={model} place="form" />
    </details>
  );
}

/** What came of the latest change, where it was asked for. */
export function BookWords({ model, place }: { model: ConsoleModel; place: Place }) {
  const { note, problem } = model.book;
  if (model.book.place.value !== place) return <p class="outcome dim" role="status" />;
  return (
    <>
      {problem.value && (
        <p class="note-bad" role="alert">
          {problem.value}
        </p>
      )}
      <p class="outcome dim" role="status">
        {note.value}
      </p>
    </>
  );
}
