import type { SocketAddress } from '../../address.ts';
import type { Environment } from '../../environment.ts';

/** What can be found by the two ends of a connection. */
export interface TableEntry<Entry> {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  hash: number;
  hashNext: Entry | undefined;
}

const FIRST_BUCKETS = 64;

/**
 * Connections by local and remote address and port (RFC 9293 §3.3.1). The hash is keyed, so that nobody outside can
 * choose addresses that fall into one bucket; the last one found is tried first, since bulk traffic comes in trains.
 */
export class ConnectionTable<Entry extends TableEntry<Entry>> {
  readonly #key = new Int32Array(2);
  #buckets: (Entry | undefined)[] = new Array<Entry | undefined>(FIRST_BUCKETS).fill(undefined);
  #size = 0;
  #last: Entry | undefined;

  constructor(environment: Environment) {
    environment.fillRandom(new Uint8Array(this.#key.buffer));
  }

  get size(): number {
    return this.#size;
  }

  /**
   * The connection a received segment belongs to: the packet's source, which is our remote end, lies at `addresses`,
   * its destination behind it.
   */
  find(
    view: DataView,
    memory: Uint8Array,
    addresses: number,
    version: 4 | 6,
    remotePort: number,
    localPort: number,
  ): Entry | undefined {
    const last = this.#last;
    if (last && isAt(last, memory, addresses, version, remotePort, localPort)) return last;
    const hash = this.#hashAt(view, addresses, version, remotePort, localPort);
    let entry = this.#buckets[hash & (this.#buckets.length - 1)];
    while (
      entry &&
      !(entry.hash === hash && isAt(entry, memory, addresses, version, remotePort, localPort))
    ) {
      entry = entry.hashNext;
    }
    if (entry) this.#last = entry;
    return entry;
  }

  has(local: SocketAddress, remote: SocketAddress): boolean {
    return this.get(local, remote) !== undefined;
  }

  get(local: SocketAddress, remote: SocketAddress): Entry | undefined {
    const bytes = joined(local, remote);
    const { version } = remote.address;
    return this.find(new DataView(bytes.buffer), bytes, 0, version, remote.port, local.port);
  }

  add(entry: Entry): void {
    const { local, remote } = entry;
    const bytes = joined(local, remote);
    const { version } = remote.address;
    entry.hash = this.#hashAt(new DataView(bytes.buffer), 0, version, remote.port, local.port);
    if (this.#size >= this.#buckets.length) this.#grow();
    this.#link(entry);
    this.#size++;
  }

  remove(entry: Entry): void {
    if (this.#last === entry) this.#last = undefined;
    const index = entry.hash & (this.#buckets.length - 1);
    let at = this.#buckets[index];
    if (at === entry) this.#buckets[index] = entry.hashNext;
    else {
      while (at && at.hashNext !== entry) at = at.hashNext;
      if (!at) return;
      at.hashNext = entry.hashNext;
    }
    entry.hashNext = undefined;
    this.#size--;
  }

  /** All entries, as they stand now: the table may change while they are gone through. */
  entries(): Entry[] {
    const all: Entry[] = [];
    for (const first of this.#buckets) for (let entry = first; entry; entry = entry.hashNext) all.push(entry);
    return all;
  }

  #link(entry: Entry): void {
    const index = entry.hash & (this.#buckets.length - 1);
    entry.hashNext = this.#buckets[index];
    this.#buckets[index] = entry;
  }

  #grow(): void {
    const all = this.entries();
    this.#buckets = new Array<Entry | undefined>(this.#buckets.length * 4).fill(undefined);
    for (const entry of all) this.#link(entry);
  }

  #hashAt(view: DataView, addresses: number, version: 4 | 6, remotePort: number, localPort: number): number {
    const end = addresses + (version === 4 ? 8 : 32);
    let hash = mix(this.#key[0]! ^ ((remotePort << 16) | localPort));
    for (let at = addresses; at < end; at += 4) hash = mix(hash ^ view.getInt32(at) ^ this.#key[1]!);
    return hash;
  }
}

/** Multiply and xor-shift (the finisher of MurmurHash3). */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function isAt<Entry extends TableEntry<Entry>>(
  entry: Entry,
  memory: Uint8Array,
  addresses: number,
  version: 4 | 6,
  remotePort: number,
  localPort: number,
): boolean {
  const { local, remote } = entry;
  return (
    remote.port === remotePort &&
    local.port === localPort &&
    remote.address.version === version &&
    remote.address.equalsAt(memory, addresses) &&
    local.address.equalsAt(memory, addresses + (version === 4 ? 4 : 16))
  );
}

/** The addresses as they lie in a packet that comes from the remote end. */
function joined(local: SocketAddress, remote: SocketAddress): Uint8Array {
  const bytes = new Uint8Array(2 * remote.address.bytes.length);
  bytes.set(remote.address.bytes);
  bytes.set(local.address.bytes, remote.address.bytes.length);
  return bytes;
}
