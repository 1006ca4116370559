// The four messages (WG §5.4.2–§5.4.6). Integers are little-endian. The type and its three reserved zero bytes are read
// as one u32, so that a reserved byte that is not zero is an unknown type.
import type { PacketBuffer } from '../packet-buffer.ts';
import {
  COOKIE_REPLY,
  COOKIE_REPLY_SIZE,
  INITIATION,
  INITIATION_SIZE,
  RECEIVER_INDEX,
  RESPONSE,
  RESPONSE_SIZE,
  TRANSPORT,
  TRANSPORT_MIN_SIZE,
} from '../wire/wireguard.ts';

export * from '../wire/wireguard.ts';

export const TRANSPORT_HEADER_SIZE = 16;
export const TAG_SIZE = 16;
export const MAC_SIZE = 16;

export const COUNTER_LOW = 8;
export const COUNTER_HIGH = 12;

/** Where the fields of a message lie: [start, end). */
export const INITIATION_FIELDS = {
  ephemeral: [8, 40],
  encryptedStatic: [40, 88],
  encryptedTimestamp: [88, 116],
} as const;
export const RESPONSE_FIELDS = { ephemeral: [12, 44], encryptedEmpty: [44, 60] } as const;
export const COOKIE_REPLY_FIELDS = { nonce: [8, 32], encryptedCookie: [32, 64] } as const;

/** One field of a message, as a view into it. */
export function field(message: Uint8Array, [start, end]: readonly [number, number]): Uint8Array {
  return message.subarray(start, end);
}

export type MessageType = typeof INITIATION | typeof RESPONSE | typeof COOKIE_REPLY | typeof TRANSPORT;

/** What the datagram is, going by its first four bytes and its length; undefined: no message of WireGuard. */
export function readMessageType(datagram: PacketBuffer): MessageType | undefined {
  const { length } = datagram;
  if (length < 4) return undefined;
  const type = datagram.view.getUint32(datagram.start, true);
  if (type === TRANSPORT) return length >= TRANSPORT_MIN_SIZE ? TRANSPORT : undefined;
  if (type === INITIATION) return length === INITIATION_SIZE ? INITIATION : undefined;
  if (type === RESPONSE) return length === RESPONSE_SIZE ? RESPONSE : undefined;
  if (type === COOKIE_REPLY) return length === COOKIE_REPLY_SIZE ? COOKIE_REPLY : undefined;
  return undefined;
}

export function writeIndex(message: Uint8Array, at: number, value: number): void {
  message[at] = value;
  message[at + 1] = value >>> 8;
  message[at + 2] = value >>> 16;
  message[at + 3] = value >>> 24;
}

/** An empty handshake message of a type: all zero but for the type. */
export function newMessage(type: typeof INITIATION | typeof RESPONSE): Uint8Array {
  const message = new Uint8Array(type === INITIATION ? INITIATION_SIZE : RESPONSE_SIZE);
  message[0] = type;
  return message;
}

/** Writes the header of a transport message at `at`; the counter is two unsigned halves. */
export function writeTransportHeader(
  view: DataView,
  at: number,
  receiverIndex: number,
  counterLow: number,
  counterHigh: number,
): void {
  view.setUint32(at, TRANSPORT, true);
  view.setUint32(at + RECEIVER_INDEX, receiverIndex, true);
  view.setUint32(at + COUNTER_LOW, counterLow, true);
  view.setUint32(at + COUNTER_HIGH, counterHigh, true);
}
