/** The tunnels that a person asked this browser to keep, in IndexedDB. */
import { BrowserShelf } from '../browser-shelf.ts';
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

export class BrowserStore extends BrowserShelf<SavedTunnel> implements TunnelStore {
  constructor() {
    super('tabwire', 'tunnels');
  }

  override async list(): Promise<SavedTunnel[]> {
    return (await super.list()).filter(isSavedTunnel);
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
