import type { IpAddress, SocketAddress } from '../../address.ts';
import { joined, type TupleHash } from './tuple-hash.ts';

/** What can be found by the two ends of a connection. */
export interface TableEntry<Entry> {
  readonly localAddress: IpAddress;
  readonly localPort: number;
  readonly remoteAddress: IpAddress;
  readonly remotePort: number;
  hash: number;
  hashNext: Entry | undefined;
}

const FIRST_BUCKETS = 64;

/**
 * Connections by local and remote address and port (RFC 9293 §3.3.1). The last one found is tried first, since bulk
 * traffic comes in trains. There are as many buckets as the connections need, also when most of them are gone.
 */
export class ConnectionTable<Entry extends TableEntry<Entry>> {
  readonly #hash: TupleHash;
  #buckets: (Entry | undefined)[] = new Array<Entry | undefined>(FIRST_BUCKETS).fill(undefined);
  #size = 0;
  #last: Entry | undefined;

  constructor(hash: TupleHash) {
    this.#hash = hash;
  }

  get size(): number {
    return this.#size;
  }

  get bucketCount(): number {
    return this.#buckets.length;
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
    const hash = this.#hash.at(view, addresses, version, remotePort, localPort);
    let entry = this.#buckets[this.#bucket(hash)];
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
    const view = joined(local, remote);
    const { version } = remote.address;
    return this.find(view, new Uint8Array(view.buffer), 0, version, remote.port, local.port);
  }

  add(entry: Entry): void {
    entry.hash = this.#hash.of(entry.localAddress, entry.localPort, entry.remoteAddress, entry.remotePort);
    if (this.#size >= this.#buckets.length) this.#resize(2 * this.#buckets.length);
    this.#link(entry);
    this.#size++;
  }

  remove(entry: Entry): void {
    if (this.#last === entry) this.#last = undefined;
    const index = this.#bucket(entry.hash);
    let at = this.#buckets[index];
    if (at === entry) this.#buckets[index] = entry.hashNext;
    else {
      while (at && at.hashNext !== entry) at = at.hashNext;
      if (!at) return;
      at.hashNext = entry.hashNext;
    }
    entry.hashNext = undefined;
    this.#size--;
    const { length } = this.#buckets;
    if (length > FIRST_BUCKETS && this.#size < length / 8) this.#resize(length / 2);
  }

  /** All entries, as they stand now: the table may change while they are gone through. */
  entries(): Entry[] {
    const all: Entry[] = [];
    for (const first of this.#buckets) for (let entry = first; entry; entry = entry.hashNext) all.push(entry);
    return all;
  }

  /** The lowest bit of a hash is the family. */
  #bucket(hash: number): number {
    return (hash >>> 1) & (this.#buckets.length - 1);
  }

  #link(entry: Entry): void {
    const index = this.#bucket(entry.hash);
    entry.hashNext = this.#buckets[index];
    this.#buckets[index] = entry;
  }

  #resize(buckets: number): void {
    const all = this.entries();
    this.#buckets = new Array<Entry | undefined>(buckets).fill(undefined);
    for (const entry of all) this.#link(entry);
  }
}

function isAt<Entry extends TableEntry<Entry>>(
  entry: Entry,
  memory: Uint8Array,
  addresses: number,
  version: 4 | 6,
  remotePort: number,
  localPort: number,
): boolean {
  return (
    entry.remotePort === remotePort &&
    entry.localPort === localPort &&
    entry.remoteAddress.version === version &&
    entry.remoteAddress.equalsAt(memory, addresses) &&
    entry.localAddress.equalsAt(memory, addresses + (version === 4 ? 4 : 16))
  );
}
