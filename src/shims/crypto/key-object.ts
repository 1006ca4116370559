// Node's KeyObject of asymmetric keys, and what reads one.
import { Buffer } from 'buffer';
import { invalidArgType } from '../errors.ts';
import { bytesOf } from './bytes.ts';
import {
  type PrivateMaterial,
  type PublicMaterial,
  publicOf,
  readPkcs8,
  readRsaPrivate,
  readRsaPublic,
  readSec1,
  readSpki,
  unsupported,
  writePkcs8,
  writeRsaPrivate,
  writeRsaPublic,
  writeSec1,
  writeSpki,
} from './key-material.ts';

export interface ExportOptions {
  type?: string;
  format?: string;
}

abstract class AsymmetricKey {
  abstract readonly type: 'public' | 'private';
  protected abstract readonly kind: string;

  get asymmetricKeyType(): string {
    return this.kind;
  }

  equals(other: AsymmetricKey): boolean {
    const [mine, others] = [this.der(this.defaultType), other.der(other.defaultType)];
    return this.type === other.type && Buffer.from(mine).equals(others);
  }

  export({ type = this.defaultType, format = 'pem' }: ExportOptions = {}): Buffer | string {
    const bytes = Buffer.from(this.der(type));
    if (format === 'der') return bytes;
    if (format !== 'pem') throw unsupported(`the format ${format}`);
    const lines = bytes.toString('base64').replace(/.{1,64}/g, '$&\n');
    const label = this.label(type);
    return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
  }

  /** @internal */
  abstract get defaultType(): string;
  /** @internal */
  abstract der(type: string): Uint8Array;
  protected abstract label(type: string): string;
}

export class PublicKey extends AsymmetricKey {
  readonly type = 'public';
  readonly defaultType = 'spki';
  /** @internal */
  readonly material: PublicMaterial;

  constructor(material: PublicMaterial) {
    super();
    this.material = material;
  }

  protected get kind(): string {
    return this.material.kind;
  }

  der(type: string): Uint8Array {
    if (type === 'spki') return writeSpki(this.material);
    if (type === 'pkcs1' && this.material.kind === 'rsa') return writeRsaPublic(this.material);
    throw unsupported(`the type ${type}`);
  }

  protected label(type: string): string {
    return type === 'pkcs1' ? 'RSA PUBLIC KEY' : 'PUBLIC KEY';
  }
}

export class PrivateKey extends AsymmetricKey {
  readonly type = 'private';
  readonly defaultType = 'pkcs8';
  /** @internal */
  readonly material: PrivateMaterial;

  constructor(material: PrivateMaterial) {
    super();
    this.material = material;
  }

  protected get kind(): string {
    return this.material.kind;
  }

  der(type: string): Uint8Array {
    const { material } = this;
    if (type === 'pkcs8') return writePkcs8(material);
    if (type === 'pkcs1' && material.kind === 'rsa') return writeRsaPrivate(material);
    if (type === 'sec1' && material.kind === 'ec') return writeSec1(material);
    throw unsupported(`the type ${type}`);
  }

  protected label(type: string): string {
    return { pkcs1: 'RSA PRIVATE KEY', sec1: 'EC PRIVATE KEY' }[type] ?? 'PRIVATE KEY';
  }
}

/** What a caller has for a key: text with BEGIN and END, or bytes and what they are. */
export type KeyInput = string | ArrayBufferView | PublicKey | PrivateKey | KeyDescription;

interface KeyDescription {
  key: string | ArrayBufferView | PublicKey | PrivateKey;
  format?: string;
  type?: string;
}

export function createPrivateKey(input: KeyInput): PrivateKey {
  const key = keyOf(input, 'private');
  if (key instanceof PrivateKey) return key;
  throw invalidArgType('key', 'a private key', key);
}

/** Of a private key, the public half. */
export function createPublicKey(input: KeyInput): PublicKey {
  const key = keyOf(input, 'public');
  return key instanceof PrivateKey ? new PublicKey(publicOf(key.material)) : key;
}

function keyOf(input: KeyInput, wanted: 'public' | 'private'): PublicKey | PrivateKey {
  if (input instanceof PublicKey || input instanceof PrivateKey) return input;
  if (typeof input === 'string' || ArrayBuffer.isView(input)) return ofPem(textOf(input));
  if (typeof input !== 'object' || input === null) throw invalidArgType('key', 'a key', input);
  const { key, format = 'pem', type } = input;
  if (key instanceof PublicKey || key instanceof PrivateKey) return key;
  if (format === 'pem') return ofPem(textOf(key));
  if (format !== 'der') throw unsupported(`the format ${format}`);
  return ofDer(bytesOf(key), type ?? (wanted === 'public' ? 'spki' : 'pkcs8'), wanted);
}

function ofDer(bytes: Uint8Array, type: string, wanted: 'public' | 'private'): PublicKey | PrivateKey {
  if (type === 'spki') return new PublicKey(readSpki(bytes));
  if (type === 'pkcs8') return new PrivateKey(readPkcs8(bytes));
  if (type === 'sec1') return new PrivateKey(readSec1(bytes));
  if (type !== 'pkcs1') throw unsupported(`the type ${type}`);
  return wanted === 'public' ? new PublicKey(readRsaPublic(bytes)) : new PrivateKey(readRsaPrivate(bytes));
}

/** RFC 7468. */
const PEM = /-----BEGIN ([A-Z ]+)-----\s*([A-Za-z0-9+/=\s]+?)\s*-----END \1-----/;

function ofPem(text: string): PublicKey | PrivateKey {
  const [, label, base64] = PEM.exec(text) ?? [];
  if (label === undefined) throw unsupported('not a PEM file, or one that is encrypted');
  const bytes = Uint8Array.from(Buffer.from(base64!, 'base64'));
  switch (label) {
    case 'PUBLIC KEY':
      return new PublicKey(readSpki(bytes));
    case 'RSA PUBLIC KEY':
      return new PublicKey(readRsaPublic(bytes));
    case 'PRIVATE KEY':
      return new PrivateKey(readPkcs8(bytes));
    case 'RSA PRIVATE KEY':
      return new PrivateKey(readRsaPrivate(bytes));
    case 'EC PRIVATE KEY':
      return new PrivateKey(readSec1(bytes));
    default:
      throw unsupported(label);
  }
}

function textOf(key: string | ArrayBufferView): string {
  return typeof key === 'string' ? key : new TextDecoder().decode(key);
}
