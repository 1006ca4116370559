import { generateKeyPairSync, randomBytes } from 'node:crypto';

export interface KeyPair {
  /** Base64, clamped as `wg genkey` does. */
  privateKey: string;
  publicKey: string;
}

/** Made by OpenSSL, so that the tests do not take the word of the code they test. */
export function generateKeys(): KeyPair {
  const jwk = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const secret = Buffer.from(jwk.d!, 'base64url');
  secret[0]! &= 248;
  secret[31]! = (secret[31]! & 127) | 64;
  return {
    privateKey: secret.toString('base64'),
    publicKey: Buffer.from(jwk.x!, 'base64url').toString('base64'),
  };
}

export function generatePresharedKey(): string {
  return randomBytes(32).toString('base64');
}
