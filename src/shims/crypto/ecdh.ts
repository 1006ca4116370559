import type { Buffer } from 'buffer';
import { codedError } from '../errors.ts';
import { bytesOf, type Data, outputOf } from './bytes.ts';
import { type Curve, curveOf } from './curves.ts';
import { ellipticKey } from './key-material.ts';

type Format = 'compressed' | 'uncompressed';

/** Node's ECDH: a key pair on a curve, and the secret that it has with another. */
export class ECDH {
  readonly #name: string;
  readonly #curve: Curve;
  #secret: Uint8Array | undefined;

  constructor(name: string) {
    this.#name = name;
    this.#curve = curveOf(name).curve;
  }

  static convertKey(
    key: Data,
    name: string,
    inputEncoding?: string,
    outputEncoding?: string,
    format?: Format,
  ) {
    const point = curveOf(name).curve.Point.fromBytes(Uint8Array.from(bytesOf(key, inputEncoding)));
    return outputOf(point.toBytes(format === 'compressed'), outputEncoding);
  }

  generateKeys(encoding?: string, format?: Format): Buffer | string {
    this.#secret = this.#curve.utils.randomSecretKey();
    return this.getPublicKey(encoding, format);
  }

  getPublicKey(encoding?: string, format: Format = 'uncompressed'): Buffer | string {
    return outputOf(this.#curve.getPublicKey(this.#own, format === 'compressed'), encoding);
  }

  getPrivateKey(encoding?: string): Buffer | string {
    return outputOf(this.#own, encoding);
  }

  setPrivateKey(key: Data, encoding?: string): void {
    const material = ellipticKey(this.#name, bytesOf(key, encoding));
    if (material.kind === 'ec') this.#secret = material.secret;
  }

  /** The x coordinate of the common point. */
  computeSecret(other: Data, inputEncoding?: string, outputEncoding?: string): Buffer | string {
    const shared = sharedSecret(this.#curve, this.#own, Uint8Array.from(bytesOf(other, inputEncoding)));
    return outputOf(shared, outputEncoding);
  }

  get #own(): Uint8Array {
    if (this.#secret) return this.#secret;
    throw codedError(Error, 'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY', 'There is no key yet');
  }
}

/** Without the byte that says whether y is odd. */
export function sharedSecret(curve: Curve, secret: Uint8Array, point: Uint8Array): Uint8Array {
  try {
    return curve.getSharedSecret(secret, point, true).slice(1);
  } catch {
    throw codedError(
      Error,
      'ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY',
      'Public key is not valid for specified curve',
    );
  }
}

export function createECDH(name: string): ECDH {
  return new ECDH(name);
}
