import { TunnelError } from '../core/errors.ts';
import type { Millis } from '../core/time.ts';

/** What we use of a WebSocket: a browser's, or that of Node's `ws`. */
export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown } & never) => void) | null;
  onclose: ((event: { code: number; reason: string } & never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

/** The platform's parts, which tests replace. */
export interface RelayTransportHost {
  readonly connect: (url: string, protocols: string[]) => WebSocketLike;
  readonly fetch: typeof globalThis.fetch;
  readonly setTimer: (run: () => void, delay: Millis) => unknown;
  readonly clearTimer: (timer: unknown) => void;
  /** 0 ≤ x < 1; spreads reconnections and needs no secrecy. */
  readonly random: () => number;
  /** The page's origin, for messages; undefined where there is no page. */
  readonly origin: string | undefined;
}

export function platformHost(): RelayTransportHost {
  return {
    connect: (url, protocols) => new WebSocket(url, protocols),
    fetch: (...request) => fetch(...request),
    setTimer: (run, delay) => setTimeout(run, delay),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    random: Math.random,
    origin: globalThis.location?.origin,
  };
}

/** The URL as it is used and shown. Nothing secret belongs into a URL, so there is no room for it. */
export function checkUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TunnelError('ERR_CONFIG', 'The relay must be a URL such as wss://relay.example/v1.');
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new TunnelError(
      'ERR_CONFIG',
      `The relay's URL must begin with wss:// or ws://, not ${url.protocol}//.`,
    );
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new TunnelError(
      'ERR_CONFIG',
      "The relay's URL may hold no user name, password, query or fragment.",
    );
  return url.href;
}
