import type { Terminal } from '@xterm/xterm';

/** How the person gets out of the terminal, which takes the Tab key as any other once they type in it. */
export const LEAVE_KEYS = 'Ctrl+Shift+↑';

/**
 * The keys that are the page's and not the shell's: copying, pasting, and leaving by `leave`. Ctrl+C copies while something
 * is selected, and interrupts again from then on. Ctrl+Shift+V and Shift+Insert are the browser's; Ctrl+V, too, where people
 * know it so from other terminals. The Tab key goes on through the page as long as it is the only one that is pressed here.
 */
export class OwnKeys {
  readonly #terminal: Terminal;
  readonly #leave: () => void;
  #isPassing = true;

  /** `terminal`: open already. */
  constructor(terminal: Terminal, leave: () => void) {
    this.#terminal = terminal;
    this.#leave = leave;
    terminal.attachCustomKeyEventHandler((event) => this.#isShells(event));
    terminal.element!.addEventListener('pointerdown', this.enter);
    terminal.textarea!.addEventListener('blur', () => (this.#isPassing = true));
  }

  /** The person is here to type, and does not only come along. */
  readonly enter = (): void => {
    this.#isPassing = false;
  };

  #isShells(event: KeyboardEvent): boolean {
    if (event.key === 'Tab' && this.#isPassing) return false;
    if (event.key !== 'Shift' && event.type === 'keydown') this.enter();
    if (isPaste(event)) return false;
    const act = this.#actOf(event);
    if (!act) return true;
    event.preventDefault();
    if (event.type === 'keydown') act();
    return false;
  }

  #actOf({ ctrlKey, shiftKey, altKey, metaKey, key }: KeyboardEvent): (() => void) | undefined {
    if (!ctrlKey || altKey || metaKey) return undefined;
    if (shiftKey && key === 'ArrowUp') return this.#leave;
    if (key.toLowerCase() !== 'c') return undefined;
    if (this.#terminal.hasSelection()) return () => this.#copy();
    return shiftKey ? () => {} : undefined;
  }

  #copy(): void {
    void navigator.clipboard.writeText(this.#terminal.getSelection()).catch(() => {});
    this.#terminal.clearSelection();
  }
}

function isPaste({ ctrlKey, shiftKey, altKey, metaKey, key }: KeyboardEvent): boolean {
  if (shiftKey && key === 'Insert') return true;
  if (!ctrlKey || altKey || metaKey || key.toLowerCase() !== 'v') return false;
  return shiftKey || navigator.platform.startsWith('Win');
}
