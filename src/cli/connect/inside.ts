import type { Duplex } from 'node:stream';
import { TunnelError } from '../../core/errors.ts';
import type { Tunnel } from '../../node/index.ts';
import { BreakableDuplex } from '../../node/stream-duplex.ts';
import type { Place } from '../places.ts';

/** Of a tunnel, what leads into it. */
export type Inside = Pick<Tunnel, 'TCPSocket' | 'UDPSocket' | 'TCPServerSocket'>;

/** Milliseconds until a host inside that says nothing is given up. Linux would try for two minutes. */
const CONNECT_TIMEOUT = 30_000;
/** Milliseconds of silence after which a host inside is asked whether it is still there. */
const KEEP_ALIVE_DELAY = 120_000;

/**
 * A TCP connection to a host inside the tunnel, whose names are looked up there. Rejects with a TunnelError. `gone` gives
 * up waiting for it. Destroyed before both its ends, it is reset.
 */
export async function connectInside(
  inside: Inside,
  { host, port }: Place,
  gone?: AbortSignal,
): Promise<Duplex> {
  const broken = new AbortController();
  const giveUp = () => broken.abort();
  gone?.addEventListener('abort', giveUp, { once: true });
  try {
    if (gone?.aborted) giveUp();
    const socket = new inside.TCPSocket(host, port, {
      noDelay: true,
      timeout: CONNECT_TIMEOUT,
      keepAliveDelay: KEEP_ALIVE_DELAY,
      signal: broken.signal,
    });
    return new BreakableDuplex(await socket.opened, giveUp);
  } catch (error) {
    throw failureOf(error);
  } finally {
    gone?.removeEventListener('abort', giveUp);
  }
}

/** The TunnelError behind what a socket was rejected with. */
export function failureOf(error: unknown): TunnelError {
  const { cause } = error as { cause?: unknown };
  for (const known of [cause, error]) if (known instanceof TunnelError) return known;
  return new TunnelError(
    'ERR_CLOSED',
    error instanceof Error ? error.message : 'The connection was given up.',
  );
}
