import { Buffer } from 'buffer';
import { bytesOf } from './bytes.ts';

/** Node's KeyObject of bytes that two sides share. */
export class SecretKey {
  readonly type = 'secret';
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes);
  }

  get symmetricKeySize(): number {
    return this.#bytes.length;
  }

  export(): Buffer {
    return Buffer.from(this.#bytes);
  }

  equals(other: unknown): boolean {
    return other instanceof SecretKey && other.export().equals(this.#bytes);
  }
}

export function createSecretKey(key: unknown, encoding?: string): SecretKey {
  return new SecretKey(bytesOf(key, encoding, 'key'));
}

/** Of a SecretKey, or of what may stand for one. */
export function secretBytes(key: unknown): Uint8Array<ArrayBuffer> {
  return bytesOf(key instanceof SecretKey ? key.export() : key, undefined, 'key');
}
