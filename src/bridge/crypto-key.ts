// X25519 private keys that live in WebCrypto. They cross the thread as they are, and what they hold never does.
// Curve25519 itself is in constant time there, which @noble's BigInts do not promise.
import { isAllZero, wipe } from '../core/bytes.ts';
import { TunnelError } from '../core/errors.ts';

const X25519 = 'X25519';
const USE = 'deriveBits';

/** PKCS #8 (RFC 8410 §7) around the 32 bytes of a private key, which come last. */
const PKCS8_HEADER = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];

/** The point whose multiple by a private key is the public key: u = 9 (RFC 7748 §4.1). */
const BASE_POINT = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0));

/** Also for keys of another window, and where there is no WebCrypto. */
export function isCryptoKey(value: unknown): value is CryptoKey {
  return Object.prototype.toString.call(value) === '[object CryptoKey]';
}

/** Why this cannot be the private key of a tunnel; undefined if it can. */
export function faultOf(key: unknown): string | undefined {
  if (!isCryptoKey(key)) return 'A private key is base64 text or a CryptoKey.';
  const { type, algorithm, usages } = key;
  if (algorithm.name !== X25519)
    return `The private key is a CryptoKey for ${algorithm.name}; WireGuard's keys are for X25519.`;
  if (type !== 'private')
    return `The private key is a CryptoKey of type "${type}"; it must be of type "private".`;
  if (!usages.includes(USE))
    return `The private key is a CryptoKey that may not be used: make it with the usage "${USE}".`;
  return undefined;
}

/** A new key pair; its private half cannot be read, also not by us. Throws ERR_UNSUPPORTED. */
export async function generate(): Promise<{ privateKey: CryptoKey; publicKey: Uint8Array }> {
  const pair = await inWebCrypto((subtle) => subtle.generateKey({ name: X25519 }, false, [USE]));
  const { privateKey, publicKey } = pair as CryptoKeyPair;
  return { privateKey, publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)) };
}

/** Takes the 32 bytes of a private key into WebCrypto, from where they cannot be read back. Throws ERR_UNSUPPORTED. */
export async function importPrivate(bytes: Uint8Array): Promise<CryptoKey> {
  const pkcs8 = Uint8Array.from([...PKCS8_HEADER, ...bytes]);
  try {
    return await inWebCrypto((subtle) => subtle.importKey('pkcs8', pkcs8, { name: X25519 }, false, [USE]));
  } finally {
    wipe(pkcs8);
  }
}

/** X25519 with a public key of 32 bytes; undefined when the result is all zero. Throws ERR_UNSUPPORTED. */
export async function diffieHellman(
  privateKey: CryptoKey,
  publicKey: Uint8Array,
): Promise<Uint8Array | undefined> {
  const point = await inWebCrypto((subtle) =>
    subtle.importKey('raw', publicKey as Uint8Array<ArrayBuffer>, { name: X25519 }, true, []),
  );
  try {
    const bits = await crypto.subtle.deriveBits({ name: X25519, public: point }, privateKey, 256);
    const shared = new Uint8Array(bits);
    return isAllZero(shared) ? undefined : shared;
  } catch (error) {
    // What the standard says of a point of low order.
    if ((error as Error).name === 'OperationError') return undefined;
    throw error;
  }
}

/** The public key, 32 bytes. Throws ERR_UNSUPPORTED. */
export async function publicKeyOf(privateKey: CryptoKey): Promise<Uint8Array> {
  return (await diffieHellman(privateKey, BASE_POINT))!;
}

async function inWebCrypto<T>(work: (subtle: SubtleCrypto) => Promise<T>): Promise<T> {
  // Not there in pages that came over plain http.
  const { subtle } = globalThis.crypto as { subtle?: SubtleCrypto };
  if (!subtle)
    throw unsupported('WebCrypto is not available here; pages have it over https and on localhost.');
  try {
    return await work(subtle);
  } catch (cause) {
    if ((cause as Error).name !== 'NotSupportedError') throw cause;
    throw unsupported(
      'WebCrypto has no X25519 here (Chrome 133, Firefox 130, Safari 17 and Node 20 have it).',
      cause,
    );
  }
}

function unsupported(what: string, cause?: unknown): TunnelError {
  return new TunnelError('ERR_UNSUPPORTED', `${what} Use the private key as base64 text instead.`, { cause });
}
