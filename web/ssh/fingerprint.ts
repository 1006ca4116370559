import { sha256 } from '@noble/hashes/sha2.js';

/** As `ssh-keygen -l` prints it. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${toBase64(sha256(Uint8Array.from(blob))).replace(/=+$/, '')}`;
}

/** The type that a public key of SSH says it has, such as `ssh-ed25519`. */
export function keyTypeOf(blob: Uint8Array): string {
  const length = new DataView(blob.buffer, blob.byteOffset, blob.byteLength).getUint32(0);
  return new TextDecoder().decode(blob.slice(4, 4 + Math.min(length, 64)));
}

/** What people call it. */
export function keyTypeName(type: string): string {
  if (type === 'ssh-ed25519') return 'Ed25519';
  if (type.startsWith('ecdsa-')) return 'ECDSA';
  return type.includes('rsa') ? 'RSA' : type;
}

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
