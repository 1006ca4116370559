/** The host keys that were seen, each pinned to our identity in the tunnel, the host and the port. */
import { type Signal, signal } from '@preact/signals';
import { isRecord } from '../settings.ts';
import { fingerprintOf, keyTypeOf, toBase64 } from './fingerprint.ts';

export interface KnownHost {
  id: string;
  /** Our public key in the tunnel: the same address elsewhere is another machine. */
  identity: string;
  host: string;
  port: number;
  keyType: string;
  /** Base64 of the public key as SSH sends it. */
  key: string;
  fingerprint: string;
  /** When it was first trusted, in milliseconds since 1970. */
  since: number;
}

export interface HostStore {
  list(): Promise<unknown[]>;
  put(host: KnownHost): Promise<void>;
  delete(id: string): Promise<void>;
}

export interface HostPlace {
  identity: string;
  host: string;
  port: number;
}

export type Verdict = { is: 'known' } | { is: 'new' } | { is: 'changed'; before: KnownHost };

/** More than anybody has; the oldest make room. */
const LIMIT = 500;

export class KnownHosts {
  readonly hosts: Signal<KnownHost[]> = signal([]);
  readonly #store: HostStore;
  readonly #now: () => number;
  #loaded: Promise<void> | undefined;

  constructor(store: HostStore, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  /** Reads what was kept, once; where the browser keeps nothing, pins last as long as the page. */
  load(): Promise<void> {
    this.#loaded ??= this.#store.list().then(
      (list) => {
        const here = new Set(this.hosts.value.map(({ id }) => id));
        this.hosts.value = [
          ...list.filter(isKnownHost).filter(({ id }) => !here.has(id)),
          ...this.hosts.value,
        ];
      },
      () => undefined,
    );
    return this.#loaded;
  }

  async check(place: HostPlace, blob: Uint8Array): Promise<Verdict> {
    await this.load();
    const before = this.hosts.value.find(({ id }) => id === idOf(place));
    if (!before) return { is: 'new' };
    return before.key === toBase64(blob) ? { is: 'known' } : { is: 'changed', before };
  }

  /** Trusts this key from now on, and no other. `lasting`: also after the page. */
  async pin(place: HostPlace, blob: Uint8Array, { lasting = true } = {}): Promise<void> {
    await this.load();
    const host: KnownHost = {
      ...place,
      id: idOf(place),
      keyType: keyTypeOf(blob),
      key: toBase64(blob),
      fingerprint: fingerprintOf(blob),
      since: this.#now(),
    };
    const others = this.hosts.value.filter(({ id }) => id !== host.id);
    const tooMany = others.slice(0, Math.max(0, others.length + 1 - LIMIT));
    this.hosts.value = [...others.slice(tooMany.length), host];
    if (lasting) await this.#store.put(host).catch(() => undefined);
    for (const { id } of tooMany) await this.#store.delete(id).catch(() => undefined);
  }

  async forget(id: string): Promise<void> {
    this.hosts.value = this.hosts.value.filter((host) => host.id !== id);
    await this.#store.delete(id).catch(() => undefined);
  }
}

function idOf({ identity, host, port }: HostPlace): string {
  return `${identity} ${host.toLowerCase()} ${port}`;
}

/** Anything that a later or an earlier version left there is passed over. */
function isKnownHost(value: unknown): value is KnownHost {
  if (!isRecord(value)) return false;
  return (
    ['id', 'identity', 'host', 'keyType', 'key', 'fingerprint'].every(
      (name) => typeof value[name] === 'string',
    ) &&
    typeof value.port === 'number' &&
    typeof value.since === 'number'
  );
}
