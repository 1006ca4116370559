import { md5, ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { sha224, sha256, sha384, sha512, sha512_224, sha512_256 } from '@noble/hashes/sha2.js';
import { sha3_224, sha3_256, sha3_384, sha3_512 } from '@noble/hashes/sha3.js';
import { codedError } from '../errors.ts';

/** A hash of noble's. */
export type Algorithm = typeof sha256 | typeof sha512 | typeof sha1;

/** Under OpenSSL's names. */
const ALGORITHMS = {
  md5,
  ripemd160,
  sha1,
  sha224,
  sha256,
  sha384,
  sha512,
  'sha512-224': sha512_224,
  'sha512-256': sha512_256,
  'sha3-224': sha3_224,
  'sha3-256': sha3_256,
  'sha3-384': sha3_384,
  'sha3-512': sha3_512,
} as unknown as Readonly<Record<string, Algorithm>>;

/** `SHA256`, `sha-256` and `RSA-SHA256` are sha256; undefined for what nobody here knows. */
export function algorithmName(name: string): string | undefined {
  const plain = name
    .toLowerCase()
    .replace(/^rsa-/, '')
    .replace(/^sha-(\d)/, 'sha$1');
  const known = plain === 'rmd160' || plain === 'ripemd' ? 'ripemd160' : plain;
  return Object.hasOwn(ALGORITHMS, known) ? known : undefined;
}

export function algorithmOf(name: string): Algorithm {
  const known = algorithmName(name);
  if (known === undefined)
    throw codedError(Error, 'ERR_OSSL_EVP_UNSUPPORTED', `Digest method not supported: ${name}`);
  return ALGORITHMS[known]!;
}

export function getHashes(): string[] {
  const names = Object.keys(ALGORITHMS);
  return [
    ...names.filter((name) => /^(?:md5|ripemd|sha)/.test(name)).map((name) => `RSA-${name.toUpperCase()}`),
    ...names,
  ];
}
