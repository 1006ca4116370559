// Ciphers that are a key stream: byte for byte, in whatever pieces they come.
import { unsafe as aes } from '@noble/ciphers/aes.js';
import { chacha20 } from '@noble/ciphers/chacha.js';

/** One direction of a cipher. What it gives is the caller's. */
export interface Engine {
  update(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  final(): Uint8Array<ArrayBuffer>;
}

const NOTHING = new Uint8Array(0);

/** A key stream of blocks that are made one behind the other; a piece may end within one, and the next goes on there. */
abstract class KeyStream implements Engine {
  readonly #blockBytes: number;
  /** Bytes of the present block that were used. */
  #used = 0;

  protected constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  update(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    // Aligned, as the ciphers want it; what stands for the used bytes is thrown away.
    const input = new Uint8Array(this.#used + bytes.length);
    input.set(bytes, this.#used);
    const output = new Uint8Array(input.length);
    this.apply(input, output);
    const result = output.subarray(this.#used);
    this.#used = input.length % this.#blockBytes;
    return result;
  }

  final(): Uint8Array<ArrayBuffer> {
    return NOTHING;
  }

  /** From the beginning of the present block; goes on to the next with every whole one. */
  protected abstract apply(input: Uint8Array, output: Uint8Array): void;
}

/** AES-CTR (NIST SP 800-38A): the counter is all of the block. */
export class AesCtr extends KeyStream {
  readonly #key: Uint32Array;
  readonly #counter: Uint8Array;

  constructor(key: Uint8Array, iv: Uint8Array) {
    super(16);
    this.#key = aes.expandKeyLE(Uint8Array.from(key));
    this.#counter = Uint8Array.from(iv);
  }

  protected apply(input: Uint8Array, output: Uint8Array): void {
    aes.ctrCounter(this.#key, this.#counter, input, output);
  }
}

/** GCM's counter (NIST SP 800-38D §6.5) is the last 32 bits. */
export class AesCtr32 extends KeyStream {
  readonly #key: Uint32Array;
  readonly #counter: Uint8Array;

  /** Takes `expanded` and `counter` as they are, and changes `counter`. */
  constructor(expanded: Uint32Array, counter: Uint8Array) {
    super(16);
    this.#key = expanded;
    this.#counter = counter;
  }

  protected apply(input: Uint8Array, output: Uint8Array): void {
    aes.ctr32(this.#key, false, this.#counter, input, output);
  }
}

/** ChaCha20 as OpenSSL has it: of the 16 bytes, the first four are the counter, little-endian (RFC 8439 §2.3). */
export class ChaCha20 extends KeyStream {
  readonly #key: Uint8Array;
  readonly #nonce: Uint8Array;
  #counter: number;

  constructor(key: Uint8Array, iv: Uint8Array) {
    super(64);
    this.#key = Uint8Array.from(key);
    this.#nonce = Uint8Array.from(iv.subarray(4));
    this.#counter = new DataView(iv.buffer, iv.byteOffset).getUint32(0, true);
  }

  protected apply(input: Uint8Array, output: Uint8Array): void {
    chacha20(this.#key, this.#nonce, input, output, this.#counter);
    this.#counter += Math.floor(input.length / 64);
  }
}
