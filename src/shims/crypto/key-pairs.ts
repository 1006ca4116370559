// New keys, and the secret that two have.

import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import type { Buffer } from 'buffer';
import { nextTick } from '../next-tick.ts';
import { outputOf } from './bytes.ts';
import { curveName, curveOf } from './curves.ts';
import { sharedSecret } from './ecdh.ts';
import { edwards, ellipticKey, publicOf, unsupported } from './key-material.ts';
import { type ExportOptions, PrivateKey, PublicKey } from './key-object.ts';

export interface KeyPairOptions {
  namedCurve?: string;
  publicKeyEncoding?: ExportOptions;
  privateKeyEncoding?: ExportOptions;
}

type Exported<Key> = Key | Buffer | string;

export interface KeyPair {
  publicKey: Exported<PublicKey>;
  privateKey: Exported<PrivateKey>;
}

export function generateKeyPairSync(type: string, options: KeyPairOptions = {}): KeyPair {
  const privateKey = new PrivateKey(newKey(type, options));
  const publicKey = new PublicKey(publicOf(privateKey.material));
  const { publicKeyEncoding, privateKeyEncoding } = options;
  return {
    publicKey: publicKeyEncoding ? publicKey.export(publicKeyEncoding) : publicKey,
    privateKey: privateKeyEncoding ? privateKey.export(privateKeyEncoding) : privateKey,
  };
}

export function generateKeyPair(type: string, ...rest: unknown[]): void {
  const callback = rest.pop() as (error: Error | null, publicKey?: unknown, privateKey?: unknown) => void;
  try {
    const { publicKey, privateKey } = generateKeyPairSync(type, rest[0] as KeyPairOptions);
    nextTick(callback, null as never, publicKey as never, privateKey as never);
  } catch (error) {
    nextTick(callback, error as never);
  }
}

function newKey(type: string, { namedCurve = '' }: KeyPairOptions) {
  if (type === 'ed25519') return edwards(type, ed25519.utils.randomSecretKey());
  if (type === 'x25519') return edwards(type, x25519.utils.randomSecretKey());
  if (type !== 'ec') throw unsupported(`new ones of the type ${type}`);
  return ellipticKey(curveName(namedCurve), curveOf(namedCurve).curve.utils.randomSecretKey());
}

/** Of X25519, or of two keys on one curve. */
export function diffieHellman({
  privateKey,
  publicKey,
}: {
  privateKey: PrivateKey;
  publicKey: PublicKey;
}): Buffer {
  const [own, other] = [privateKey.material, publicKey.material];
  if (own.kind === 'x25519' && other.kind === 'x25519')
    return outputOf(x25519.getSharedSecret(own.secret, Uint8Array.from(other.point))) as Buffer;
  if (own.kind !== 'ec' || other.kind !== 'ec' || own.curve !== other.curve)
    throw unsupported('the two are not of one kind');
  return outputOf(sharedSecret(curveOf(own.curve).curve, own.secret, Uint8Array.from(other.point))) as Buffer;
}
