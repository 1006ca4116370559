import { useSignal } from '@preact/signals';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Field } from '../parts/field.tsx';

interface Props {
  label: string;
  action: string;
  initial?: string;
  /** Undefined: the person had enough. */
  onDone: (text: string | undefined) => void;
}

/** Asks for one line of text, which takes the keyboard. */
export function NameForm({ label, action, initial = '', onDone }: Props) {
  const text = useSignal(initial);
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => {
    form.current?.querySelector('input')?.select();
    // A folder is scrolled within the page.
    form.current?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <form
      class="line-form"
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        onDone(text.value);
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onDone(undefined);
      }}
    >
      <Field id={id} label={label} value={text} />
      <button type="submit">{action}</button>
      <button type="button" class="quiet" onClick={() => onDone(undefined)}>
        Cancel
      </button>
    </form>
  );
}
