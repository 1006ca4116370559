/** The keys of ours: like an ssh-agent, it signs with them and gives none away. */
import { signal } from '@preact/signals';
import { fingerprintOf, toBase64 } from './fingerprint.ts';
import { ed25519Signer, type Signer } from './signer.ts';

export interface HeldKey {
  id: string;
  name: string;
  signer: Signer;
  /** In this browser, for the next time too; else in the memory of this tab. */
  isSaved: boolean;
}

/** As it lies in IndexedDB: a CryptoKey that nobody can read. */
interface SavedKey {
  id: string;
  name: string;
  publicBlob: Uint8Array<ArrayBuffer>;
  privateKey: CryptoKey;
}

export interface KeyShelf {
  list(): Promise<unknown[]>;
  put(key: SavedKey): Promise<void>;
  delete(id: string): Promise<void>;
}

/** OpenSSH's servers end the connection after six keys. */
const MAX_KEYS = 5;
const ED25519 = 'ssh-ed25519';

export class KeyRingFull extends Error {
  constructor() {
    super(`${MAX_KEYS} keys are here already: remove one first.`);
  }
}

export class KeyRing {
  readonly keys = signal<readonly HeldKey[]>([]);
  readonly #shelf: KeyShelf;
  #loaded: Promise<void> | undefined;

  constructor(shelf: KeyShelf) {
    this.#shelf = shelf;
  }

  /** Reads what was kept, once. */
  load(): Promise<void> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async #load(): Promise<void> {
    const saved: unknown[] = await this.#shelf.list().catch(() => []);
    this.keys.value = [...saved.filter(isSavedKey).map(heldKey), ...this.keys.value];
  }

  /** A key out of a file, until the tab is closed. */
  add(signer: Signer, name: string): void {
    this.#add({
      id: signer.fingerprint,
      name: name.trim() || signer.comment || signer.fingerprint,
      signer,
      isSaved: false,
    });
  }

  /** A new Ed25519 key that never leaves this browser; rejects where the browser has no such keys. */
  async generate(name: string): Promise<HeldKey> {
    const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    if (!('privateKey' in pair)) throw new Error('This browser makes no Ed25519 keys.');
    const publicBlob = ed25519Blob(await crypto.subtle.exportKey('raw', pair.publicKey));
    const id = fingerprintOf(publicBlob);
    this.#makeRoom(id);
    const saved = {
      id,
      name: name.trim() || 'This browser',
      publicBlob,
      privateKey: pair.privateKey,
    };
    const isSaved = await this.#shelf.put(saved).then(
      () => true,
      () => false,
    );
    const key = { ...heldKey(saved), isSaved };
    this.#add(key);
    return key;
  }

  async remove(id: string): Promise<void> {
    this.keys.value = this.keys.value.filter((key) => key.id !== id);
    await this.#shelf.delete(id).catch(() => undefined);
  }

  get signers(): Signer[] {
    return this.keys.value.map(({ signer }) => signer);
  }

  /** The keys beside this one; throws if there are too many. */
  #makeRoom(id: string): HeldKey[] {
    const others = this.keys.value.filter((key) => key.id !== id);
    if (others.length >= MAX_KEYS) throw new KeyRingFull();
    return others;
  }

  #add(key: HeldKey): void {
    this.keys.value = [...this.#makeRoom(key.id), key];
  }
}

/** A line for the server's authorized_keys. */
export function publicLine({ signer, name }: HeldKey): string {
  return `${signer.type} ${toBase64(signer.publicBlob)} ${name.replace(/\s+/g, '-')}`;
}

function heldKey({ id, name, publicBlob, privateKey }: SavedKey): HeldKey {
  const named = { publicBlob, type: ED25519, comment: name, fingerprint: id };
  return { id, name, signer: ed25519Signer(privateKey, named), isSaved: true };
}

/** RFC 8709 §4. */
function ed25519Blob(key: ArrayBuffer): Uint8Array<ArrayBuffer> {
  const type = new TextEncoder().encode(ED25519);
  const blob = new Uint8Array(4 + type.length + 4 + key.byteLength);
  const view = new DataView(blob.buffer);
  view.setUint32(0, type.length);
  blob.set(type, 4);
  view.setUint32(4 + type.length, key.byteLength);
  blob.set(new Uint8Array(key), 8 + type.length);
  return blob;
}

function isSavedKey(value: unknown): value is SavedKey {
  if (typeof value !== 'object' || value === null) return false;
  const { id, name, publicBlob, privateKey } = value as Record<string, unknown>;
  return (
    typeof id === 'string' &&
    typeof name === 'string' &&
    publicBlob instanceof Uint8Array &&
    privateKey instanceof CryptoKey
  );
}
