// OpenSSL as Node offers it.
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { Contender } from '../race.ts';
import { type Cipher, type Question, repeat } from './ciphers.ts';

export function opensslCipher({ key, nonce, plaintext, sealed }: Question): Record<string, Cipher> {
  const options = { authTagLength: 16 };
  const text = sealed.subarray(0, -16);
  const tag = sealed.subarray(-16);
  const seal = (): Uint8Array => {
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, options);
    const body = cipher.update(plaintext);
    cipher.final();
    return Buffer.concat([body, cipher.getAuthTag()]);
  };
  const open = (): Uint8Array => {
    const cipher = createDecipheriv('chacha20-poly1305', key, nonce, options);
    cipher.setAuthTag(tag);
    const body = cipher.update(text);
    cipher.final();
    return body;
  };
  return { 'node:crypto': { seal, open, sealTimes: repeat(seal), openTimes: repeat(open) } };
}

export function opensslHash(message: Uint8Array): Record<string, Contender> {
  const hash = (): Uint8Array => createHash('blake2s256').update(message).digest();
  return { 'node:crypto': { answer: hash, run: repeat(hash) } };
}
