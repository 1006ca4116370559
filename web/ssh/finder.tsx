import { useSignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { TerminalTab } from './terminal-tab.ts';

/** Looks for text in what the terminal remembers, from below upwards. */
export function Finder({ tab, onDone }: { tab: TerminalTab; onDone: () => void }) {
  const text = useSignal('');
  const isMissing = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  const { screen } = tab;
  useLayoutEffect(() => {
    input.current?.focus();
    return () => screen.stopFinding();
  }, [screen]);
  const find = (direction: 'next' | 'previous') => {
    isMissing.value = text.value !== '' && !screen.find(text.value, direction);
  };
  const leave = () => {
    onDone();
    screen.focus();
  };
  return (
    <form
      class="line-form"
      onSubmit={(event) => {
        event.preventDefault();
        find('previous');
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') leave();
      }}
    >
      <div class="field">
        <label for={`find-${tab.id}`}>Find in the terminal</label>
        <input
          id={`find-${tab.id}`}
          ref={input}
          type="search"
          autocomplete="off"
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </div>
      <button type="submit">Up</button>
      <button type="button" onClick={() => find('next')}>
        Down
      </button>
      <button type="button" class="quiet" onClick={leave}>
        Done
      </button>
      <p class="dim" role="status">
        {isMissing.value ? 'Not found' : ''}
      </p>
    </form>
  );
}
