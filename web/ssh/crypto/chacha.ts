// chacha20-poly1305@openssh.com over Tabwire's own WASM (OpenSSH's PROTOCOL.chacha20poly1305): ChaCha20 with a 64-bit
// nonce, which is the packet's number, and a Poly1305 over the encrypted length and the encrypted packet.

/** What of assembly/tabwire.wasm is used here; its rules are in assembly/README.md. */
export interface ChachaExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  setNonce(nonce0: number, nonce1: number, nonce2: number): void;
  xorFourBlocks(key: number, text: number): void;
  poly1305(key: number, message: number, length: number, tag: number): void;
  readonly inputText: { readonly value: number };
  readonly inputTextEnd: { readonly value: number };
  readonly keySlots: { readonly value: number };
  readonly keySlotCount: { readonly value: number };
}

const KEY_LENGTH = 32;
export const TAG_LENGTH = 16;
const LENGTH_LENGTH = 4;
const BLOCK = 64;
/** xorFourBlocks works on so much at once, and may write as much beyond the end less one. */
const STRIDE = 4 * BLOCK;

/** The module, the free places for keys in it, and the places that every packet uses in turn. */
class Workshop {
  readonly #wasm: ChachaExports;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #freeSlots: number[];
  /** One block of keystream. */
  readonly #head: number;
  readonly #tag: number;
  /** The packet's place; the block before it takes the first block of keystream, which is no packet's. */
  readonly #packet: number;
  readonly #room: number;

  constructor(wasm: ChachaExports) {
    this.#wasm = wasm;
    this.#bytes = new Uint8Array(wasm.memory.buffer);
    this.#freeSlots = Array.from(
      { length: wasm.keySlotCount.value },
      (_, slot) => wasm.keySlots.value + slot * KEY_LENGTH,
    );
    this.#head = wasm.inputText.value;
    this.#tag = this.#head + STRIDE;
    this.#packet = this.#tag + BLOCK + BLOCK;
    this.#room = wasm.inputTextEnd.value - this.#packet - STRIDE;
  }

  addKey(key: Uint8Array): number {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) throw new Error('There are too many SSH connections in this page.');
    this.#bytes.set(key, slot);
    return slot;
  }

  dropKey(slot: number): void {
    this.#bytes.fill(0, slot, slot + KEY_LENGTH);
    this.#freeSlots.push(slot);
  }

  /** The four bytes of a packet's length, there and back. */
  xorLength(key: number, seqno: number, length: Uint8Array): void {
    this.#bytes.set(length, this.#head);
    this.#begin(seqno);
    this.#wasm.xorFourBlocks(key, this.#head);
    length.set(this.#bytes.subarray(this.#head, this.#head + LENGTH_LENGTH));
  }

  /** Encrypts `packet` in place and writes its tag; `length` is the encrypted length. */
  seal(key: number, seqno: number, length: Uint8Array, packet: Uint8Array, tag: Uint8Array): void {
    this.#take(packet);
    this.#xorPacket(key, seqno, packet.length);
    this.#bytes.set(length, this.#packet - LENGTH_LENGTH);
    this.#authenticate(key, seqno, packet.length);
    tag.set(this.#bytes.subarray(this.#tag, this.#tag + TAG_LENGTH));
    this.#give(packet);
  }

  /** Decrypts `packet` in place if its tag is genuine; else throws and has changed nothing. */
  open(key: number, seqno: number, length: Uint8Array, packet: Uint8Array, tag: Uint8Array): void {
    this.#take(packet);
    this.#bytes.set(length, this.#packet - LENGTH_LENGTH);
    this.#authenticate(key, seqno, packet.length);
    if (!this.#hasTag(tag)) throw new Error('Invalid MAC');
    this.#xorPacket(key, seqno, packet.length);
    this.#give(packet);
  }

  /** The time tells nothing about where they differ. */
  #hasTag(tag: Uint8Array): boolean {
    let difference = tag.length ^ TAG_LENGTH;
    for (let i = 0; i < TAG_LENGTH; i++) difference |= this.#bytes[this.#tag + i]! ^ tag[i]!;
    return difference === 0;
  }

  #take(packet: Uint8Array): void {
    if (packet.length > this.#room) throw new Error('Packet too long');
    this.#bytes.set(packet, this.#packet);
  }

  /** Nothing of the text stays behind, and nothing of its tag. */
  #give(packet: Uint8Array): void {
    packet.set(this.#bytes.subarray(this.#packet, this.#packet + packet.length));
    this.#bytes.fill(0, this.#head, this.#packet + packet.length + STRIDE);
  }

  #begin(seqno: number): void {
    // The number as eight bytes, big-endian; the state's words are little-endian.
    const swapped =
      (seqno >>> 24) | ((seqno >>> 8) & 0xff00) | ((seqno & 0xff00) << 8) | ((seqno & 0xff) << 24);
    this.#wasm.setNonce(0, 0, swapped);
  }

  #xorPacket(key: number, seqno: number, length: number): void {
    this.#begin(seqno);
    for (let at = this.#packet - BLOCK; at < this.#packet + length; at += STRIDE)
      this.#wasm.xorFourBlocks(key, at);
  }

  /** The tag of what lies from the length to the packet's end; its key is the first block of keystream. */
  #authenticate(key: number, seqno: number, length: number): void {
    this.#bytes.fill(0, this.#head, this.#head + BLOCK);
    this.#begin(seqno);
    this.#wasm.xorFourBlocks(key, this.#head);
    this.#wasm.poly1305(this.#head, this.#packet - LENGTH_LENGTH, LENGTH_LENGTH + length, this.#tag);
  }
}

let workshop: Workshop | undefined;

/** Must be told before the first connection. */
export function useAssembly(wasm: ChachaExports): void {
  workshop = new Workshop(wasm);
}

/** Both keys of one direction: ssh2's cipherKey is the packet's key, then the length's. */
class Keys {
  readonly shop: Workshop;
  readonly main: number;
  readonly length: number;
  #isFree = false;

  constructor(key: Uint8Array) {
    if (!workshop) throw new Error('The encryption module is not loaded.');
    this.shop = workshop;
    this.main = this.shop.addKey(key.subarray(0, KEY_LENGTH));
    this.length = this.shop.addKey(key.subarray(KEY_LENGTH, 2 * KEY_LENGTH));
  }

  free(): void {
    if (this.#isFree) return;
    this.#isFree = true;
    this.shop.dropKey(this.main);
    this.shop.dropKey(this.length);
  }
}

/** As ssh2's native addon has it. */
export class ChaChaPolyCipher {
  readonly #keys: Keys;

  constructor(key: Uint8Array) {
    this.#keys = new Keys(key);
  }

  /** In place: length, packet, and room for the tag. */
  encrypt(packet: Uint8Array, seqno: number): void {
    const { shop, main, length } = this.#keys;
    const head = packet.subarray(0, LENGTH_LENGTH);
    const end = packet.length - TAG_LENGTH;
    shop.xorLength(length, seqno, head);
    shop.seal(main, seqno, head, packet.subarray(LENGTH_LENGTH, end), packet.subarray(end));
  }

  free(): void {
    this.#keys.free();
  }
}

/** As ssh2's native addon has it. */
export class ChaChaPolyDecipher {
  readonly #keys: Keys;
  readonly #sealedLength = new Uint8Array(LENGTH_LENGTH);

  constructor(key: Uint8Array) {
    this.#keys = new Keys(key);
  }

  decryptLen(bytes: Uint8Array, seqno: number): number {
    this.#sealedLength.set(bytes.subarray(0, LENGTH_LENGTH));
    const length = this.#sealedLength.slice();
    this.#keys.shop.xorLength(this.#keys.length, seqno, length);
    return new DataView(length.buffer).getUint32(0);
  }

  /** In place; throws on a wrong tag. */
  decrypt(packet: Uint8Array, tag: Uint8Array, seqno: number): void {
    this.#keys.shop.open(this.#keys.main, seqno, this.#sealedLength, packet, tag);
  }

  free(): void {
    this.#keys.free();
  }
}
