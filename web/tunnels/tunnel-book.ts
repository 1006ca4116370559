import { signal } from '@preact/signals';
import type { SavedTunnel, Secret, TunnelStore } from './tunnel-store.ts';

/** A tunnel as it stands in the editor, with the key that it uses in place of one in the text. */
export interface OpenedTunnel {
  text: string;
  relay: string;
  publicKey: string;
  privateKey: CryptoKey | undefined;
}

/** Asks the browser not to delete what is saved; whether it promised. */
export type Persist = () => Promise<boolean>;

export type Place = 'list' | 'form';

/** Several tunnels by name: in this tab's memory, or, if a person asked for it, in this browser. */
export class TunnelBook {
  readonly tunnels = signal<SavedTunnel[]>([]);
  /** What is to be known of the latest change. */
  readonly note = signal<string | undefined>();
  readonly problem = signal<string | undefined>();
  /** The browser cannot keep keys that nobody can read, so that a passphrase must protect them. */
  readonly needsPassphrase = signal(false);
  readonly busy = signal(false);
  /** Where both are to be read: beside the list of what is kept, or the form that keeps. */
  readonly place = signal<Place>('list');
  /** The site gives configurations to those who ask for one. */
  hasEnrolment = false;
  readonly store: TunnelStore;
  readonly persist: Persist;

  constructor(store: TunnelStore, persist: Persist) {
    this.store = store;
    this.persist = persist;
  }

  /** What earlier visits saved. A browser that has no place for it has saved nothing. */
  async load(): Promise<void> {
    const saved = await this.store.list().catch(() => []);
    this.show([...this.tunnels.value, ...saved]);
  }

  /** Until the tab is closed or reloaded. */
  keep(name: string, tunnel: OpenedTunnel): Promise<void> {
    return this.#change('form', async () => (await changes()).keep(this, name, tunnel));
  }

  /** Several, under names that are free. */
  keepMany(named: readonly (OpenedTunnel & { name: string })[]): Promise<void> {
    return this.#change('list', async () => (await changes()).keepMany(this, named));
  }

  /** In this browser; with a passphrase, the whole text under it. */
  save(name: string, tunnel: OpenedTunnel, passphrase = ''): Promise<void> {
    return this.#change('form', async () => (await changes()).save(this, name, tunnel, passphrase));
  }

  rename(id: string, name: string): Promise<void> {
    return this.#change('list', async () => (await changes()).rename(this, id, name));
  }

  remove(id: string): Promise<void> {
    return this.#change('list', async () => (await changes()).remove(this, id));
  }

  /** What to put in the editor. Undefined if the passphrase is wrong, which `problem` says. */
  async open(id: string, passphrase = ''): Promise<OpenedTunnel | undefined> {
    let opened: OpenedTunnel | undefined;
    await this.#change('list', async () => {
      const tunnel = this.find(id);
      if (!tunnel) return;
      const { relay, publicKey, secret } = tunnel;
      const text = secret.kind === 'sealed' ? await unsealed(secret, passphrase) : secret.text;
      if (text === undefined)
        this.problem.value = `This passphrase does not open “${tunnel.name}”: try again.`;
      else
        opened = {
          text,
          relay,
          publicKey,
          privateKey: secret.kind === 'sealed' ? undefined : secret.privateKey,
        };
    });
    return opened;
  }

  /** One change at a time; what goes wrong is said, in the words of the program that was asked. */
  async #change(place: Place, work: () => Promise<void>): Promise<void> {
    if (this.busy.value) return;
    this.busy.value = true;
    this.place.value = place;
    this.note.value = undefined;
    this.problem.value = undefined;
    try {
      await work();
    } catch {
      this.problem.value =
        'This browser did not store it: allow this site to keep data, or keep it in this tab.';
    } finally {
      this.busy.value = false;
    }
  }

  find(id: string | undefined): SavedTunnel | undefined {
    return this.tunnels.value.find((tunnel) => tunnel.id === id);
  }

  show(tunnels: SavedTunnel[]): void {
    this.tunnels.value = tunnels.sort((a, b) => a.name.localeCompare(b.name));
  }
}

async function unsealed({ sealed }: Extract<Secret, { kind: 'sealed' }>, passphrase: string) {
  const { unseal } = await import('./seal.ts');
  return unseal(sealed, passphrase);
}

/** A first visit changes nothing: what does comes when it is wanted. */
const changes = () => import('./book-changes.ts');
