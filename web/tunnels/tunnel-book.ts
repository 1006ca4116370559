import { signal } from '@preact/signals';
import { importPrivateKey } from '../../src/index.ts';
import { readOurselves, withoutPrivateKey } from '../config-text.ts';
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

const LONGEST_NAME = 60;

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
  readonly #store: TunnelStore;
  readonly #persist: Persist;

  constructor(store: TunnelStore, persist: Persist) {
    this.#store = store;
    this.#persist = persist;
  }

  /** What earlier visits saved. A browser that has no place for it has saved nothing. */
  async load(): Promise<void> {
    const saved = await this.#store.list().catch(() => []);
    this.#show([...this.tunnels.value, ...saved]);
  }

  /** Until the tab is closed or reloaded. */
  keep(name: string, tunnel: OpenedTunnel): Promise<void> {
    return this.#change('form', () => {
      const { text, privateKey } = tunnel;
      return this.#replace(name, tunnel, { kind: 'tab', text, privateKey }, 'until this tab is closed');
    });
  }

  /** In this browser; with a passphrase, the whole text under it. */
  save(name: string, tunnel: OpenedTunnel, passphrase = ''): Promise<void> {
    return this.#change('form', async () => {
      const secret =
        passphrase === '' ? await this.#keySecret(tunnel) : await sealedSecret(tunnel, passphrase);
      if (!secret) return;
      await this.#replace(name, tunnel, secret, 'in this browser');
      if (!(await this.#persist().catch(() => false)))
        this.note.value = `${this.note.value!} ${NOT_PERSISTENT}`;
    });
  }

  rename(id: string, name: string): Promise<void> {
    return this.#change('list', async () => {
      const tunnel = this.#find(id);
      const title = this.#checkName(name, id);
      if (!tunnel || title === undefined) return;
      await this.#put({ ...tunnel, name: title });
      this.note.value = `It is called “${title}” now.`;
    });
  }

  remove(id: string): Promise<void> {
    return this.#change('list', async () => {
      const tunnel = this.#find(id);
      if (!tunnel) return;
      if (tunnel.secret.kind !== 'tab') await this.#store.delete(id);
      this.#show(this.tunnels.value.filter((each) => each.id !== id));
      this.note.value = `“${tunnel.name}” is deleted here; the server still lets its key in.`;
    });
  }

  /** What to put in the editor. Undefined if the passphrase is wrong, which `problem` says. */
  async open(id: string, passphrase = ''): Promise<OpenedTunnel | undefined> {
    let opened: OpenedTunnel | undefined;
    await this.#change('list', async () => {
      const tunnel = this.#find(id);
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

  async #keySecret(tunnel: OpenedTunnel): Promise<Secret | undefined> {
    try {
      const inText = readOurselves(tunnel.text).privateKey;
      const privateKey = inText === undefined ? tunnel.privateKey : await importPrivateKey(inText);
      if (!privateKey) {
        this.problem.value =
          'There is no private key to save: generate keys, or paste the whole configuration.';
        return undefined;
      }
      // Whether it can be stored shows in storing it.
      await this.#store.put({ ...PROBE, secret: { kind: 'key', text: '', privateKey } });
      await this.#store.delete(PROBE.id);
      return { kind: 'key', text: withoutPrivateKey(tunnel.text), privateKey };
    } catch {
      this.needsPassphrase.value = true;
      this.problem.value =
        'This browser cannot store keys that nobody can read, so choose a passphrase that encrypts it.';
      return undefined;
    }
  }

  async #replace(name: string, tunnel: OpenedTunnel, secret: Secret, where: string): Promise<void> {
    const title = this.#checkName(name);
    if (title === undefined) return;
    const { relay, publicKey } = tunnel;
    const before = this.tunnels.value.find((each) => each.name === title);
    const id = before?.id ?? crypto.randomUUID();
    if (before && before.secret.kind !== 'tab' && secret.kind === 'tab') await this.#store.delete(id);
    await this.#put({ id, name: title, publicKey, relay, secret });
    this.note.value = `“${title}” is kept ${where}.${secret.kind === 'key' ? ` ${KEY_SAVED}` : ''}`;
  }

  async #put(tunnel: SavedTunnel): Promise<void> {
    if (tunnel.secret.kind !== 'tab') await this.#store.put(tunnel);
    this.#show([...this.tunnels.value.filter((each) => each.id !== tunnel.id), tunnel]);
  }

  #checkName(name: string, id?: string): string | undefined {
    const title = name.trim();
    if (title === '') this.problem.value = 'Give it a name first.';
    else if (title.length > LONGEST_NAME)
      this.problem.value = `A name has at most ${LONGEST_NAME} characters.`;
    else if (id !== undefined && this.tunnels.value.some((each) => each.name === title && each.id !== id))
      this.problem.value = `There is another “${title}” already: choose another name.`;
    else return title;
    return undefined;
  }

  #find(id: string): SavedTunnel | undefined {
    return this.tunnels.value.find((tunnel) => tunnel.id === id);
  }

  #show(tunnels: SavedTunnel[]): void {
    this.tunnels.value = tunnels.sort((a, b) => a.name.localeCompare(b.name));
  }
}

async function unsealed({ sealed }: Extract<Secret, { kind: 'sealed' }>, passphrase: string) {
  const { unseal } = await import('./seal.ts');
  return unseal(sealed, passphrase);
}

async function sealedSecret({ text }: OpenedTunnel, passphrase: string): Promise<Secret> {
  const { seal } = await import('./seal.ts');
  return { kind: 'sealed', sealed: await seal(text, passphrase) };
}

const PROBE = { id: 'probe', name: 'probe', publicKey: '', relay: '' };

const KEY_SAVED =
  'Its private key can be used by this page but not read by anybody; the rest, a preshared key too, is stored as it is.';

const NOT_PERSISTENT =
  'This browser may delete it when it needs room: keep the .conf file, or ask for a new one if that happens.';
