import type { Terminal } from '@xterm/xterm';

/** How the person gets out of the terminal, which takes the Tab key as any other. */
export const LEAVE_KEYS = 'Ctrl+Shift+↑';

/**
 * The keys that are the page's and not the shell's: copying, pasting, and leaving by `leave`. Ctrl+C copies while something
 * is selected, and interrupts again from then on. Ctrl+Shift+V and Shift+Insert are the browser's; Ctrl+V, too, where people
 * know it so from other terminals.
 */
export function takeOwnKeys(terminal: Terminal, leave: () => void): void {
  terminal.attachCustomKeyEventHandler((event) => {
    if (isPaste(event)) return false;
    const act = actOf(event, terminal, leave);
    if (!act) return true;
    event.preventDefault();
    if (event.type === 'keydown') act();
    return false;
  });
}

function actOf(event: KeyboardEvent, terminal: Terminal, leave: () => void): (() => void) | undefined {
  const { ctrlKey, shiftKey, altKey, metaKey, key } = event;
  if (!ctrlKey || altKey || metaKey) return undefined;
  if (shiftKey && key === 'ArrowUp') return leave;
  if (key.toLowerCase() !== 'c') return undefined;
  if (terminal.hasSelection()) return () => copySelection(terminal);
  return shiftKey ? () => {} : undefined;
}

function isPaste({ ctrlKey, shiftKey, altKey, metaKey, key }: KeyboardEvent): boolean {
  if (shiftKey && key === 'Insert') return true;
  if (!ctrlKey || altKey || metaKey || key.toLowerCase() !== 'v') return false;
  return shiftKey || navigator.platform.startsWith('Win');
}

function copySelection(terminal: Terminal): void {
  void navigator.clipboard.writeText(terminal.getSelection()).catch(() => {});
  terminal.clearSelection();
}
