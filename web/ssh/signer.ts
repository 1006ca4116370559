/** A key of ours that signs. WebCrypto has it and gives it to nobody, wherever it knows its kind. */
import { Buffer } from 'buffer';
import type { ParsedKey } from 'ssh2';
import keyParser from 'ssh2/lib/protocol/keyParser.js';
import { type Der, der } from '../../src/shims/crypto/der.ts';
import { fingerprintOf } from './fingerprint.ts';

export interface Signer {
  /** The public key as SSH sends it. */
  readonly publicBlob: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly comment: string;
  readonly fingerprint: string;
  /** `hash` is for RSA keys: `sha256`, `sha512`. The signature is what SSH puts into its packet. */
  sign(data: Uint8Array, hash?: string): Promise<Uint8Array>;
}

/** Why a key file was not taken. */
export class KeyFileError extends Error {
  override name = 'KeyFileError';
  /** It is encrypted, and there was no passphrase, or a wrong one. */
  readonly wantsPassphrase: boolean;

  constructor(message: string, { wantsPassphrase = false } = {}) {
    super(message);
    this.wantsPassphrase = wantsPassphrase;
  }
}

/** Reads an OpenSSH or PEM private key; the text is not kept. */
export async function readKeyFile(text: string, passphrase?: string): Promise<Signer> {
  if (/-cert-v0\d@openssh\.com/.test(text))
    throw new KeyFileError('OpenSSH certificates are not supported yet: use the plain private key.');
  if (/^\s*(ssh|ecdsa|sk)-\S+ AAAA/.test(text))
    throw new KeyFileError('This is a public key: choose the file without “.pub”.');
  const parsed = keyParser.parseKey(text.trim(), passphrase);
  const key = Array.isArray(parsed) ? parsed[0]! : parsed;
  if (key instanceof Error) throw keyFileError(key, passphrase);
  if (!key.isPrivateKey()) throw new KeyFileError('There is no private key in this file.');
  return signerOf(key);
}

function keyFileError({ message }: Error, passphrase: string | undefined): KeyFileError {
  if (/no passphrase given/i.test(message))
    return new KeyFileError('This key is encrypted: type its passphrase.', { wantsPassphrase: true });
  if (passphrase !== undefined && /integrity|decrypt|passphrase|padding|tag/i.test(message))
    return new KeyFileError('This passphrase does not open the key: try again.', { wantsPassphrase: true });
  if (/^Unsupported (?!key format)|not supported/i.test(message))
    return new KeyFileError(`${message.replace(/\.$/, '')}.`);
  return new KeyFileError('This is no private key that SSH knows: choose an OpenSSH or PEM key file.');
}

async function signerOf(key: ParsedKey): Promise<Signer> {
  const publicBlob = Uint8Array.from(key.getPublicSSH());
  const common = { publicBlob, type: key.type, comment: key.comment, fingerprint: fingerprintOf(publicBlob) };
  const bytes = readPem(key.getPrivatePEM());
  if (key.type === 'ssh-rsa') return { ...common, sign: await rsaSigning(bytes) };
  if (key.type in CURVES) {
    const curve = CURVES[key.type]!;
    const pkcs8 = wrapPkcs8([EC_KEY, curve.id], bytes);
    const algorithm = { name: 'ECDSA', namedCurve: curve.name };
    return ecdsaSigner(await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']), common);
  }
  if (key.type !== 'ssh-ed25519') throw new KeyFileError(`Keys of type ${key.type} are not supported.`);
  const held = await crypto.subtle
    .importKey('pkcs8', bytes, 'Ed25519', false, ['sign'])
    .catch(() => undefined);
  // Browsers before 2025 do not have it: then the key is in this page's memory.
  if (!held) return { ...common, sign: async (data) => key.sign(Buffer.from(data)) };
  return ed25519Signer(held, common);
}

type Named = Omit<Signer, 'sign'>;

export function ed25519Signer(key: CryptoKey, named: Named): Signer {
  return {
    ...named,
    sign: async (data) => new Uint8Array(await crypto.subtle.sign('Ed25519', key, Uint8Array.from(data))),
  };
}

export function ecdsaSigner(key: CryptoKey, named: Named): Signer {
  const hash = CURVES[named.type]!.hash;
  return {
    ...named,
    sign: async (data) => {
      const raw = await crypto.subtle.sign({ name: 'ECDSA', hash }, key, Uint8Array.from(data));
      const half = raw.byteLength / 2;
      // RFC 5656 §3.1.2: both numbers as mpint.
      return concat(mpint(new Uint8Array(raw, 0, half)), mpint(new Uint8Array(raw, half)));
    },
  };
}

/** WebCrypto ties an RSA key to one hash, and servers differ in which they take. */
async function rsaSigning(pkcs1: Uint8Array<ArrayBuffer>): Promise<Signer['sign']> {
  const pkcs8 = wrapPkcs8([RSA_KEY], pkcs1);
  const [sha256, sha512] = await Promise.all(
    ['SHA-256', 'SHA-512'].map((hash) =>
      crypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSASSA-PKCS1-v1_5', hash }, false, ['sign']),
    ),
  );
  return async (data, hash) => {
    if (hash !== 'sha256' && hash !== 'sha512')
      throw new Error('The server takes only SHA-1 signatures of RSA keys, which prove nothing any more.');
    const key = hash === 'sha256' ? sha256! : sha512!;
    return new Uint8Array(await crypto.subtle.sign(key.algorithm.name, key, Uint8Array.from(data)));
  };
}

const RSA_KEY = '1.2.840.113549.1.1.1';
const EC_KEY = '1.2.840.10045.2.1';
export const CURVES: Record<string, { name: string; hash: string; id: string }> = {
  'ecdsa-sha2-nistp256': { name: 'P-256', hash: 'SHA-256', id: '1.2.840.10045.3.1.7' },
  'ecdsa-sha2-nistp384': { name: 'P-384', hash: 'SHA-384', id: '1.3.132.0.34' },
  'ecdsa-sha2-nistp521': { name: 'P-521', hash: 'SHA-512', id: '1.3.132.0.35' },
};

/** RFC 5208: WebCrypto takes private keys in this wrapping only. */
function wrapPkcs8([type, curve]: [string, string?], key: Uint8Array): Der {
  const parameters = curve === undefined ? der.nothing() : der.oid(curve);
  return der.sequence(der.integer(0n), der.sequence(der.oid(type), parameters), der.octets(key));
}

/** The bytes of the first PEM block (RFC 7468), whatever its label. */
function readPem(text: string): Uint8Array<ArrayBuffer> {
  const [, base64] = /-----BEGIN [^-]+-----([^-]+)-----END/.exec(text) ?? [];
  if (base64 === undefined) throw new Error('This is no PEM.');
  return Uint8Array.from(Buffer.from(base64, 'base64'));
}

/** RFC 4251 §5. */
function mpint(number: Uint8Array<ArrayBuffer>): Uint8Array {
  const first = number.findIndex((byte) => byte !== 0);
  const digits = number.subarray(first < 0 ? number.length : first);
  const padding = digits.length > 0 && digits[0]! >= 0x80 ? 1 : 0;
  const bytes = new Uint8Array(4 + padding + digits.length);
  new DataView(bytes.buffer).setUint32(0, padding + digits.length);
  bytes.set(digits, 4 + padding);
  return bytes;
}

function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts));
}
