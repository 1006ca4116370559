// Signing and verifying: Ed25519, ECDSA, RSA.

import { ed25519 } from '@noble/curves/ed25519.js';
import { Buffer } from 'buffer';
import { codedError } from '../errors.ts';
import { Writable } from '../streams.ts';
import { algorithmName, algorithmOf } from './algorithms.ts';
import { bytesOf, type Data, outputOf } from './bytes.ts';
import { curveOf } from './curves.ts';
import { unsupported } from './key-material.ts';
import { createPrivateKey, createPublicKey, type KeyInput } from './key-object.ts';
import { signRsa, verifyRsa } from './rsa.ts';

interface SignatureOptions {
  /** Of ECDSA: `der`, which is a sequence of two numbers, or `ieee-p1363`, which is both behind each other. */
  dsaEncoding?: 'der' | 'ieee-p1363';
  padding?: number;
}

type SigningKey = KeyInput & SignatureOptions;
type Callback<Result> = (error: Error | null, result?: Result) => void;

export function sign(algorithm: string | null | undefined, data: Data, key: SigningKey): Buffer;
export function sign(
  algorithm: string | null | undefined,
  data: Data,
  key: SigningKey,
  callback: Callback<Buffer>,
): void;
export function sign(
  algorithm: string | null | undefined,
  data: Data,
  key: SigningKey,
  callback?: Callback<Buffer>,
): Buffer | undefined {
  if (callback) return told(() => sign(algorithm, data, key), callback);
  const { material } = createPrivateKey(key);
  const message = bytesOf(data);
  switch (material.kind) {
    case 'ed25519':
      return Buffer.from(ed25519.sign(message, material.secret));
    case 'ec': {
      const format = key.dsaEncoding === 'ieee-p1363' ? 'compact' : 'der';
      const { curve } = curveOf(material.curve);
      const options = { prehash: false, lowS: false, format } as const;
      return Buffer.from(curve.sign(digestOf(algorithm, message), material.secret, options));
    }
    case 'rsa':
      checkPadding(key);
      return Buffer.from(signRsa(material, nameOf(algorithm), digestOf(algorithm, message)));
    default:
      throw unsupported(`${material.kind} does not sign`);
  }
}

export function verify(
  algorithm: string | null | undefined,
  data: Data,
  key: SigningKey,
  signature: Data,
  callback?: Callback<boolean>,
): boolean | undefined {
  if (callback) return told(() => verify(algorithm, data, key, signature)!, callback);
  const { material } = createPublicKey(key);
  const message = bytesOf(data);
  const bytes = Uint8Array.from(bytesOf(signature));
  switch (material.kind) {
    case 'ed25519':
      return (
        bytes.length === 64 && fine(() => ed25519.verify(bytes, message, material.point, { zip215: false }))
      );
    case 'ec': {
      const format = key.dsaEncoding === 'ieee-p1363' ? 'compact' : 'der';
      const options = { prehash: false, lowS: false, format } as const;
      const digest = digestOf(algorithm, message);
      return fine(() => curveOf(material.curve).curve.verify(bytes, digest, material.point, options));
    }
    case 'rsa':
      checkPadding(key);
      return verifyRsa(material, nameOf(algorithm), digestOf(algorithm, message), bytes);
    default:
      throw unsupported(`${material.kind} does not sign`);
  }
}

/** In pieces, which are kept: Ed25519 needs them all at once. */
abstract class Signing extends Writable {
  protected readonly algorithm: string;
  readonly #parts: Uint8Array[] = [];

  constructor(algorithm: string) {
    super();
    algorithmOf(algorithm);
    this.algorithm = algorithm;
  }

  update(data: Data, encoding?: string): this {
    this.#parts.push(Uint8Array.from(bytesOf(data, encoding)));
    return this;
  }

  override _write(chunk: Data, encoding: BufferEncoding, callback: () => void): void {
    this.update(chunk, encoding);
    callback();
  }

  protected get message(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

export class Sign extends Signing {
  sign(key: SigningKey, encoding?: string): Buffer | string {
    return outputOf(sign(this.algorithm, this.message, key), encoding);
  }
}

export class Verify extends Signing {
  verify(key: SigningKey, signature: string | ArrayBufferView, encoding?: string): boolean {
    return verify(this.algorithm, this.message, key, bytesOf(signature, encoding))!;
  }
}

export function createSign(algorithm: string): Sign {
  return new Sign(algorithm);
}

export function createVerify(algorithm: string): Verify {
  return new Verify(algorithm);
}

function nameOf(algorithm: string | null | undefined): string {
  return algorithmName(algorithm ?? 'sha256') ?? String(algorithm);
}

function digestOf(algorithm: string | null | undefined, message: Uint8Array): Uint8Array {
  return algorithmOf(algorithm ?? 'sha256')(message);
}

/** RSA_PKCS1_PADDING is 1; the other one is not there. */
function checkPadding({ padding = 1 }: SignatureOptions): void {
  if (padding !== 1) throw codedError(Error, 'ERR_OSSL_UNSUPPORTED', 'RSA: only RSA_PKCS1_PADDING');
}

/** A signature that is not even one is a wrong one. */
function fine(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

function told<Result>(work: () => Result, callback: Callback<Result>): undefined {
  Promise.resolve()
    .then(work)
    .then(
      (result) => callback(null, result),
      (error: Error) => callback(error),
    );
}
