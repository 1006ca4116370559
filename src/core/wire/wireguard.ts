// WireGuard's datagrams from outside (WG §5.4.2–§5.4.6): as much as those need who carry them without any key.

export const INITIATION = 1;
export const RESPONSE = 2;
export const COOKIE_REPLY = 3;
export const TRANSPORT = 4;

export const INITIATION_SIZE = 148;
export const RESPONSE_SIZE = 92;
export const COOKIE_REPLY_SIZE = 64;
/** Header and tag: a transport message without content, which is what a keepalive is. */
export const TRANSPORT_MIN_SIZE = 32;

// Offsets. In initiations and responses, and in cookie replies and transport messages, byte 4 begins an index.
export const SENDER_INDEX = 4;
export const RESPONSE_RECEIVER_INDEX = 8;
export const RECEIVER_INDEX = 4;

/** A u32 of a message, little-endian. */
export function readIndex(message: Uint8Array, at: number): number {
  return (message[at]! | (message[at + 1]! << 8) | (message[at + 2]! << 16) | (message[at + 3]! << 24)) >>> 0;
}

/** Whether the datagram has a packet in it: not a handshake, nor a keepalive, both of which are few and must not wait. */
export function carriesPacket(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes[start] === TRANSPORT && end - start > TRANSPORT_MIN_SIZE;
}
