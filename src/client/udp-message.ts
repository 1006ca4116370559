import type { UdpDatagram } from '../bridge/api.ts';
import { asciiHost } from './host-name.ts';
import { bytesOf, toDictionary, toDnsQueryType, toOptionalUnsignedLong, toUnsignedShort } from './web-idl.ts';

/** One datagram. `remoteAddress` and `remotePort` are present in bound mode only. */
export interface UDPMessage {
  /** The payload; copied when it is written. */
  data: BufferSource;
  /** Where it goes, or came from; to be sent, a name will do. */
  remoteAddress?: string;
  /** Likewise. */
  remotePort?: number;
  /** In bound mode, of a `remoteAddress` that is a name: which of its addresses count. */
  dnsQueryType?: 'ipv4' | 'ipv6';
  /** Of this message, instead of the socket's; of a received one, what was left. */
  ttl?: number;
  /** DSCP and ECN bits, likewise. */
  tos?: number;
}

/** A received datagram. */
export interface ReceivedUDPMessage extends UDPMessage {
  /** The payload. */
  data: Uint8Array<ArrayBuffer>;
  /** What was left of its hop limit. */
  ttl: number;
  /** Its DSCP and ECN bits. */
  tos: number;
}

/** What the engine is asked to send, with a copy of the bytes. Throws a TypeError for what such a socket cannot send. */
export function datagramOf(
  given: UDPMessage,
  isConnected: boolean,
): UdpDatagram & { data: Uint8Array<ArrayBuffer> } {
  const message = toDictionary(given);
  const hasRemote = message.remoteAddress !== undefined || message.remotePort !== undefined;
  const dnsQueryType = toDnsQueryType(message.dnsQueryType);
  if (isConnected && (hasRemote || dnsQueryType))
    throw new TypeError('A connected socket sends to its remote only.');
  if (!isConnected && (message.remoteAddress === undefined || message.remotePort === undefined))
    throw new TypeError('A bound socket needs remoteAddress and remotePort with each message.');
  const data = new Uint8Array(bytesOf(message.data)); // a copy: the caller keeps its buffer
  const remote = hasRemote
    ? { address: asciiHost(message.remoteAddress), port: toUnsignedShort(message.remotePort) }
    : undefined;
  const ttl = toOptionalUnsignedLong(message.ttl, 'ttl', 1, 255);
  const tos = toOptionalUnsignedLong(message.tos, 'tos', 0, 255);
  return { data, remote, dnsQueryType, ttl, tos };
}

/** What the page reads of it. */
export function messageOf(
  { data, remote, ttl = 0, tos = 0 }: UdpDatagram,
  isConnected: boolean,
): ReceivedUDPMessage {
  const from = !isConnected && remote ? { remoteAddress: remote.address, remotePort: remote.port } : {};
  return { data: data as Uint8Array<ArrayBuffer>, ...from, ttl, tos };
}
