// Node's `crypto`, synchronous as it is: on noble, which is JavaScript. A page has WebCrypto, which answers later and has no
// MD5, no ChaCha20 and no stream of blocks; programs for Node want the answer now.
import { PrivateKey, PublicKey } from './crypto/key-object.ts';
import { SecretKey } from './crypto/secret-key.ts';

export { getHashes } from './crypto/algorithms.ts';
export {
  Cipheriv,
  createCipheriv,
  createDecipheriv,
  Decipheriv,
  getCiphers,
} from './crypto/cipher.ts';
export { getCurves } from './crypto/curves.ts';
export { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from './crypto/derivation.ts';
export {
  createDiffieHellman,
  createDiffieHellmanGroup,
  createDiffieHellmanGroup as getDiffieHellman,
  DiffieHellman,
} from './crypto/diffie-hellman.ts';
export { createECDH, ECDH } from './crypto/ecdh.ts';
export { createHash, createHmac, Hash, Hmac, hash } from './crypto/hash.ts';
export { createPrivateKey, createPublicKey } from './crypto/key-object.ts';
export { diffieHellman, generateKeyPair, generateKeyPairSync } from './crypto/key-pairs.ts';
export {
  randomBytes,
  randomBytes as pseudoRandomBytes,
  randomFill,
  randomFillSync,
  randomInt,
  randomUUID,
  timingSafeEqual,
} from './crypto/random.ts';
export { createSecretKey } from './crypto/secret-key.ts';
export { createSign, createVerify, Sign, sign, Verify, verify } from './crypto/signatures.ts';

/** The platform's own. */
export const webcrypto = globalThis.crypto;
/** Absent where a page is not secure. */
export const { subtle } = webcrypto;

export function getRandomValues<View extends ArrayBufferView>(view: View): View {
  return webcrypto.getRandomValues(view as never);
}

/** What `instanceof KeyObject` asks. */
export const KeyObject = {
  [Symbol.hasInstance]: (value: unknown): boolean =>
    value instanceof SecretKey || value instanceof PublicKey || value instanceof PrivateKey,
};

export function getFips(): 0 {
  return 0;
}

export const constants = {
  RSA_PKCS1_PADDING: 1,
  RSA_NO_PADDING: 3,
  RSA_PKCS1_OAEP_PADDING: 4,
  RSA_PKCS1_PSS_PADDING: 6,
  POINT_CONVERSION_COMPRESSED: 2,
  POINT_CONVERSION_UNCOMPRESSED: 4,
} as const;

export * as default from './crypto.ts';
