import { wipe } from '../bytes.ts';
import { type EngineMemory, PacketBuffer } from '../packet-buffer.ts';
import type { AeadKey, CryptoSuite, Curve } from './suite.ts';
import { NOBLE_CURVE } from './x25519.ts';

/** What of assembly/tabwire.wasm is used here. Pointers and lengths are bytes; assembly/README.md has the rules. */
export interface AssemblyExports {
  readonly memory: { readonly buffer: ArrayBuffer };

  sealPacket(key: number, counterLow: number, counterHigh: number, packet: number, length: number): void;
  openPacket(key: number, counterLow: number, counterHigh: number, packet: number, length: number): number;
  seal(...args: AeadArguments): void;
  open(...args: AeadArguments): number;
  xSeal(...args: XAeadArguments): void;
  xOpen(...args: XAeadArguments): number;
  blake2sBegin(key: number, keyLength: number, outputLength: number): void;
  blake2sUpdate(message: number, length: number): void;
  blake2sFinish(output: number): void;
  hmacBegin(key: number, keyLength: number): void;
  hmacFinish(output: number): void;
  sipHash(key: number, message: number, length: number, output: number): void;

  readonly scratch: Constant;
  readonly inputKey: Constant;
  readonly inputNonce: Constant;
  readonly output: Constant;
  readonly inputText: Constant;
  readonly inputTextEnd: Constant;
  readonly keySlots: Constant;
  readonly keySlotCount: Constant;
  readonly ingress: Constant;
  readonly egress: Constant;
  readonly packetSlots: Constant;
}

type AeadArguments = [
  key: number,
  nonce0: number,
  nonce1: number,
  nonce2: number,
  aad: number,
  aadLength: number,
  text: number,
  length: number,
];
type XAeadArguments = [
  key: number,
  nonce: number,
  aad: number,
  aadLength: number,
  text: number,
  length: number,
];

/** An immutable global of the module. */
interface Constant {
  readonly value: number;
}

const KEY_LENGTH = 32;
const TAG_LENGTH = 16;
const HASH_LENGTH = 32;
const MAC_LENGTH = 16;
const HMAC_BLOCK = 64;
/** So many packets until the browser has compiled the ciphers for good; the first ones cost fifty times as much. */
const WARM_UP_PACKETS = 3000;

/**
 * The suite over WASM: the only place that knows pointers. Keys and packets lie in the module's memory and are
 * worked on where they lie; byte strings are copied in and out, and their traces wiped.
 */
export class WasmSuite implements CryptoSuite {
  readonly memory: EngineMemory;
  readonly #wasm: AssemblyExports;
  readonly #curve: Curve;
  readonly #bytes: Uint8Array;
  /** Addresses of free key slots. */
  readonly #freeSlots: number[] = [];
  #wiped = false;
  #warmUpLeft = WARM_UP_PACKETS;

  // The layout, read once.
  readonly #scratch: number;
  readonly #inputKey: number;
  readonly #inputNonce: number;
  readonly #output: number;
  readonly #text: number;
  readonly #textEnd: number;

  /** `curve`: the platform's own Curve25519, where it has one that is synchronous. */
  constructor(exports: AssemblyExports, { curve = NOBLE_CURVE }: { curve?: Curve } = {}) {
    const { buffer } = exports.memory;
    const packetSlots = exports.packetSlots.value;
    this.#wasm = exports;
    this.#curve = curve;
    this.#bytes = new Uint8Array(buffer);
    this.memory = {
      bytes: this.#bytes,
      view: new DataView(buffer),
      slots: { start: packetSlots, end: buffer.byteLength },
      ingress: { start: exports.ingress.value, end: exports.egress.value },
      egress: { start: exports.egress.value, end: packetSlots },
    };
    this.#scratch = exports.scratch.value;
    this.#inputKey = exports.inputKey.value;
    this.#inputNonce = exports.inputNonce.value;
    this.#output = exports.output.value;
    this.#text = exports.inputText.value;
    this.#textEnd = exports.inputTextEnd.value;
    for (let i = exports.keySlotCount.value - 1; i >= 0; i--)
      this.#freeSlots.push(exports.keySlots.value + i * KEY_LENGTH);
  }

  // ---- packets ----

  importKey(key: Uint8Array): AeadKey | undefined {
    checkLength('AEAD key', key, KEY_LENGTH);
    this.#checkUsable();
    const address = this.#freeSlots.pop();
    if (address === undefined) return undefined;
    this.#bytes.set(key, address);
    return new WasmKey(address, this.#freeSlot);
  }

  seal(key: AeadKey, counterLow: number, counterHigh: number, packet: PacketBuffer): void {
    const address = this.#addressOf(key, packet);
    const length = packet.end - packet.start;
    packet.append(TAG_LENGTH);
    this.#wasm.sealPacket(address, counterLow, counterHigh, packet.start, length);
  }

  open(key: AeadKey, counterLow: number, counterHigh: number, packet: PacketBuffer): boolean {
    const address = this.#addressOf(key, packet);
    const length = packet.end - packet.start;
    if (this.#wasm.openPacket(address, counterLow, counterHigh, packet.start, length) === 0) return false;
    packet.trimBack(TAG_LENGTH);
    return true;
  }

  /**
   * Seals and opens up to `packets` packets of zeros under a key of zeros; returns how many are left to do. Call
   * it in slices at load, so that the first real packets meet compiled code.
   */
  warmUp(packets: number): number {
    const key = this.#warmUpLeft > 0 ? this.importKey(new Uint8Array(KEY_LENGTH)) : undefined;
    if (!key) return 0;
    const packet = new PacketBuffer(this.memory, { start: this.#text, end: this.#textEnd });
    for (; packets > 0 && this.#warmUpLeft > 0; packets--, this.#warmUpLeft--) {
      packet.reset(0);
      packet.append(packets % 4 === 0 ? 64 : 1420);
      this.seal(key, packets, 0, packet);
      this.open(key, packets, 0, packet);
    }
    key.destroy();
    return this.#warmUpLeft;
  }

  /** The key's address, after checks that cost nothing next to the cipher. */
  #addressOf(key: AeadKey, packet: PacketBuffer): number {
    const { address } = key as WasmKey;
    if (!(address > 0) || this.#wiped) throw new Error('AEAD key used after it was destroyed');
    if (packet.memory !== this.#bytes) throw new RangeError("packet outside the engine's memory");
    return address;
  }

  /** Zeroes a slot, and the scratch in which keystream of that key may still lie. */
  readonly #freeSlot = (address: number): void => {
    this.#bytes.fill(0, address, address + KEY_LENGTH);
    this.#scrub(0);
    this.#freeSlots.push(address);
  };

  // ---- byte strings ----

  sealBytes(key: Uint8Array, counter: number, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
    const text = this.#enter(key, aad, plaintext, TAG_LENGTH);
    this.#wasm.seal(
      this.#inputKey,
      0,
      lowHalf(counter),
      highHalf(counter),
      this.#text,
      aad.length,
      text,
      plaintext.length,
    );
    return this.#leave(text, plaintext.length + TAG_LENGTH);
  }

  openBytes(key: Uint8Array, counter: number, sealed: Uint8Array, aad: Uint8Array): Uint8Array | undefined {
    const text = this.#enter(key, aad, sealed, 0);
    const ok = this.#wasm.open(
      this.#inputKey,
      0,
      lowHalf(counter),
      highHalf(counter),
      this.#text,
      aad.length,
      text,
      sealed.length,
    );
    return this.#leaveIf(ok !== 0, text, sealed.length);
  }

  xSealBytes(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
    checkLength('nonce', nonce, 24);
    const text = this.#enter(key, aad, plaintext, TAG_LENGTH);
    this.#bytes.set(nonce, this.#inputNonce);
    this.#wasm.xSeal(this.#inputKey, this.#inputNonce, this.#text, aad.length, text, plaintext.length);
    return this.#leave(text, plaintext.length + TAG_LENGTH);
  }

  xOpenBytes(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    aad: Uint8Array,
  ): Uint8Array | undefined {
    checkLength('nonce', nonce, 24);
    const text = this.#enter(key, aad, sealed, 0);
    this.#bytes.set(nonce, this.#inputNonce);
    const ok = this.#wasm.xOpen(
      this.#inputKey,
      this.#inputNonce,
      this.#text,
      aad.length,
      text,
      sealed.length,
    );
    return this.#leaveIf(ok !== 0, text, sealed.length);
  }

  /** Copies an AEAD's key, AAD and text in; returns where the text lies, with `room` bytes after it. */
  #enter(key: Uint8Array, aad: Uint8Array, text: Uint8Array, room: number): number {
    checkLength('AEAD key', key, KEY_LENGTH);
    this.#checkUsable();
    const at = this.#text + aad.length;
    if (at + text.length + room > this.#textEnd)
      throw new RangeError(`AEAD: ${aad.length} + ${text.length} bytes are more than fit`);
    this.#bytes.set(key, this.#inputKey);
    this.#bytes.set(aad, this.#text);
    this.#bytes.set(text, at);
    return at;
  }

  /** Copies the result out and wipes all traces. */
  #leave(at: number, length: number): Uint8Array {
    const result = this.#bytes.slice(at, at + length);
    this.#scrub(at + length - this.#text);
    return result;
  }

  /** The same for `length` bytes with their tag, if they opened. */
  #leaveIf(ok: boolean, text: number, length: number): Uint8Array | undefined {
    const result = ok ? this.#bytes.slice(text, text + length - TAG_LENGTH) : undefined;
    this.#scrub(text + length - this.#text);
    return result;
  }

  hash(...parts: Uint8Array[]): Uint8Array {
    this.#checkUsable();
    this.#wasm.blake2sBegin(0, 0, HASH_LENGTH);
    const longest = this.#update(parts);
    this.#wasm.blake2sFinish(this.#output);
    return this.#leaveOutput(HASH_LENGTH, longest);
  }

  mac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
    if (key.length === 0 || key.length > 32)
      throw new RangeError(`BLAKE2s key: expected 1 to 32 bytes, got ${key.length}`);
    this.#checkUsable();
    this.#bytes.set(key, this.#inputKey);
    this.#wasm.blake2sBegin(this.#inputKey, key.length, MAC_LENGTH);
    const longest = this.#update(parts);
    this.#wasm.blake2sFinish(this.#output);
    return this.#leaveOutput(MAC_LENGTH, longest);
  }

  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
    if (key.length > HMAC_BLOCK) {
      const shorter = this.hash(key); // RFC 2104 §2
      const result = this.hmac(shorter, ...parts);
      wipe(shorter);
      return result;
    }
    this.#checkUsable();
    this.#bytes.set(key, this.#inputKey);
    this.#wasm.hmacBegin(this.#inputKey, key.length);
    const longest = this.#update(parts);
    this.#wasm.hmacFinish(this.#output);
    return this.#leaveOutput(HASH_LENGTH, longest);
  }

  sipHash(key: Uint8Array, message: Uint8Array): [number, number] {
    checkLength('SipHash key', key, 16);
    this.#checkUsable();
    if (this.#text + message.length > this.#textEnd)
      throw new RangeError(`SipHash: ${message.length} bytes are more than fit`);
    this.#bytes.set(key, this.#inputKey);
    this.#bytes.set(message, this.#text);
    this.#wasm.sipHash(this.#inputKey, this.#text, message.length, this.#output);
    const { view } = this.memory;
    const result: [number, number] = [
      view.getUint32(this.#output, true),
      view.getUint32(this.#output + 4, true),
    ];
    this.#scrub(message.length);
    return result;
  }

  /** Feeds the parts of a message to the hash that has begun, in pieces that fit; returns the longest of them. */
  #update(parts: Uint8Array[]): number {
    const room = this.#textEnd - this.#text;
    let longest = 0;
    for (const part of parts) {
      for (let at = 0; at < part.length; at += room) {
        const piece = part.length <= room ? part : part.subarray(at, at + room);
        this.#bytes.set(piece, this.#text);
        this.#wasm.blake2sUpdate(this.#text, piece.length);
        longest = Math.max(longest, piece.length);
      }
    }
    return longest;
  }

  #leaveOutput(length: number, textUsed: number): Uint8Array {
    const result = this.#bytes.slice(this.#output, this.#output + length);
    this.#scrub(textUsed);
    return result;
  }

  // ---- Curve25519 ----

  dh(privateKey: Uint8Array, peer: Uint8Array): Uint8Array | undefined {
    return this.#curve.dh(privateKey, peer);
  }

  publicKey(privateKey: Uint8Array): Uint8Array {
    return this.#curve.publicKey(privateKey);
  }

  // ---- forgetting ----

  wipe(): void {
    this.#wiped = true;
    this.#warmUpLeft = 0;
    this.#bytes.fill(0);
  }

  /** Zeroes scratch, arguments and the first `textUsed` bytes of the text, which lie one after the other. */
  #scrub(textUsed: number): void {
    this.#bytes.fill(0, this.#scratch, this.#text + textUsed);
  }

  #checkUsable(): void {
    if (this.#wiped) throw new Error('crypto suite used after wipe()');
  }
}

class WasmKey implements AeadKey {
  /** Where the 32 bytes lie; 0 once destroyed. */
  address: number;
  readonly #free: (address: number) => void;

  constructor(address: number, free: (address: number) => void) {
    this.address = address;
    this.#free = free;
  }

  destroy(): void {
    if (this.address === 0) return;
    this.#free(this.address);
    this.address = 0;
  }
}

function checkLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${what}: expected ${length} bytes, got ${bytes.length}`);
}

function lowHalf(counter: number): number {
  return counter >>> 0;
}

function highHalf(counter: number): number {
  return Math.floor(counter / 0x100000000);
}
