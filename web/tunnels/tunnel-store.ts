/** The tunnels that a person asked this browser to keep, in IndexedDB. */
import { createStore, del, set, values } from 'idb-keyval';
import { isRecord } from '../settings.ts';
import type { Sealed } from './seal.ts';

export interface SavedTunnel {
  id: string;
  name: string;
  publicKey: string;
  relay: string;
  secret: Secret;
}

export type Secret =
  /** In the memory of this tab, never in the store. */
  | { kind: 'tab'; text: string; privateKey: CryptoKey | undefined }
  /** The text lacks the private key, which WebCrypto has and gives to nobody. */
  | { kind: 'key'; text: string; privateKey: CryptoKey }
  /** The whole text under a passphrase. */
  | { kind: 'sealed'; sealed: Sealed };

/** What the book needs of a store. */
export interface TunnelStore {
  list(): Promise<SavedTunnel[]>;
  /** Rejects where the browser cannot keep such keys. */
  put(tunnel: SavedTunnel): Promise<void>;
  delete(id: string): Promise<void>;
}

export class BrowserStore implements TunnelStore {
  #store: ReturnType<typeof createStore> | undefined;

  async list(): Promise<SavedTunnel[]> {
    return (await values<unknown>(this.#open())).filter(isSavedTunnel);
  }

  async put(tunnel: SavedTunnel): Promise<void> {
    await set(tunnel.id, tunnel, this.#open());
  }

  async delete(id: string): Promise<void> {
    await del(id, this.#open());
  }

  /** Opened when first needed: some browsers forbid it in private windows, and say so by throwing. */
  #open(): ReturnType<typeof createStore> {
    this.#store ??= createStore('tabwire', 'tunnels');
    return this.#store;
  }
}

/** Anything that a later or an earlier version left there is passed over. */
function isSavedTunnel(value: unknown): value is SavedTunnel {
  if (!isRecord(value) || !isRecord(value.secret)) return false;
  const { id, name, publicKey, relay, secret } = value;
  if (![id, name, publicKey, relay].every((field) => typeof field === 'string')) return false;
  if (secret.kind === 'key') return typeof secret.text === 'string' && isRecord(secret.privateKey);
  return secret.kind === 'sealed' && isRecord(secret.sealed);
}
