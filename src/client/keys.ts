// Making keys in a page, or in Node: the platform's randomness, @noble's curve.
import * as x25519 from '../core/crypto/x25519.ts';
import * as keys from '../core/wireguard/keys.ts';

/** A new private key: base64, clamped, from the platform's CSPRNG; what `wg genkey` prints. */
export function generatePrivateKey(): string {
  return keys.generatePrivateKey(fillRandom);
}

/** A new preshared key: base64, what `wg genpsk` prints. */
export function generatePresharedKey(): string {
  return keys.generatePresharedKey(fillRandom);
}

/** The public key (base64) of a private key (base64); what `wg pubkey` prints. Throws ERR_CONFIG for anything else. */
export function derivePublicKey(privateKey: string): string {
  return keys.derivePublicKey(privateKey, x25519);
}

/** A new key pair as base64 texts. */
export async function generateKeyPair(): Promise<{ privateKey: string; publicKey: string }> {
  const privateKey = generatePrivateKey();
  return { privateKey, publicKey: derivePublicKey(privateKey) };
}

function fillRandom(bytes: Uint8Array): void {
  crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
}
