import type { Signal } from '@preact/signals';

interface Props {
  id: string;
  value: Signal<string>;
  /** It is being chosen, not repeated. */
  isNew?: boolean;
}

export function PassphraseField({ id, value, isNew = false }: Props) {
  return (
    <div class="field">
      <label for={id}>Passphrase</label>
      <input
        id={id}
        type="password"
        autocomplete={isNew ? 'new-password' : 'current-password'}
        required
        value={value.value}
        onInput={(event) => (value.value = event.currentTarget.value)}
      />
    </div>
  );
}
