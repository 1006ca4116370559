// Node's `tls` over a tunnel: the layer itself is whoever's `setDefaultTunnel(tunnel, { tls })` was given.
import { type SecureOptions, TLSSocket } from './tls-socket.ts';

export { getDefaultTunnel, setDefaultTunnel, type TlsLayer } from './default-tunnel.ts';
export { checkServerIdentity, type NamedCertificate } from './server-identity.ts';
export { type SecureOptions, TLSSocket } from './tls-socket.ts';

/**
 * (options[, listener]), (port[, host][, options][, listener]). The listener is for 'secureConnect'. Without a layer of TLS
 * the socket fails with ERR_TLS_UNAVAILABLE.
 */
export function connect(...args: unknown[]): TLSSocket {
  const listener = args.find((arg) => typeof arg === 'function') as (() => void) | undefined;
  const options = Object.assign({}, ...args.filter((arg) => typeof arg === 'object')) as SecureOptions;
  const [first, second] = args;
  if (typeof first === 'number' || typeof first === 'string') options.port = first;
  if (typeof second === 'string') options.host = second;
  const socket = new TLSSocket(options.socket, options);
  if (listener) socket.once('secureConnect', listener);
  socket.start();
  return socket;
}

/** What Node makes of certificates and keys; the layer of TLS is given it as it is. */
export function createSecureContext(options: object = {}): object {
  return { context: options };
}

/** Node's defaults, for who reads them: the versions that are offered are the layer's. */
export const DEFAULT_MIN_VERSION = 'TLSv1.2';
/** Likewise. */
export const DEFAULT_MAX_VERSION = 'TLSv1.3';
/** Empty: whom to trust is the layer's. */
export const rootCertificates: readonly string[] = Object.freeze([]);

/** Those of TLS 1.3, in Node's spelling. */
export function getCiphers(): string[] {
  return ['tls_aes_128_gcm_sha256', 'tls_aes_256_gcm_sha384', 'tls_chacha20_poly1305_sha256'];
}

/** As of Node's: the module itself. */
export * as default from './tls.ts';
