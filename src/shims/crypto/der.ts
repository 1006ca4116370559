// DER (X.690), as far as keys and signatures need it.
import { joined, numberBytes, numberOf } from './bytes.ts';

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const NULL = 0x05;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
/** Of the n-th optional field. */
const CONTEXT = 0xa0;

/** What is in a constructed value, one after the other. Throws at what is not DER. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  sequence(): DerReader {
    return new DerReader(this.#take(SEQUENCE));
  }

  /** Of a positive number. */
  integer(): bigint {
    return numberOf(this.#take(INTEGER));
  }

  octets(): Uint8Array {
    return this.#take(OCTET_STRING);
  }

  /** Whole bytes: behind the count of unused bits, which is none. */
  bits(): Uint8Array {
    const value = this.#take(BIT_STRING);
    if (value[0] !== 0) throw malformed();
    return value.subarray(1);
  }

  /** In dots. */
  oid(): string {
    const [first = 0, ...rest] = this.#take(OBJECT_IDENTIFIER);
    const parts = [Math.min(2, Math.floor(first / 40)), first - 40 * Math.min(2, Math.floor(first / 40))];
    let part = 0;
    for (const byte of rest) {
      part = part * 128 + (byte & 127);
      if (byte < 128) {
        parts.push(part);
        part = 0;
      }
    }
    return parts.join('.');
  }

  /** Undefined if the next value is not the n-th optional field. */
  optional(n: number): DerReader | undefined {
    return this.#bytes[this.#at] === CONTEXT + n ? new DerReader(this.#take(CONTEXT + n)) : undefined;
  }

  /** True if there was a NULL. */
  skipNull(): boolean {
    const isThere = this.#bytes[this.#at] === NULL;
    if (isThere) this.#take(NULL);
    return isThere;
  }

  #take(tag: number): Uint8Array {
    if (this.#bytes[this.#at] !== tag) throw malformed();
    let length = this.#bytes[this.#at + 1] ?? 0;
    let start = this.#at + 2;
    if (length >= 128) {
      const count = length - 128;
      if (count === 0 || count > 4) throw malformed();
      length = Number(numberOf(this.#bytes.subarray(start, start + count)));
      start += count;
    }
    if (start + length > this.#bytes.length) throw malformed();
    this.#at = start + length;
    return this.#bytes.subarray(start, start + length);
  }
}

export type Der = Uint8Array<ArrayBuffer>;

function tagged(tag: number, ...contents: readonly Uint8Array[]): Der {
  const content = joined(...contents);
  const size = numberBytes(BigInt(content.length));
  const length = content.length < 128 ? size : joined(Uint8Array.of(128 + size.length), size);
  return joined(Uint8Array.of(tag), length, content);
}

export const der = {
  sequence: (...values: readonly Uint8Array[]): Der => tagged(SEQUENCE, ...values),
  /** A leading zero keeps it positive. */
  integer: (value: bigint): Der => {
    const bytes = numberBytes(value);
    return tagged(INTEGER, bytes[0]! >= 128 ? joined(Uint8Array.of(0), bytes) : bytes);
  },
  octets: (bytes: Uint8Array): Der => tagged(OCTET_STRING, bytes),
  bits: (bytes: Uint8Array): Der => tagged(BIT_STRING, Uint8Array.of(0), bytes),
  nothing: (): Der => tagged(NULL),
  optional: (n: number, value: Uint8Array): Der => tagged(CONTEXT + n, value),
  oid: (text: string): Der => {
    const [first, second, ...rest] = text.split('.').map(Number) as [number, number, ...number[]];
    return tagged(OBJECT_IDENTIFIER, Uint8Array.from([first * 40 + second, ...rest.flatMap(base128)]));
  },
};

function base128(part: number): number[] {
  const digits = [part & 127];
  for (let rest = part >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 127) | 128);
  return digits;
}

function malformed(): Error {
  return new Error('Not well-formed DER');
}
