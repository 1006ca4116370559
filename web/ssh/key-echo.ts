/** Longer than this no transfer waits for a key to be shown: a password is never shown. */
const LONGEST = 80;
/** Then it has as long as this before it waits again, whatever is typed. */
const TURN = 240;

/** Who has typed will type again. */
const TYPES_ON = 1000;

/**
 * Whether somebody waits to see what they typed. Meanwhile transfers ask for nothing more: on the same connection the key
 * would wait behind them, and on a busy machine so would everything else that it passes through.
 */
export class KeyEcho {
  #shown: Promise<void> | undefined;
  #show: () => void = () => {};
  #hasCome = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #patientAt = 0;
  #typedAt = Number.NEGATIVE_INFINITY;

  /** Resolves when nobody waits; undefined if nobody does. */
  get shown(): Promise<void> | undefined {
    return this.#shown;
  }

  /** A key may come at any moment: little should be on its way by then. */
  get isTyping(): boolean {
    return performance.now() - this.#typedAt < TYPES_ON;
  }

  typed(): void {
    this.#typedAt = performance.now();
    if (this.#shown || performance.now() < this.#patientAt) return;
    this.#hasCome = false;
    this.#shown = new Promise((resolve) => (this.#show = resolve));
    this.#timer = setTimeout(() => {
      this.#patientAt = performance.now() + TURN;
      this.#end();
    }, LONGEST);
  }

  /** The other side has written something. */
  came(): void {
    this.#hasCome = true;
  }

  /** What has come is on the screen. */
  drawn(): void {
    if (this.#hasCome) this.#end();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#shown = undefined;
    this.#show();
  }
}
