import { cbc } from '@noble/ciphers/aes.js';
import { codedError } from '../errors.ts';
import { joined } from './bytes.ts';
import type { Engine } from './stream-ciphers.ts';

const BLOCK_BYTES = 16;

/** AES-CBC (NIST SP 800-38A) with padding as PKCS #7 has it, or without. */
export class AesCbc implements Engine {
  /** To be told before the end. */
  padsAutomatically = true;
  readonly #key: Uint8Array;
  readonly #isEncrypting: boolean;
  /** The ciphertext before the next block. */
  #before: Uint8Array;
  /** What does not fill a block, or may be the last one and have the padding. */
  #held = new Uint8Array(0);

  constructor(key: Uint8Array, iv: Uint8Array, isEncrypting: boolean) {
    this.#key = Uint8Array.from(key);
    this.#before = Uint8Array.from(iv);
    this.#isEncrypting = isEncrypting;
  }

  update(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const all = joined(this.#held, bytes);
    let ready = all.length - (all.length % BLOCK_BYTES);
    if (!this.#isEncrypting && this.padsAutomatically && ready === all.length && ready > 0)
      ready -= BLOCK_BYTES;
    this.#held = all.slice(ready);
    return this.#blocks(all.subarray(0, ready));
  }

  final(): Uint8Array<ArrayBuffer> {
    const held = this.#held;
    if (!this.padsAutomatically) {
      if (held.length > 0) throw wrongLength();
      return held;
    }
    if (this.#isEncrypting) {
      const missing = BLOCK_BYTES - held.length;
      return this.#blocks(joined(held, new Uint8Array(missing).fill(missing)));
    }
    if (held.length !== BLOCK_BYTES) throw wrongLength();
    const last = this.#blocks(held);
    const count = last.at(-1)!;
    const isPadded =
      count > 0 && count <= BLOCK_BYTES && last.subarray(-count).every((byte) => byte === count);
    if (!isPadded) throw codedError(Error, 'ERR_OSSL_BAD_DECRYPT', 'bad decrypt');
    return last.slice(0, -count);
  }

  #blocks(input: Uint8Array): Uint8Array<ArrayBuffer> {
    if (input.length === 0) return new Uint8Array(0);
    const cipher = cbc(this.#key, this.#before, { disablePadding: true });
    const output = Uint8Array.from(this.#isEncrypting ? cipher.encrypt(input) : cipher.decrypt(input));
    this.#before = (this.#isEncrypting ? output : input).slice(-BLOCK_BYTES);
    return output;
  }
}

function wrongLength(): Error {
  return codedError(Error, 'ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH', 'wrong final block length');
}
