// Node's `timers/promises`.

interface TimerOptions {
  signal?: AbortSignal;
}

/** Resolves to `value` after so many milliseconds; rejects when the signal says so. */
export function setTimeout<Value>(delay = 0, value?: Value, { signal }: TimerOptions = {}): Promise<Value> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const aborted = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener('abort', aborted);
      resolve(value as Value);
    }, delay);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

export function setImmediate<Value>(value?: Value, options: TimerOptions = {}): Promise<Value> {
  return setTimeout(0, value, options);
}

export async function* setInterval<Value>(delay = 0, value?: Value, options: TimerOptions = {}) {
  for (;;) yield await setTimeout(delay, value, options);
}

export * as default from './timers-promises.ts';
