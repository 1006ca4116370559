import type { ConsoleModel } from '../model.ts';

/** A newer version of the page, which comes when the person says so. */
export function UpdateNote({ model }: { model: ConsoleModel }) {
  const state = model.update.value;
  if (state === 'none') return null;
  return (
    <p class={state === 'required' ? 'note-bad' : 'note'} role="status">
      {state === 'required'
        ? 'This version of the page must not be used any more: '
        : 'There is a newer version of this page: '}
      <button type="button" class="link" onClick={() => void model.reload()}>
        reload it
      </button>
    </p>
  );
}
