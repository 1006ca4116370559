// Making keys in a page, or in Node. Keys as text use @noble's curve; a CryptoKey never leaves WebCrypto.
import { faultOf, generate, importPrivate, publicKeyOf } from '../bridge/crypto-key.ts';
import { isAllZero, toBase64, wipe } from '../core/bytes.ts';
import * as curve from '../core/crypto/x25519.ts';
import { TunnelError } from '../core/errors.ts';
import * as keys from '../core/wireguard/keys.ts';

/** A new private key: base64, clamped, from the platform's CSPRNG; what `wg genkey` prints. */
export function generatePrivateKey(): string {
  return keys.generatePrivateKey(fillRandom);
}

/** A new preshared key: base64, what `wg genpsk` prints. */
export function generatePresharedKey(): string {
  return keys.generatePresharedKey(fillRandom);
}

/**
 * The public key (base64) of a private key: at once of base64 text, what `wg pubkey` prints; a promise of it for a
 * CryptoKey, which need not be extractable. ERR_CONFIG for anything else.
 */
export function derivePublicKey(privateKey: string): string;
export function derivePublicKey(privateKey: CryptoKey): Promise<string>;
export function derivePublicKey(privateKey: string | CryptoKey): string | Promise<string>;
export function derivePublicKey(privateKey: string | CryptoKey): string | Promise<string> {
  if (typeof privateKey === 'string') return keys.derivePublicKey(privateKey, curve);
  return derive(privateKey);
}

async function derive(privateKey: CryptoKey): Promise<string> {
  return toBase64(await publicKeyOf(checkCryptoKey(privateKey)));
}

/** What `generateKeyPair` makes. */
export interface KeyPair<PrivateKey extends string | CryptoKey> {
  /** Base64, or a CryptoKey that nobody can read. */
  privateKey: PrivateKey;
  /** Base64. */
  publicKey: string;
}

/**
 * A new key pair. The public key is base64; the private key too, unless `extractable` is false: then it is a CryptoKey
 * that nobody can read, which IndexedDB can keep and `Tunnel.open` takes. ERR_UNSUPPORTED where WebCrypto has no X25519.
 */
export function generateKeyPair(options?: { extractable?: true | undefined }): Promise<KeyPair<string>>;
export function generateKeyPair(options: { extractable: false }): Promise<KeyPair<CryptoKey>>;
export function generateKeyPair(options?: {
  extractable?: boolean | undefined;
}): Promise<KeyPair<string | CryptoKey>>;
export async function generateKeyPair({
  extractable = true,
}: {
  extractable?: boolean | undefined;
} = {}): Promise<KeyPair<string | CryptoKey>> {
  if (!extractable) {
    const { privateKey, publicKey } = await generate();
    return { privateKey, publicKey: toBase64(publicKey) };
  }
  const privateKey = generatePrivateKey();
  return { privateKey, publicKey: derivePublicKey(privateKey) };
}

/**
 * Takes a private key (base64) into WebCrypto, from where nobody can read it back. Rejects with ERR_CONFIG if it is no
 * key, with ERR_UNSUPPORTED where WebCrypto has no X25519.
 */
export async function importPrivateKey(base64: string): Promise<CryptoKey> {
  const bytes = decodePrivateKey(base64);
  try {
    return await importPrivate(bytes);
  } finally {
    wipe(bytes);
  }
}

/** The 32 bytes of a private key, the caller's to wipe. White space around it does not matter. Throws ERR_CONFIG. */
export function decodePrivateKey(base64: string): Uint8Array {
  const bytes = keys.decodeKey(base64.trim());
  if (!bytes) throw new TunnelError('ERR_CONFIG', 'A private key must be 44 base64 characters (32 bytes).');
  if (isAllZero(bytes))
    throw new TunnelError('ERR_CONFIG', 'This private key is all zero, which stands for no key.');
  return bytes;
}

/** Gives the key back if it can be a tunnel's; throws ERR_CONFIG that says what it is instead. */
export function checkCryptoKey(key: CryptoKey): CryptoKey {
  const fault = faultOf(key);
  if (fault === undefined) return key;
  throw new TunnelError('ERR_CONFIG', fault);
}

function fillRandom(bytes: Uint8Array): void {
  crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
}
