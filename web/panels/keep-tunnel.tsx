import { useSignal } from '@preact/signals';
import type { ConsoleModel } from '../model.ts';
import { BookWords } from '../parts/book-words.tsx';
import { Field } from '../parts/field.tsx';
import { PassphraseField } from '../parts/passphrase-field.tsx';
import '../style/tools.css';

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
    <>
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
    </>
  );
}
