// libsodium as its wrappers have it, and its WASM called on memory that was taken beforehand, without the wrappers.
import sodium from 'libsodium-wrappers';
import { type Cipher, type Question, repeat } from './ciphers.ts';

export type Sodium = typeof sodium;

/** What of the module behind the wrappers is used. Lengths are two words of 32 bits. */
interface RawSodium {
  readonly HEAPU8: Uint8Array;
  _malloc(length: number): number;
  _crypto_aead_chacha20poly1305_ietf_encrypt(
    ...args: [
      to: number,
      toLength: 0,
      from: number,
      length: number,
      high: 0,
      ...aad: [0, 0, 0],
      0,
      number,
      number,
    ]
  ): number;
  _crypto_aead_chacha20poly1305_ietf_decrypt(
    ...args: [
      to: number,
      toLength: 0,
      0,
      from: number,
      length: number,
      high: 0,
      ...aad: [0, 0, 0],
      number,
      number,
    ]
  ): number;
}

export async function loadSodium(): Promise<Sodium> {
  await sodium.ready;
  return sodium;
}

export function sodiumCipher(wrappers: Sodium, { key, nonce, plaintext, sealed }: Question): Cipher {
  const seal = (): Uint8Array =>
    wrappers.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, null, null, nonce, key);
  const open = (): Uint8Array =>
    wrappers.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, null, nonce, key);
  return { seal, open, sealTimes: repeat(seal), openTimes: repeat(open) };
}

export function rawSodiumCipher(wrappers: Sodium, { key, nonce, plaintext, sealed }: Question): Cipher {
  const raw = (wrappers as unknown as { libsodium: RawSodium }).libsodium;
  const place = (bytes: Uint8Array): number => {
    const at = raw._malloc(bytes.length);
    raw.HEAPU8.set(bytes, at);
    return at;
  };
  const [keyAt, nonceAt, textAt, sealedAt] = [place(key), place(nonce), place(plaintext), place(sealed)];
  const outAt = raw._malloc(sealed.length);
  const { length } = plaintext;
  const seal = (): number =>
    raw._crypto_aead_chacha20poly1305_ietf_encrypt(outAt, 0, textAt, length, 0, 0, 0, 0, 0, nonceAt, keyAt);
  const open = (): void => {
    const { length: all } = sealed;
    if (
      raw._crypto_aead_chacha20poly1305_ietf_decrypt(outAt, 0, 0, sealedAt, all, 0, 0, 0, 0, nonceAt, keyAt)
    )
      throw new Error('does not open');
  };
  return {
    seal: () => {
      seal();
      return raw.HEAPU8.slice(outAt, outAt + sealed.length);
    },
    open: () => {
      open();
      return raw.HEAPU8.slice(outAt, outAt + length);
    },
    sealTimes: repeat(seal),
    openTimes: repeat(open),
  };
}
