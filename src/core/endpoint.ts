import { hostAndPort } from './host-port.ts';

/**
 * Where a peer's datagrams go: WireGuard's word, never used for TCP or UDP sockets. Made and interned by a
 * transport, so that the same place is always the same object and roaming is a comparison of references.
 */
export interface Endpoint {
  /** An IP address as text; behind a relay it may still be the host name that the relay resolves. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with brackets around an IPv6 address. */
export function printEndpoint(endpoint: Endpoint): string {
  return hostAndPort(endpoint.host, endpoint.port);
}
