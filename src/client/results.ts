import { transfer } from 'comlink';
import type { EngineApi, ResultMessage } from '../bridge/api.ts';
import { fromPlainError, type Outcome } from '../bridge/errors.ts';
import type { EngineClient } from './engine-client.ts';

/** What the page has not read yet is bounded: beyond it, the oldest results go. */
const MAX_UNREAD = 4096;

/** Has the engine start something, and yields its results as they come; leaving the loop, or `signal`, ends it there. */
export async function* resultsOf<T>(
  engine: EngineClient,
  start: (api: EngineApi, port: MessagePort) => Promise<Outcome<void>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  signal?.throwIfAborted();
  const { port1, port2 } = new MessageChannel();
  const unread: T[] = [];
  let isOver = false;
  let failure: { reason: unknown } | undefined;
  let wake = () => {};
  const over = () => {
    isOver = true;
    wake();
  };
  const fail = (reason: unknown) => {
    failure = { reason };
    wake();
  };
  port1.onmessage = ({ data }: MessageEvent<ResultMessage<T>>) => {
    if (data.type === 'result') unread.push(data.result);
    if (unread.length > MAX_UNREAD) unread.shift();
    if (data.type === 'end') over();
    else if (data.type === 'error') fail(fromPlainError(data.error));
    else wake();
  };
  const forget = engine.onDeath(fail);
  const stop = () => fail(signal!.reason);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await engine.call((api) => start(api, transfer(port2, [port2])));
    while (true) {
      yield* unread.splice(0);
      if (failure) throw failure.reason;
      if (isOver && unread.length === 0) return;
      if (unread.length > 0) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    forget();
    signal?.removeEventListener('abort', stop);
    port1.postMessage({ type: 'close' } satisfies ResultMessage<T>);
    port1.close();
  }
}

/** Has the engine find an answer; `signal` ends the search, there too. */
export async function answerOf<T>(
  engine: EngineClient,
  ask: (api: EngineApi, port: MessagePort) => Promise<Outcome<T>>,
  signal: AbortSignal | undefined,
): Promise<T> {
  signal?.throwIfAborted();
  const { port1, port2 } = new MessageChannel();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      port1.postMessage({ type: 'close' });
      reject(signal!.reason);
    };
  });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([engine.call((api) => ask(api, transfer(port2, [port2]))), aborted]);
  } finally {
    signal?.removeEventListener('abort', stop);
    port1.close();
  }
}
