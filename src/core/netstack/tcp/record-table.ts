import { IpAddress, type SocketAddress } from '../../address.ts';
import { type Instant, NEVER } from '../../time.ts';
import { joined } from './tuple-hash.ts';

/** "No row", wherever a row is named by its number. */
export const NO_ROW = -1;

// The words of a row. An address takes four; of IPv4's only the first is used.
const REMOTE = 0;
const LOCAL = 4;
const PORTS = 8;
const HASH = 9;
/** The next row of the bucket, or the next free row. */
const LINK = 10;
const OLDER = 11;
const NEWER = 12;
const OWN = 13;

const FIRST_BUCKETS = 64;
/** Rows that a bucket has on average before there are more buckets. */
const BUCKET_ROWS = 2;
/** Rows that memory is taken for at a time. */
const CHUNK_ROWS = 256;

/**
 * Small records of connections that are not there yet, or no longer: rows of numbers in typed arrays, found by the two
 * ends of the connection, since ten thousand of them must not cost more than a megabyte. Each row stands in one of
 * several queues with an instant; whoever gives the rows of a queue equal patience finds them in the order in which
 * they are due. Memory is given back when the last row is removed.
 */
export class RecordTable {
  readonly #words: number;
  #chunks: Int32Array[] = [];
  #times: Float64Array[] = [];
  #buckets = new Int32Array(FIRST_BUCKETS).fill(NO_ROW);
  #free = NO_ROW;
  #size = 0;
  readonly #oldest: Int32Array;
  readonly #newest: Int32Array;

  /** `fields`: words that the user of the table keeps in a row, besides what the table needs. */
  constructor(fields: number, queues: number) {
    this.#words = OWN + fields;
    this.#oldest = new Int32Array(queues).fill(NO_ROW);
    this.#newest = new Int32Array(queues).fill(NO_ROW);
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of all arrays, for those who watch them. */
  get byteLength(): number {
    const rows = this.#chunks.length * CHUNK_ROWS;
    return rows * (4 * this.#words + 8) + this.#buckets.byteLength;
  }

  /** The row of the connection a segment belongs to, as TupleHash.at reads it; or NO_ROW. */
  find(view: DataView, addresses: number, hash: number, remotePort: number, localPort: number): number {
    if (this.#size === 0) return NO_ROW;
    const ports = (remotePort << 16) | localPort;
    let row = this.#buckets[this.#bucket(hash)]!;
    while (row !== NO_ROW && !this.#isAt(row, view, addresses, hash, ports)) row = this.#word(row, LINK);
    return row;
  }

  /** The same for ends that are at hand. */
  get(local: SocketAddress, remote: SocketAddress, hash: number): number {
    if (this.#size === 0) return NO_ROW;
    return this.find(joined(local, remote), 0, hash, remote.port, local.port);
  }

  /** A new row; its fields are whatever they are. `at` is for its queue. */
  add(local: SocketAddress, remote: SocketAddress, hash: number, queue: number, at: Instant): number {
    if (this.#size >= BUCKET_ROWS * this.#buckets.length) this.#growBuckets();
    if (this.#free === NO_ROW) this.#addChunk();
    const row = this.#free;
    this.#free = this.#word(row, LINK);
    this.#size++;
    const words = this.#chunk(row);
    const base = this.#base(row);
    writeAddress(words, base + REMOTE, remote.address);
    writeAddress(words, base + LOCAL, local.address);
    words[base + PORTS] = (remote.port << 16) | local.port;
    words[base + HASH] = hash;
    this.#link(row, hash);
    this.#append(row, queue, at);
    return row;
  }

  /** `queue` is the one it stands in. */
  remove(row: number, queue: number): void {
    this.#unlink(row);
    this.#takeOut(row, queue);
    this.#setWord(row, LINK, this.#free);
    this.#free = row;
    if (--this.#size === 0) this.#giveBack();
  }

  /** Puts a row at the end of a queue, which may be the one it stands in. */
  move(row: number, from: number, to: number, at: Instant): void {
    this.#takeOut(row, from);
    this.#append(row, to, at);
  }

  /** The row that stands longest in a queue, or NO_ROW. */
  oldest(queue: number): number {
    return this.#oldest[queue]!;
  }

  /** The row that came to its queue after this one, or NO_ROW. */
  after(row: number): number {
    return this.#word(row, NEWER);
  }

  /** The instant with which a row came to its queue. */
  since(row: number): Instant {
    return this.#times[row >> 8]![row & (CHUNK_ROWS - 1)]!;
  }

  /** The instant of a queue's oldest row; NEVER when it is empty. */
  oldestSince(queue: number): Instant {
    const row = this.#oldest[queue]!;
    return row === NO_ROW ? NEVER : this.since(row);
  }

  field(row: number, field: number): number {
    return this.#word(row, OWN + field);
  }

  setField(row: number, field: number, value: number): void {
    this.#setWord(row, OWN + field, value);
  }

  localOf(row: number): SocketAddress {
    return { address: this.#address(row, LOCAL), port: this.#word(row, PORTS) & 0xffff };
  }

  remoteOf(row: number): SocketAddress {
    return { address: this.#address(row, REMOTE), port: this.#word(row, PORTS) >>> 16 };
  }

  #isAt(row: number, view: DataView, addresses: number, hash: number, ports: number): boolean {
    const words = this.#chunk(row);
    const base = this.#base(row);
    if (words[base + HASH] !== hash || words[base + PORTS] !== ports) return false;
    // Equal hashes are of one family.
    const size = isIpv6(hash) ? 4 : 1;
    for (let i = 0; i < size; i++) {
      if (words[base + REMOTE + i] !== view.getInt32(addresses + 4 * i)) return false;
      if (words[base + LOCAL + i] !== view.getInt32(addresses + 4 * (size + i))) return false;
    }
    return true;
  }

  #address(row: number, at: number): IpAddress {
    const size = isIpv6(this.#word(row, HASH)) ? 4 : 1;
    const bytes = new Uint8Array(4 * size);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < size; i++) view.setInt32(4 * i, this.#word(row, at + i));
    return new IpAddress(bytes);
  }

  // ---- rows in memory

  #chunk(row: number): Int32Array {
    return this.#chunks[row >> 8]!;
  }

  #base(row: number): number {
    return (row & (CHUNK_ROWS - 1)) * this.#words;
  }

  #word(row: number, word: number): number {
    return this.#chunk(row)[this.#base(row) + word]!;
  }

  #setWord(row: number, word: number, value: number): void {
    this.#chunk(row)[this.#base(row) + word] = value;
  }

  #addChunk(): void {
    const first = this.#chunks.length * CHUNK_ROWS;
    this.#chunks.push(new Int32Array(CHUNK_ROWS * this.#words));
    this.#times.push(new Float64Array(CHUNK_ROWS));
    for (let row = first + CHUNK_ROWS - 1; row >= first; row--) {
      this.#setWord(row, LINK, this.#free);
      this.#free = row;
    }
  }

  #giveBack(): void {
    this.#chunks = [];
    this.#times = [];
    this.#free = NO_ROW;
    this.#buckets = new Int32Array(FIRST_BUCKETS).fill(NO_ROW);
  }

  // ---- buckets

  #bucket(hash: number): number {
    return (hash >>> 1) & (this.#buckets.length - 1);
  }

  #link(row: number, hash: number): void {
    const bucket = this.#bucket(hash);
    this.#setWord(row, LINK, this.#buckets[bucket]!);
    this.#buckets[bucket] = row;
  }

  #unlink(row: number): void {
    const bucket = this.#bucket(this.#word(row, HASH));
    const next = this.#word(row, LINK);
    let at = this.#buckets[bucket]!;
    if (at === row) {
      this.#buckets[bucket] = next;
      return;
    }
    while (this.#word(at, LINK) !== row) at = this.#word(at, LINK);
    this.#setWord(at, LINK, next);
  }

  #growBuckets(): void {
    this.#buckets = new Int32Array(2 * this.#buckets.length).fill(NO_ROW);
    for (let queue = 0; queue < this.#oldest.length; queue++) {
      for (let row = this.#oldest[queue]!; row !== NO_ROW; row = this.after(row))
        this.#link(row, this.#word(row, HASH));
    }
  }

  // ---- queues

  #append(row: number, queue: number, at: Instant): void {
    const last = this.#newest[queue]!;
    this.#setWord(row, OLDER, last);
    this.#setWord(row, NEWER, NO_ROW);
    if (last === NO_ROW) this.#oldest[queue] = row;
    else this.#setWord(last, NEWER, row);
    this.#newest[queue] = row;
    this.#times[row >> 8]![row & (CHUNK_ROWS - 1)] = at;
  }

  #takeOut(row: number, queue: number): void {
    const older = this.#word(row, OLDER);
    const newer = this.#word(row, NEWER);
    if (older === NO_ROW) this.#oldest[queue] = newer;
    else this.#setWord(older, NEWER, newer);
    if (newer === NO_ROW) this.#newest[queue] = older;
    else this.#setWord(newer, OLDER, older);
  }
}

function isIpv6(hash: number): boolean {
  return (hash & 1) === 1;
}

function writeAddress(words: Int32Array, at: number, address: IpAddress): void {
  words[at] = address.word0;
  words[at + 1] = address.word1;
  words[at + 2] = address.word2;
  words[at + 3] = address.word3;
}
