import { GHASH } from '@noble/ciphers/_polyval.js';
import { unsafe as aes } from '@noble/ciphers/aes.js';
import { codedError } from '../errors.ts';
import { joined } from './bytes.ts';
import { timingSafeEqual } from './random.ts';
import { AesCtr32, type Engine } from './stream-ciphers.ts';

const BLOCK_BYTES = 16;
const TAG_BYTES = 16;

/** AES-GCM (NIST SP 800-38D), in pieces. As in Node, what is deciphered comes out before it is known to be genuine. */
export class AesGcm implements Engine {
  readonly #isEncrypting: boolean;
  readonly #stream: AesCtr32;
  readonly #hash: GHASH;
  /** What the hash is hidden under. */
  readonly #mask: Uint8Array;
  /** Ciphertext that does not fill a block of the hash. */
  #held = new Uint8Array(0);
  #aadBytes = 0;
  #bytes = 0;
  #tag: Uint8Array | undefined;

  constructor(key: Uint8Array, iv: Uint8Array, isEncrypting: boolean) {
    this.#isEncrypting = isEncrypting;
    const expanded = aes.expandKeyLE(Uint8Array.from(key));
    const zero = new Uint8Array(BLOCK_BYTES);
    const hashKey = aes.ctr32(expanded, false, new Uint8Array(BLOCK_BYTES), zero);
    const counter = firstCounter(hashKey, iv);
    this.#mask = aes.ctr32(expanded, false, counter, zero);
    this.#stream = new AesCtr32(expanded, counter);
    this.#hash = new GHASH(hashKey);
  }

  /** All of it, before the text. */
  setAad(bytes: Uint8Array): void {
    this.#aadBytes += bytes.length;
    this.#hash.update(Uint8Array.from(bytes));
  }

  setTag(tag: Uint8Array): void {
    this.#tag = Uint8Array.from(tag);
  }

  /** After the end of what was enciphered. */
  get tag(): Uint8Array {
    if (!this.#isEncrypting || !this.#tag)
      throw codedError(Error, 'ERR_CRYPTO_INVALID_STATE', 'Invalid state for operation getAuthTag');
    return this.#tag;
  }

  update(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#bytes += bytes.length;
    const output = this.#stream.update(bytes);
    this.#absorb(this.#isEncrypting ? output : bytes);
    return output;
  }

  final(): Uint8Array<ArrayBuffer> {
    if (this.#held.length > 0) this.#hash.update(this.#held);
    const lengths = new DataView(new ArrayBuffer(BLOCK_BYTES));
    lengths.setBigUint64(0, BigInt(this.#aadBytes) * 8n);
    lengths.setBigUint64(8, BigInt(this.#bytes) * 8n);
    this.#hash.update(new Uint8Array(lengths.buffer));
    const tag = this.#hash.digest().map((byte, i) => byte ^ this.#mask[i]!);
    if (this.#isEncrypting) this.#tag = tag;
    else this.#check(tag);
    return new Uint8Array(0);
  }

  #check(tag: Uint8Array): void {
    const told = this.#tag;
    const isGenuine = told !== undefined && timingSafeEqual(tag.subarray(0, told.length), told);
    if (!isGenuine) throw new Error('Unsupported state or unable to authenticate data');
  }

  /** The hash fills up with zeros whatever it is given. */
  #absorb(ciphertext: Uint8Array): void {
    const all = joined(this.#held, ciphertext);
    const whole = all.length - (all.length % BLOCK_BYTES);
    if (whole > 0) this.#hash.update(all.subarray(0, whole));
    this.#held = all.slice(whole);
  }
}

/** Throws what Node throws for a tag that is none: SP 800-38D §5.2.1.2. */
export function checkTag(tag: Uint8Array): void {
  const isFine = tag.length === 4 || tag.length === 8 || (tag.length >= 12 && tag.length <= TAG_BYTES);
  if (!isFine)
    throw codedError(
      TypeError,
      'ERR_CRYPTO_INVALID_AUTH_TAG',
      `Invalid authentication tag length: ${tag.length}`,
    );
}

/** SP 800-38D §7.1, step 2. */
function firstCounter(hashKey: Uint8Array, iv: Uint8Array): Uint8Array {
  const counter = new Uint8Array(BLOCK_BYTES);
  if (iv.length === 12) {
    counter.set(iv);
    counter[15] = 1;
    return counter;
  }
  const length = new DataView(new ArrayBuffer(BLOCK_BYTES));
  length.setBigUint64(8, BigInt(iv.length) * 8n);
  const hash = new GHASH(hashKey).update(Uint8Array.from(iv)).update(new Uint8Array(length.buffer));
  counter.set(hash.digest());
  return counter;
}
