// Asymmetric keys as numbers and bytes, out of the files in which they come: SubjectPublicKeyInfo (RFC 5280 §4.1), PKCS #8
// (RFC 5208), PKCS #1 (RFC 8017 appendix A.1), SEC 1 (RFC 5915), and Curve25519's (RFC 8410).
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { codedError } from '../errors.ts';
import { curveNameOfOid, curveOf } from './curves.ts';
import { type Der, DerReader, der } from './der.ts';
import type { RsaPrivate, RsaPublic } from './rsa.ts';

export type EdwardsKind = 'ed25519' | 'x25519';

export type PublicMaterial =
  | { kind: EdwardsKind; point: Uint8Array }
  | { kind: 'ec'; curve: string; point: Uint8Array }
  | ({ kind: 'rsa' } & RsaPublic);

export type PrivateMaterial =
  | { kind: EdwardsKind; point: Uint8Array; secret: Uint8Array }
  | { kind: 'ec'; curve: string; point: Uint8Array; secret: Uint8Array }
  | ({ kind: 'rsa' } & RsaPrivate);

const RSA = '1.2.840.113549.1.1.1';
const EC = '1.2.840.10045.2.1';
const EDWARDS: Readonly<Record<string, EdwardsKind>> = { '1.3.101.112': 'ed25519', '1.3.101.110': 'x25519' };

interface Algorithm {
  oid: string;
  curve: string | undefined;
}

function readAlgorithm(reader: DerReader): Algorithm {
  const algorithm = reader.sequence();
  const oid = algorithm.oid();
  return { oid, curve: oid === EC ? curveNameOfOid(algorithm.oid()) : undefined };
}

export function readSpki(bytes: Uint8Array): PublicMaterial {
  const info = new DerReader(bytes).sequence();
  const { oid, curve } = readAlgorithm(info);
  const key = info.bits();
  if (curve) return { kind: 'ec', curve, point: key };
  if (oid === RSA) return readRsaPublic(key);
  const kind = EDWARDS[oid];
  if (!kind || key.length !== 32) throw unsupported(oid);
  return { kind, point: key };
}

export function readPkcs8(bytes: Uint8Array): PrivateMaterial {
  const info = new DerReader(bytes).sequence();
  info.integer();
  const { oid, curve } = readAlgorithm(info);
  const key = info.octets();
  if (curve) return readSec1(key, curve);
  if (oid === RSA) return readRsaPrivate(key);
  const kind = EDWARDS[oid];
  if (!kind) throw unsupported(oid);
  return edwards(kind, new DerReader(key).octets());
}

export function edwards(kind: EdwardsKind, secret: Uint8Array): PrivateMaterial {
  const point = (kind === 'ed25519' ? ed25519 : x25519).getPublicKey(Uint8Array.from(secret));
  return { kind, secret: Uint8Array.from(secret), point };
}

export function readSec1(bytes: Uint8Array, known?: string): PrivateMaterial {
  const key = new DerReader(bytes).sequence();
  key.integer();
  const secret = key.octets();
  const parameters = key.optional(0);
  const curve = known ?? (parameters && curveNameOfOid(parameters.oid()));
  if (!curve) throw unsupported('an EC key without a curve');
  return ellipticKey(curve, secret);
}

/** A secret may have lost its leading zeros. */
export function ellipticKey(curve: string, secret: Uint8Array): PrivateMaterial {
  const { curve: group, bytes } = curveOf(curve);
  const whole = new Uint8Array(bytes);
  whole.set(secret.subarray(-bytes), Math.max(0, bytes - secret.length));
  return { kind: 'ec', curve, secret: whole, point: group.getPublicKey(whole, false) };
}

export function readRsaPublic(bytes: Uint8Array): PublicMaterial {
  const key = new DerReader(bytes).sequence();
  return { kind: 'rsa', n: key.integer(), e: key.integer() };
}

export function readRsaPrivate(bytes: Uint8Array): PrivateMaterial {
  const key = new DerReader(bytes).sequence();
  key.integer();
  const next = () => key.integer();
  const numbers = {
    n: next(),
    e: next(),
    d: next(),
    p: next(),
    q: next(),
    dp: next(),
    dq: next(),
    qi: next(),
  };
  return { kind: 'rsa', ...numbers };
}

/** What everybody may know of it. */
export function publicOf(key: PrivateMaterial): PublicMaterial {
  if (key.kind === 'rsa') return { kind: 'rsa', n: key.n, e: key.e };
  if (key.kind === 'ec') return { kind: 'ec', curve: key.curve, point: key.point };
  return { kind: key.kind, point: key.point };
}

export function writeSpki(key: PublicMaterial): Der {
  const value = key.kind === 'rsa' ? writeRsaPublic(key) : key.point;
  return der.sequence(algorithmOf(key), der.bits(value));
}

export function writePkcs8(key: PrivateMaterial): Der {
  const value =
    key.kind === 'rsa'
      ? writeRsaPrivate(key)
      : key.kind === 'ec'
        ? writeSec1(key, false)
        : der.octets(key.secret);
  return der.sequence(der.integer(0n), algorithmOf(key), der.octets(value));
}

export function writeRsaPublic({ n, e }: RsaPublic): Der {
  return der.sequence(der.integer(n), der.integer(e));
}

export function writeRsaPrivate({ n, e, d, p, q, dp, dq, qi }: RsaPrivate): Der {
  return der.sequence(der.integer(0n), ...[n, e, d, p, q, dp, dq, qi].map(der.integer));
}

export function writeSec1(key: Extract<PrivateMaterial, { kind: 'ec' }>, namesCurve = true): Der {
  const curve = namesCurve ? [der.optional(0, der.oid(curveOf(key.curve).oid))] : [];
  return der.sequence(
    der.integer(1n),
    der.octets(key.secret),
    ...curve,
    der.optional(1, der.bits(key.point)),
  );
}

function algorithmOf(key: PublicMaterial | PrivateMaterial): Der {
  if (key.kind === 'rsa') return der.sequence(der.oid(RSA), der.nothing());
  if (key.kind === 'ec') return der.sequence(der.oid(EC), der.oid(curveOf(key.curve).oid));
  return der.sequence(der.oid(Object.keys(EDWARDS).find((oid) => EDWARDS[oid] === key.kind)!));
}

export function unsupported(what: string): Error {
  return codedError(Error, 'ERR_OSSL_UNSUPPORTED', `Unsupported key: ${what}`);
}
