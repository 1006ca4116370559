import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { wipe } from '../core/bytes.ts';
import type { Curve } from '../core/crypto/suite.ts';

/** PKCS #8 (RFC 8410 §7) around the 32 bytes of an X25519 private key, which come last. */
const PRIVATE_KEY_HEADER = Buffer.from('302e020100300506032b656e04220420', 'hex');

/**
 * Curve25519 by OpenSSL, in constant time. Key objects live for one call: OpenSSL zeroes them as it frees them. Private
 * keys go in as DER, although JWK is four times as fast, because its text could not be wiped.
 */
export const NODE_CURVE: Curve = {
  dh(privateKey, publicKey) {
    const keys = { privateKey: privateKeyObject(privateKey), publicKey: publicKeyObject(publicKey) };
    try {
      const { buffer, byteOffset, length } = diffieHellman(keys);
      return new Uint8Array(buffer, byteOffset, length); // no copy: there would be two to wipe
    } catch {
      return undefined; // low order is the only complaint left
    }
  },

  publicKey(privateKey) {
    const { x } = createPublicKey(privateKeyObject(privateKey)).export({ format: 'jwk' });
    return new Uint8Array(Buffer.from(x!, 'base64url'));
  },
};

function privateKeyObject(privateKey: Uint8Array): KeyObject {
  checkLength(privateKey);
  const der = Buffer.alloc(PRIVATE_KEY_HEADER.length + privateKey.length);
  der.set(PRIVATE_KEY_HEADER);
  der.set(privateKey, PRIVATE_KEY_HEADER.length);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    wipe(der);
  }
}

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  checkLength(publicKey);
  const x = Buffer.from(publicKey).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

function checkLength(key: Uint8Array): void {
  if (key.length !== 32) throw new RangeError(`Curve25519 key: expected 32 bytes, got ${key.length}`);
}
