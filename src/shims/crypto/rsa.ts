// RSA signatures of PKCS #1 v1.5 (RFC 8017 §8.2), on the language's big integers: they are not constant-time, which is why the
// private operation is blinded.
import { invert, pow } from '@noble/curves/abstract/modular.js';
import { joined, numberBytes, numberOf } from './bytes.ts';
import { der } from './der.ts';
import { randomBytes } from './random.ts';

export interface RsaPublic {
  n: bigint;
  e: bigint;
}

export interface RsaPrivate extends RsaPublic {
  d: bigint;
  p: bigint;
  q: bigint;
  dp: bigint;
  dq: bigint;
  qi: bigint;
}

/** RFC 8017, appendix A.2.4 and B.1. */
const DIGESTS: Readonly<Record<string, string>> = {
  md5: '1.2.840.113549.2.5',
  sha1: '1.3.14.3.2.26',
  ripemd160: '1.3.36.3.2.1',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};

export function bytesOfModulus({ n }: RsaPublic): number {
  return Math.ceil(n.toString(16).length / 2);
}

/** Of a digest by the algorithm of this name. */
export function signRsa(key: RsaPrivate, algorithm: string, digest: Uint8Array): Uint8Array {
  const length = bytesOfModulus(key);
  const message = numberOf(encoded(algorithm, digest, length));
  const signature = privately(key, message);
  // A fault in one of the two halves would give the key away.
  if (pow(signature, key.e, key.n) !== message) throw new Error('RSA: the key does not fit itself');
  return numberBytes(signature, length);
}

export function verifyRsa(
  key: RsaPublic,
  algorithm: string,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const length = bytesOfModulus(key);
  const number = numberOf(signature);
  if (signature.length !== length || number >= key.n) return false;
  return pow(number, key.e, key.n) === numberOf(encoded(algorithm, digest, length));
}

/** EMSA-PKCS1-v1_5 (§9.2). */
function encoded(algorithm: string, digest: Uint8Array, length: number): Uint8Array {
  const oid = DIGESTS[algorithm];
  if (!oid) throw new Error(`RSA: no signatures over ${algorithm}`);
  const info = der.sequence(der.sequence(der.oid(oid), der.nothing()), der.octets(digest));
  const padding = length - info.length - 3;
  if (padding < 8) throw new Error('RSA: the key is too short for this digest');
  return joined(Uint8Array.of(0, 1), new Uint8Array(padding).fill(255), Uint8Array.of(0), info);
}

/** §5.1.2, by the Chinese remainder theorem, of a message that nobody knows. */
function privately({ n, e, p, q, dp, dq, qi }: RsaPrivate, message: bigint): bigint {
  const blind = numberOf(randomBytes(32)) + 2n;
  const hidden = (message * pow(blind, e, n)) % n;
  const [first, second] = [pow(hidden % p, dp, p), pow(hidden % q, dq, q)];
  const difference = (((first - second) % p) + p) % p;
  const result = second + q * ((qi * difference) % p);
  return (result * invert(blind, n)) % n;
}
