// What the adversary does to a datagram, and what it means then. Each changes `bytes`, which have some room behind the
// message, and returns the new meaning.
import { mac1Key } from '../../src/core/wireguard/cookie.ts';
import { poolKey, publicKey } from './curve.ts';
import type { FastSuite } from './ledger.ts';
import type { Message } from './reference-message.ts';
import { publicKeyOf } from './side.ts';

const MAC_SIZE = 16;

/** One bit, somewhere. Of transport messages and cookie replies the index is not sealed. */
export function corrupt(bytes: Uint8Array, message: Message, at: number, bit: number): Message {
  at %= message.size;
  bytes[at]! ^= 1 << bit;
  const receiver = new DataView(bytes.buffer).getUint32(4, true);
  if (at < 4) return { ...message, broken: 'type' };
  if (message.kind === 'initiation' || message.kind === 'response')
    return at < message.size - MAC_SIZE ? { ...message, broken: 'mac1' } : { ...message, mac2: 'garbled' };
  return at < 8 ? { ...message, receiver } : { ...message, broken: 'body' };
}

/** The same to a handshake message, whose mac1 is then made right again: anybody can do that. */
export function tamper(
  bytes: Uint8Array,
  message: Message,
  at: number,
  bit: number,
  suite: FastSuite,
): Message {
  if (message.kind === 'transport' || message.kind === 'cookie') return corrupt(bytes, message, at, bit);
  const mac1At = message.size - 2 * MAC_SIZE;
  at = 4 + (at % (mac1At - 4));
  bytes[at]! ^= 1 << bit;
  writeMac1(bytes, mac1At, message.to, suite);
  const view = new DataView(bytes.buffer);
  const mac2 = message.mac2 !== undefined && { mac2: 'garbled' };
  const changed = { ...message, mac1: -1, ...mac2, sender: view.getUint32(4, true) };
  if (at < 8) return changed;
  if (changed.kind === 'initiation') return { ...changed, broken: at < 88 ? 'static' : 'timestamp' };
  return at < 12 ? { ...changed, receiver: view.getUint32(8, true) } : { ...changed, broken: 'body' };
}

/** Longer or shorter. */
export function resize(bytes: Uint8Array, message: Message, by: number): Message {
  if (by === 0) return message;
  const size = Math.max(0, message.size + by);
  bytes.fill(0, size);
  return { ...message, size, broken: message.kind === 'transport' && size >= 32 ? 'body' : 'type' };
}

/** A key pair that is nobody's. */
const STRANGER = poolKey(500);
const FILLER = 0xa5;

/** What was never a message of anyone: for `static`, a curve point and the mac1 that anybody can make. */
export function makeGarbage(
  kind: 'random' | 'reserved' | 'static',
  size: number,
  to: string,
  suite: FastSuite,
): { bytes: Uint8Array; message: Omit<Message & { kind: 'initiation' }, 'id'> } {
  if (kind === 'static') size = 148;
  const bytes = new Uint8Array(size).fill(FILLER);
  if (kind === 'reserved') bytes.set([1 + (size % 4), 0, 0, 1 + (size % 255)].slice(0, size));
  if (kind === 'static') {
    bytes.set([1, 0, 0, 0]);
    bytes.set(publicKey(STRANGER), 8);
    writeMac1(bytes, 116, to, suite);
  }
  const message = { kind: 'initiation', by: 'nobody', to, size, sender: 0xa5a5_a5a5, timestamp: 0 } as const;
  return { bytes, message: { ...message, broken: kind === 'static' ? 'static' : 'type' } };
}

function writeMac1(bytes: Uint8Array, at: number, to: string, suite: FastSuite): void {
  bytes.set(suite.mac(mac1Key(suite, publicKeyOf(to)), bytes.subarray(0, at)), at);
}
