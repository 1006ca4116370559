// X25519 by node:crypto. Making an OpenSSL key object costs ten times what a multiplication costs, so all private keys
// of a run come from one pool, and each product is computed once. What is computed is real.
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { clamp } from '../../src/core/crypto/identity.ts';
import { SeededRandom } from '../support/random.ts';

/** More than one sequence uses up. */
export const POOL_SIZE = 1024;

const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');

interface PoolKey {
  number: number;
  privateKey: KeyObject;
  publicKey: KeyObject;
  publicBytes: Uint8Array;
}

const random = new SeededRandom(25519);
/** Raw private keys; what is made of them waits until it is needed. */
const pool = Array.from({ length: POOL_SIZE }, () => clamp(random.bytes(32)));
const byPrivate = new Map<number, PoolKey>();
const byPublic = new Map<number, PoolKey>();
const products = new Map<number, Uint8Array>();

/** The n-th private key; the caller's to wipe. */
export function poolKey(n: number): Uint8Array {
  return pool[n % POOL_SIZE]!.slice();
}

/** Undefined when the result is all zero. */
export function dh(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  const ours = keyOf(privateKey);
  const theirs = byPublic.get(tagOf(publicKey));
  if (!theirs || !sameBytes(theirs.publicBytes, publicKey))
    return multiply(ours.privateKey, importPublic(publicKey));
  // DH(a, B) = DH(b, A).
  const pair = Math.min(ours.number, theirs.number) * 65_536 + Math.max(ours.number, theirs.number);
  let product = products.get(pair);
  if (!product) {
    product = multiply(ours.privateKey, theirs.publicKey)!;
    products.set(pair, product);
  }
  return product.slice();
}

export function publicKey(privateKey: Uint8Array): Uint8Array {
  return keyOf(privateKey).publicBytes.slice();
}

function keyOf(privateKey: Uint8Array): PoolKey {
  const known = byPrivate.get(tagOf(privateKey));
  if (known) return known;
  const object = createPrivateKey({ key: Buffer.concat([PKCS8, privateKey]), format: 'der', type: 'pkcs8' });
  const exported = createPublicKey(object);
  const publicBytes = new Uint8Array(exported.export({ format: 'der', type: 'spki' }).subarray(SPKI.length));
  const made = { number: byPrivate.size, privateKey: object, publicKey: exported, publicBytes };
  byPrivate.set(tagOf(privateKey), made);
  byPublic.set(tagOf(publicBytes), made);
  return made;
}

function importPublic(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' });
}

function multiply(privateKey: KeyObject, publicKey: KeyObject): Uint8Array | undefined {
  try {
    return new Uint8Array(diffieHellman({ privateKey, publicKey }));
  } catch {
    return undefined; // OpenSSL refuses a result of zero
  }
}

/** 52 bits from the middle of a key, which clamping leaves alone. */
function tagOf(key: Uint8Array): number {
  let tag = key[8]! & 15;
  for (let i = 9; i < 15; i++) tag = tag * 256 + key[i]!;
  return tag;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
