import type { Tunnel } from '../client/tunnel.ts';
import type { lookup } from './dns-lookup.ts';
import { checkCallback, codedError } from './errors.ts';

export interface DatagramSocketOptions {
  type: 'udp4' | 'udp6';
  reuseAddr?: boolean;
  reusePort?: boolean;
  ipv6Only?: boolean;
  /** Bytes; a hint. */
  recvBufferSize?: number;
  sendBufferSize?: number;
  lookup?: typeof lookup;
  signal?: AbortSignal;
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
