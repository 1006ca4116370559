import { transfer } from 'comlink';
import type { PingMessage, PingReply } from '../bridge/api.ts';
import { fromPlainError } from '../bridge/errors.ts';
import type { EngineClient } from './engine-client.ts';
import { asciiHost } from './host-name.ts';
import { toOptionalUnsignedLong } from './web-idl.ts';

export interface PingOptions {
  /** How many requests; default: until the iteration is left or `signal` aborts. */
  count?: number;
  /** Milliseconds between requests; default 1000, at least 10. */
  interval?: number;
  /** Payload bytes; default 56. */
  size?: number;
  /** Hop limit of the requests; default 64. */
  ttl?: number;
  /** Milliseconds to wait for each reply; default 5000. */
  timeout?: number;
  signal?: AbortSignal;
}

/** What the page has not read yet is bounded: beyond it, the oldest results go. */
const MAX_UNREAD = 4096;

/**
 * ICMP echo through the tunnel: one result for each request, in the order in which they became known. A lost or refused
 * request is a result with `ok: false`, not an error.
 */
export async function* ping(
  engine: EngineClient,
  host: string,
  options: PingOptions = {},
): AsyncGenerator<PingReply> {
  const { signal } = options;
  signal?.throwIfAborted();
  const { port1, port2 } = new MessageChannel();
  const unread: PingReply[] = [];
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
  port1.onmessage = ({ data }: MessageEvent<PingMessage>) => {
    if (data.type === 'reply') unread.push(data.reply);
    if (unread.length > MAX_UNREAD) unread.shift();
    if (data.type === 'end') over();
    else if (data.type === 'error') fail(fromPlainError(data.error));
    else wake();
  };
  const forget = engine.onDeath(fail);
  const stop = () => fail(signal!.reason);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    await engine.call((api) => api.ping(requestOf(host, options), transfer(port2, [port2])));
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
    port1.postMessage({ type: 'close' } satisfies PingMessage);
    port1.close();
  }
}

function requestOf(host: string, options: PingOptions) {
  return {
    address: asciiHost(host),
    count:
      options.count === undefined
        ? Number.POSITIVE_INFINITY
        : toOptionalUnsignedLong(options.count, 'count', 1)!,
    interval: toOptionalUnsignedLong(options.interval, 'interval', 10) ?? 1000,
    size: toOptionalUnsignedLong(options.size, 'size', 0, 65_507) ?? 56,
    ttl: toOptionalUnsignedLong(options.ttl, 'ttl', 1, 255),
    timeout: toOptionalUnsignedLong(options.timeout, 'timeout', 1) ?? 5000,
  };
}
