import { vi } from 'vitest';

/** Timers as a page has them, until `vi.unstubAllGlobals()`: numbers, and functions that are called on nothing but the window. */
export function stubPageTimers(): void {
  for (const name of ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] as const) {
    const own = globalThis[name] as (...args: unknown[]) => unknown;
    vi.stubGlobal(name, function (this: unknown, ...args: unknown[]) {
      if (this !== undefined && this !== globalThis) throw new TypeError('Illegal invocation');
      const [first, ...rest] = args;
      // What WebIDL makes of an object that should have been a number.
      return name.startsWith('set') ? Number(own(...args)) : own(Number(first), ...rest);
    });
  }
}
