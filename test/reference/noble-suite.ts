import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import type { AeadKey, CryptoSuite } from '../../src/core/crypto/suite.ts';
import { dh, publicKey } from '../../src/core/crypto/x25519.ts';
import { type EngineMemory, type PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import { sipHash24 } from './siphash.ts';

/**
 * The suite's slow twin: the @noble packages and a BigInt SipHash on ordinary memory. The engine passes its tests
 * with it too, and what WASM answers is compared with what this answers.
 */
export class NobleSuite implements CryptoSuite {
  readonly memory: EngineMemory;
  readonly #keys = new Set<NobleKey>();
  readonly #slots: number;

  /** With room for `slots` keys at a time. */
  constructor(memory: EngineMemory = plainMemory(), slots = 8192) {
    this.memory = memory;
    this.#slots = slots;
  }

  dh(privateKey: Uint8Array, peer: Uint8Array): Uint8Array | undefined {
    return dh(privateKey, peer);
  }

  publicKey(privateKey: Uint8Array): Uint8Array {
    return publicKey(privateKey);
  }

  importKey(key: Uint8Array): AeadKey | undefined {
    checkLength('AEAD key', key, 32);
    if (this.#keys.size === this.#slots) return undefined;
    const slot = new NobleKey(key.slice(), (destroyed) => this.#keys.delete(destroyed));
    this.#keys.add(slot);
    return slot;
  }

  seal(key: AeadKey, counterLow: number, counterHigh: number, packet: PacketBuffer): void {
    const plaintext = packet.memory.slice(packet.start, packet.end);
    packet.append(16);
    packet.memory.set(aead(key, counterLow, counterHigh).encrypt(plaintext), packet.start);
  }

  open(key: AeadKey, counterLow: number, counterHigh: number, packet: PacketBuffer): boolean {
    const cipher = aead(key, counterLow, counterHigh);
    const plaintext = attempt(() => cipher.decrypt(packet.memory.slice(packet.start, packet.end)));
    if (!plaintext) return false;
    packet.memory.set(plaintext, packet.start);
    packet.trimBack(16);
    return true;
  }

  sealBytes(key: Uint8Array, counter: number, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
    return chacha20poly1305(key, nonceOf(counter), aad).encrypt(plaintext);
  }

  openBytes(key: Uint8Array, counter: number, sealed: Uint8Array, aad: Uint8Array): Uint8Array | undefined {
    checkLength('AEAD key', key, 32);
    const cipher = chacha20poly1305(key, nonceOf(counter), aad);
    return attempt(() => cipher.decrypt(sealed));
  }

  xSealBytes(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
    return xchacha20poly1305(key, nonce, aad).encrypt(plaintext);
  }

  xOpenBytes(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    aad: Uint8Array,
  ): Uint8Array | undefined {
    checkLength('AEAD key', key, 32);
    checkLength('nonce', nonce, 24);
    const cipher = xchacha20poly1305(key, nonce, aad);
    return attempt(() => cipher.decrypt(sealed));
  }

  hash(...parts: Uint8Array[]): Uint8Array {
    return blake2s(concat(parts));
  }

  mac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
    return blake2s(concat(parts), { key, dkLen: 16 });
  }

  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
    return hmac(blake2s, key, concat(parts));
  }

  sipHash(key: Uint8Array, message: Uint8Array): [number, number] {
    const result = sipHash24(key, message);
    return [Number(result & 0xffffffffn), Number(result >> 32n)];
  }

  wipe(): void {
    for (const key of this.#keys) key.destroy();
  }
}

class NobleKey implements AeadKey {
  bytes: Uint8Array | undefined;
  readonly #destroyed: (key: NobleKey) => void;

  constructor(bytes: Uint8Array, destroyed: (key: NobleKey) => void) {
    this.bytes = bytes;
    this.#destroyed = destroyed;
  }

  destroy(): void {
    this.bytes?.fill(0);
    this.bytes = undefined;
    this.#destroyed(this);
  }
}

function aead(key: AeadKey, counterLow: number, counterHigh: number) {
  const bytes = (key as NobleKey).bytes;
  if (!bytes) throw new Error('AEAD key used after it was destroyed');
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(4, counterLow, true);
  view.setUint32(8, counterHigh, true);
  return chacha20poly1305(bytes, nonce);
}

function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(4, counter >>> 0, true);
  view.setUint32(8, Math.floor(counter / 0x100000000), true);
  return nonce;
}

/** noble throws on a wrong tag and on less than a tag, but also on arguments that are none. */
function attempt(open: () => Uint8Array): Uint8Array | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}

function checkLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${what}: expected ${length} bytes, got ${bytes.length}`);
}

function concat(parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
