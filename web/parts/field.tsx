import type { Signal } from '@preact/signals';

interface Props {
  id: string;
  label: string;
  value: Signal<string>;
  placeholder?: string;
  inputMode?: 'text' | 'numeric' | 'url';
  required?: boolean;
  hint?: string;
  /** For a number of a few digits. */
  narrow?: boolean;
  /** A line to itself. */
  isWide?: boolean;
}

/** One line of text that a program reads: an address, a name, a number. */
export function Field(props: Props) {
  const { id, label, value, placeholder, inputMode = 'text', required = true, hint } = props;
  const width = `${props.isWide ? ' field-wide' : ''}${props.narrow ? ' field-port' : ''}`;
  return (
    <div class={`field${width}`}>
      <label for={id}>{label}</label>
      <input
        id={id}
        class="mono"
        type="text"
        inputMode={inputMode}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        placeholder={placeholder}
        required={required}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        value={value.value}
        onInput={(event) => (value.value = event.currentTarget.value)}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
    </div>
  );
}

interface AreaProps {
  id: string;
  label: string;
  value: Signal<string>;
  placeholder?: string;
  rows?: number;
}

/** Several lines of text that a program reads. */
export function TextArea({ id, label, value, placeholder, rows = 2 }: AreaProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        class="mono"
        rows={rows}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        placeholder={placeholder}
        value={value.value}
        onInput={(event) => (value.value = event.currentTarget.value)}
      />
    </div>
  );
}

interface SelectProps<Value extends string> {
  id: string;
  label: string;
  value: Signal<Value>;
  choices: readonly (readonly [value: Value, text: string])[];
}

export function Select<Value extends string>({ id, label, value, choices }: SelectProps<Value>) {
  return (
    <div class="field field-choice">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value.value}
        onChange={(event) => (value.value = event.currentTarget.value as Value)}
      >
        {choices.map(([choice, text]) => (
          <option key={choice} value={choice}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
