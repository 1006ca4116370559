import type { TlsHook } from '../client/tls.ts';
import type { Tunnel } from '../client/tunnel.ts';
import { codedError } from './errors.ts';

/** A layer of TLS over a connection, as `Tunnel.open(…, { tls })` takes it. */
export type TlsLayer = TlsHook;

interface Registry {
  tunnel?: Tunnel | undefined;
  tls?: TlsLayer | undefined;
}

/** One for the page, however many copies of this module a bundler has made. */
const REGISTRY = Symbol.for('tabwire.shims');
const registry = ((globalThis as { [REGISTRY]?: Registry })[REGISTRY] ??= {});

/**
 * Says through which tunnel the stand-ins of `net`, `tls`, `dns` and `dgram` speak from now on, in all of this page; what is
 * open stays where it is. A call of a stand-in with the option `tunnel` goes by that one.
 *
 * `tls` is what `tls.connect` puts over its connections, in place of what the tunnel was opened with; where there is neither,
 * they fail with ERR_TLS_UNAVAILABLE.
 */
export function setDefaultTunnel(tunnel: Tunnel | undefined, { tls }: { tls?: TlsLayer } = {}): void {
  registry.tunnel = tunnel;
  registry.tls = tls;
}

/** What `setDefaultTunnel` was told last. */
export function getDefaultTunnel(): Tunnel | undefined {
  return registry.tunnel;
}

/** The tunnel of a call. Throws ERR_NO_TUNNEL where there is none. */
export function tunnelOf({ tunnel = registry.tunnel }: { tunnel?: Tunnel | undefined } = {}): Tunnel {
  if (tunnel) return tunnel;
  throw codedError(
    Error,
    'ERR_NO_TUNNEL',
    'There is no tunnel to speak through: call setDefaultTunnel(tunnel) first, or give the option tunnel.',
  );
}

export function defaultTls(): TlsLayer | undefined {
  return registry.tls ?? registry.tunnel?.tls;
}
