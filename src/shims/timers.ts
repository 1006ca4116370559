// Node's `timers`: objects, where those of a page are numbers.
import { invalidArgType } from './errors.ts';
import * as promises from './timers-promises.ts';

type Callback<Args extends unknown[]> = (...args: Args) => void;
/** What the page's own functions take and give. In Node, where tests run, they give objects. */
type PageTimer = Parameters<typeof globalThis.clearTimeout>[0];

/** What `setTimeout` and `setInterval` give. Who wants a number gets the page's, so that its own clearTimeout takes one, too. */
export class Timeout {
  readonly #start: () => number;
  #id: number;

  constructor(start: () => number) {
    this.#start = start;
    this.#id = start();
  }

  /** Nothing keeps a page alive. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  /** Waits as long once more, also after it was over. */
  refresh(): this {
    this.close();
    this.#id = this.#start();
    return this;
  }

  close(): this {
    globalThis.clearTimeout(this.#id as PageTimer);
    return this;
  }

  [Symbol.toPrimitive](): number {
    return this.#id;
  }
}

class Immediate {
  #isCancelled = false;

  constructor(run: () => void) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      if (!this.#isCancelled) run();
    };
    port2.postMessage(undefined);
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  cancel(): void {
    this.#isCancelled = true;
  }
}

export function setTimeout<Args extends unknown[]>(
  run: Callback<Args>,
  delay?: number,
  ...args: Args
): Timeout {
  return start(globalThis.setTimeout, run, delay, args);
}

export function setInterval<Args extends unknown[]>(
  run: Callback<Args>,
  delay?: number,
  ...args: Args
): Timeout {
  return start(globalThis.setInterval, run, delay, args);
}

function start<Args extends unknown[]>(
  set: (run: () => void, delay?: number) => unknown,
  run: Callback<Args>,
  delay: number | undefined,
  args: Args,
): Timeout {
  checkCallback(run);
  const timer: Timeout = new Timeout(() => Number(set(() => run.apply(timer, args), delay)));
  return timer;
}

/** Of either, and of a number, too. */
export function clearTimeout(timer: Timeout | number | string | null | undefined): void {
  if (timer instanceof Timeout) timer.close();
  else globalThis.clearTimeout((timer ?? undefined) as PageTimer);
}

/** After what waits now, messages among it, and before timers. */
export function setImmediate<Args extends unknown[]>(run: Callback<Args>, ...args: Args): Immediate {
  checkCallback(run);
  return new Immediate(() => run(...args));
}

export function clearImmediate(immediate: Immediate | undefined): void {
  immediate?.cancel();
}

function checkCallback(run: unknown): void {
  if (typeof run !== 'function') throw invalidArgType('callback', 'of type function', run);
}

const custom = Symbol.for('nodejs.util.promisify.custom');
Object.defineProperty(setTimeout, custom, { get: () => promises.setTimeout });
Object.defineProperty(setImmediate, custom, { get: () => promises.setImmediate });

export * as default from './timers.ts';
export { clearTimeout as clearInterval, promises };
