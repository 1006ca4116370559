import type { Tunnel } from '../client/tunnel.ts';
import type { lookup } from './dns-lookup.ts';
import { checkCallback, codedError } from './errors.ts';

/** What `createSocket` takes, under Node's names. */
export interface DatagramSocketOptions {
  /** `udp6` hears IPv4 too, unless `ipv6Only`. */
  type: 'udp4' | 'udp6';
  /** Others that say so may have the same address and port. */
  reuseAddr?: boolean;
  /** Taken and not used. */
  reusePort?: boolean;
  /** Of `udp6`: IPv4 is not heard. */
  ipv6Only?: boolean;
  /** Bytes; a hint. */
  recvBufferSize?: number;
  /** Bytes; a hint. */
  sendBufferSize?: number;
  /** Asked for the addresses of names instead of the tunnel. */
  lookup?: typeof lookup;
  /** Closes the socket. */
  signal?: AbortSignal;
  /** Instead of the one of `setDefaultTunnel`. */
  tunnel?: Tunnel;
}

export function datagramOptionsOf(options: 'udp4' | 'udp6' | DatagramSocketOptions): DatagramSocketOptions {
  const given: DatagramSocketOptions = typeof options === 'string' ? { type: options } : options;
  if (given?.type !== 'udp4' && given?.type !== 'udp6')
    throw codedError(
      TypeError,
      'ERR_SOCKET_BAD_TYPE',
      'Bad socket type specified. Valid types are: udp4, udp6',
    );
  checkCallback(given.lookup, 'options.lookup');
  return given;
}

/** What to send, in one piece of the caller's own: text is UTF-8, an array of parts is joined. */
export type Message = string | ArrayBufferView | readonly (string | ArrayBufferView)[];
