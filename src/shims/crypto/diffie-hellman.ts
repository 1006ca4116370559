// Diffie and Hellman's exchange over a prime. On the language's big integers, which are not constant-time: a secret serves once.

import { pow } from '@noble/curves/abstract/modular.js';
import type { Buffer } from 'buffer';
import { codedError } from '../errors.ts';
import { bytesOf, type Data, numberBytes, numberOf, outputOf } from './bytes.ts';
import { primeOf } from './modp-groups.ts';
import { randomBytes } from './random.ts';

/** Of a secret: twice what the largest groups are worth (RFC 4419 §6.2 asks for twice a cipher's key). */
const SECRET_BYTES = 64;

export class DiffieHellman {
  readonly verifyError = 0;
  readonly #prime: bigint;
  readonly #generator: bigint;
  readonly #bytes: number;
  #secret: bigint | undefined;
  #public: bigint | undefined;

  constructor(prime: bigint, generator: bigint) {
    this.#prime = prime;
    this.#generator = generator;
    this.#bytes = numberBytes(prime).length;
  }

  generateKeys(encoding?: string): Buffer | string {
    if (this.#secret === undefined) {
      // Below (p − 1) / 2, whatever the prime.
      const drawn = numberOf(randomBytes(Math.min(SECRET_BYTES, this.#bytes)));
      this.#secret = (drawn % ((this.#prime - 1n) / 2n - 1n)) + 1n;
    }
    this.#public = pow(this.#generator, this.#secret, this.#prime);
    return this.getPublicKey(encoding);
  }

  computeSecret(other: Data, inputEncoding?: string, outputEncoding?: string): Buffer | string {
    const number = numberOf(bytesOf(other, inputEncoding));
    if (number <= 1n || number >= this.#prime - 1n)
      throw codedError(RangeError, 'ERR_CRYPTO_INVALID_KEYLEN', 'Supplied key is out of range');
    if (this.#secret === undefined) throw noKey();
    return outputOf(numberBytes(pow(number, this.#secret, this.#prime), this.#bytes), outputEncoding);
  }

  getPrime(encoding?: string): Buffer | string {
    return outputOf(numberBytes(this.#prime), encoding);
  }

  getGenerator(encoding?: string): Buffer | string {
    return outputOf(numberBytes(this.#generator), encoding);
  }

  getPublicKey(encoding?: string): Buffer | string {
    if (this.#public === undefined) throw noKey();
    return outputOf(numberBytes(this.#public, this.#bytes), encoding);
  }

  getPrivateKey(encoding?: string): Buffer | string {
    if (this.#secret === undefined) throw noKey();
    return outputOf(numberBytes(this.#secret), encoding);
  }

  setPublicKey(key: Data, encoding?: string): void {
    this.#public = numberOf(bytesOf(key, encoding));
  }

  setPrivateKey(key: Data, encoding?: string): void {
    this.#secret = numberOf(bytesOf(key, encoding));
  }
}

/** (prime[, encoding][, generator[, encoding]]). A size instead of a prime is refused: finding one takes a page too long. */
export function createDiffieHellman(prime: Data | number, ...rest: unknown[]): DiffieHellman {
  if (typeof prime === 'number')
    throw codedError(Error, 'ERR_OSSL_UNSUPPORTED', 'createDiffieHellman: give a prime, or use a group');
  const encoding =
    typeof prime === 'string' && typeof rest[0] === 'string' ? (rest.shift() as string) : undefined;
  const [generator = 2, generatorEncoding] = rest as [Data | number | undefined, string | undefined];
  const base =
    typeof generator === 'number' ? BigInt(generator) : numberOf(bytesOf(generator, generatorEncoding));
  return new DiffieHellman(numberOf(bytesOf(prime, encoding)), base);
}

/** `modp14` and the like. */
export function createDiffieHellmanGroup(name: string): DiffieHellman {
  return new DiffieHellman(primeOf(name), 2n);
}

function noKey(): Error {
  return codedError(Error, 'ERR_CRYPTO_INVALID_STATE', 'There is no key yet');
}
