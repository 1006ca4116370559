// The elliptic curves that have a name in OpenSSL.
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { codedError } from '../errors.ts';

export type Curve = typeof p256;

interface NamedCurve {
  curve: Curve;
  oid: string;
  /** Of a coordinate, and of a private key. */
  bytes: number;
}

const CURVES: Readonly<Record<string, NamedCurve>> = {
  prime256v1: { curve: p256, oid: '1.2.840.10045.3.1.7', bytes: 32 },
  secp384r1: { curve: p384, oid: '1.3.132.0.34', bytes: 48 },
  secp521r1: { curve: p521, oid: '1.3.132.0.35', bytes: 66 },
  secp256k1: { curve: secp256k1, oid: '1.3.132.0.10', bytes: 32 },
};
const OTHER_NAMES: Readonly<Record<string, string>> = {
  'P-256': 'prime256v1',
  secp256r1: 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};

export function getCurves(): string[] {
  return Object.keys(CURVES).sort();
}

/** OpenSSL's name of it. */
export function curveName(name: string): string {
  const known = OTHER_NAMES[name] ?? name;
  if (!Object.hasOwn(CURVES, known))
    throw codedError(Error, 'ERR_CRYPTO_INVALID_CURVE', 'Invalid EC curve name');
  return known;
}

export function curveOf(name: string): NamedCurve {
  return CURVES[curveName(name)]!;
}

export function curveNameOfOid(oid: string): string {
  const found = Object.keys(CURVES).find((name) => CURVES[name]!.oid === oid);
  if (!found) throw codedError(Error, 'ERR_CRYPTO_INVALID_CURVE', `Unknown curve ${oid}`);
  return found;
}
