// Keys as people see them: base64, like wg genkey, wg genpsk and wg pubkey print them.
import { fromBase64, toBase64, wipe } from '../bytes.ts';
import { clamp } from '../crypto/identity.ts';
import type { CryptoSuite } from '../crypto/suite.ts';
import { TunnelError } from '../errors.ts';

export const KEY_SIZE = 32;

/** Base64, clamped. */
export function generatePrivateKey(fillRandom: (bytes: Uint8Array) => void): string {
  const key = new Uint8Array(KEY_SIZE);
  fillRandom(key);
  const text = toBase64(clamp(key));
  wipe(key);
  return text;
}

export function generatePresharedKey(fillRandom: (bytes: Uint8Array) => void): string {
  const key = new Uint8Array(KEY_SIZE);
  fillRandom(key);
  const text = toBase64(key);
  wipe(key);
  return text;
}

/** The public key of a private key; white space around it does not matter, as for wg pubkey. Throws ERR_CONFIG. */
export function derivePublicKey(privateKey: string, crypto: Pick<CryptoSuite, 'publicKey'>): string {
  const bytes = decodeKey(privateKey.trim());
  if (!bytes) throw new TunnelError('ERR_CONFIG', 'A private key must be 44 base64 characters (32 bytes).');
  const publicKey = crypto.publicKey(clamp(bytes));
  wipe(bytes);
  return toBase64(publicKey);
}

/** 32 bytes, or undefined when the text is no key. */
export function decodeKey(text: string): Uint8Array | undefined {
  const bytes = text.length === 44 ? fromBase64(text) : undefined;
  return bytes?.length === KEY_SIZE ? bytes : undefined;
}
