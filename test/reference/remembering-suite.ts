import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { NobleSuite } from './noble-suite.ts';

/** More than a conversation needs again; then everything is forgotten. */
const MOST_REMEMBERED = 4096;

interface Pair {
  readonly secret: KeyObject;
  readonly publicKey: Uint8Array;
}

const pairs = new Map<string, Pair>();
/** By both public keys, the lesser one first. */
const products = new Map<string, Uint8Array | undefined>();

/**
 * The slow twin for whole devices that talk, with a curve that costs less: OpenSSL's, and each result is computed once.
 * Tests draw their keys from the same seeds again and again, and DH(a, B) is DH(b, A). What is computed is real.
 */
export class RememberingSuite extends NobleSuite {
  override dh(privateKey: Uint8Array, peer: Uint8Array): Uint8Array | undefined {
    const { secret, publicKey } = pairOf(privateKey);
    const [ours, theirs] = [nameOf(publicKey), nameOf(peer)];
    const name = ours < theirs ? ours + theirs : theirs + ours;
    return remembered(products, name, () => multiply(secret, peer))?.slice();
  }

  override publicKey(privateKey: Uint8Array): Uint8Array {
    return pairOf(privateKey).publicKey.slice();
  }
}

/** As JWK, which is read four times as fast as DER; of a private one only `d` counts. */
function pairOf(privateKey: Uint8Array): Pair {
  return remembered(pairs, nameOf(privateKey), () => {
    const key = { kty: 'OKP', crv: 'X25519', d: base64Url(privateKey), x: '' };
    const secret = createPrivateKey({ key, format: 'jwk' });
    const { x } = createPublicKey(secret).export({ format: 'jwk' });
    return { secret, publicKey: new Uint8Array(Buffer.from(x!, 'base64url')) };
  });
}

/** Undefined where the product is all zero, which OpenSSL refuses. */
function multiply(privateKey: KeyObject, peer: Uint8Array): Uint8Array | undefined {
  const key = { kty: 'OKP', crv: 'X25519', x: base64Url(peer) };
  const publicKey = createPublicKey({ key, format: 'jwk' });
  try {
    return new Uint8Array(diffieHellman({ privateKey, publicKey }));
  } catch {
    return undefined;
  }
}

function remembered<T>(known: Map<string, T>, name: string, compute: () => T): T {
  if (known.has(name)) return known.get(name) as T;
  if (known.size === MOST_REMEMBERED) known.clear();
  const computed = compute();
  known.set(name, computed);
  return computed;
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

function base64Url(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('base64url');
}
