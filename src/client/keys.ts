import { x25519 } from '@noble/curves/ed25519.js';
import { fromBase64, toBase64, wipe } from '../core/bytes.ts';
import { clamp } from '../core/crypto/identity.ts';
import { TunnelError } from '../core/errors.ts';

/** A new private key: base64, clamped, from the platform's CSPRNG; what `wg genkey` prints. */
export function generatePrivateKey(): string {
  const bytes = clamp(crypto.getRandomValues(new Uint8Array(32)));
  const text = toBase64(bytes);
  wipe(bytes);
  return text;
}

/** A new preshared key: base64, what `wg genpsk` prints. */
export function generatePresharedKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const text = toBase64(bytes);
  wipe(bytes);
  return text;
}

/** The public key (base64) of a private key (base64); what `wg pubkey` prints. Throws ERR_CONFIG for anything else. */
export function derivePublicKey(privateKey: string): string {
  const bytes = fromBase64(privateKey.trim());
  if (bytes?.length !== 32)
    throw new TunnelError('ERR_CONFIG', 'A private key must be 44 base64 characters (32 bytes).');
  const publicKey = toBase64(x25519.getPublicKey(clamp(bytes)));
  wipe(bytes);
  return publicKey;
}

/** A new key pair as base64 texts. */
export async function generateKeyPair(): Promise<{ privateKey: string; publicKey: string }> {
  const privateKey = generatePrivateKey();
  return { privateKey, publicKey: derivePublicKey(privateKey) };
}
