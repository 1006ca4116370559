// Node's `timers`. Those of a page are numbers; they have no `ref` and no `unref`.
const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;

type Immediate = { readonly cancelled: boolean; cancel(): void };

/** After what waits now, messages among it, and before timers. */
export function setImmediate<Args extends unknown[]>(run: (...args: Args) => void, ...args: Args): Immediate {
  let isCancelled = false;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    if (!isCancelled) run(...args);
  };
  port2.postMessage(undefined);
  return {
    get cancelled() {
      return isCancelled;
    },
    cancel: () => {
      isCancelled = true;
    },
  };
}

export function clearImmediate(immediate: Immediate | undefined): void {
  immediate?.cancel();
}

export * as default from './timers.ts';
export * as promises from './timers-promises.ts';
export { clearInterval, clearTimeout, setInterval, setTimeout };
