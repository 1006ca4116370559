import { NO_PAGE, type PageMap } from './page-maps.ts';
import { PAGE_SIZE, type PagePool } from './page-pool.ts';

const PAGE_SHIFT = 12;
const IN_PAGE = PAGE_SIZE - 1;
const EMPTY_MAP: PageMap = new Int32Array(0);

/**
 * Bytes of a stream over pages of a pool, from a moving front on. Positions are counted from the front, so they
 * stay small however long the stream gets. Bytes may be put anywhere behind the front (a receive buffer stores
 * what arrived too early in place); who uses it keeps count of which positions hold something.
 */
export class StreamBuffer {
  readonly #pool: PagePool;
  /** A ring of page numbers, its size a power of two; empty while one page is enough. */
  #pages: PageMap = EMPTY_MAP;
  /** That one page: a ring of size one. */
  #only = NO_PAGE;
  /** Where the front lies in the ring, in bytes. */
  #front = 0;

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  /** Stores `length` bytes of `view` at `position`. False, with nothing promised, when the pool is empty. */
  put(position: number, view: DataView, start: number, length: number): boolean {
    while (length > 0) {
      const page = this.#pageFor(position);
      if (page === NO_PAGE) return false;
      const inPage = (this.#front + position) & IN_PAGE;
      const piece = Math.min(length, PAGE_SIZE - inPage);
      copyBytes(view, start, this.#pool.viewOf(page), this.#pool.offsetOf(page) + inPage, piece);
      position += piece;
      start += piece;
      length -= piece;
    }
    return true;
  }

  /** Stores bytes [start, end) of an application's array; returns how many the pool had room for. */
  putArray(position: number, bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const page = this.#pageFor(position);
      if (page === NO_PAGE) break;
      const inPage = (this.#front + position) & IN_PAGE;
      const most = end - at;
      let piece = PAGE_SIZE - inPage;
      for (let last = page; piece < most; last++, piece += PAGE_SIZE)
        if (!this.#pool.adjoins(last, this.#pageFor(position + piece))) break;
      if (piece > most) piece = most;
      this.#pool.copyIn(page, inPage, piece === bytes.length ? bytes : bytes.subarray(at, at + piece));
      position += piece;
      at += piece;
    }
    return at - start;
  }

  /** Copies `length` stored bytes from `position` to `view` at `target`. */
  get(position: number, length: number, view: DataView, target: number): void {
    while (length > 0) {
      const at = (this.#front + position) & (this.#ringSize * PAGE_SIZE - 1);
      const page = this.#pageAt(at >> PAGE_SHIFT);
      const piece = Math.min(length, PAGE_SIZE - (at & IN_PAGE));
      copyBytes(this.#pool.viewOf(page), this.#pool.offsetOf(page) + (at & IN_PAGE), view, target, piece);
      position += piece;
      target += piece;
      length -= piece;
    }
  }

  /** Copies `length` stored bytes from the front into `target`, which they must fit. */
  getArray(target: Uint8Array, length: number): void {
    const mask = this.#ringSize - 1;
    let done = 0;
    while (done < length) {
      let index = ((this.#front + done) >> PAGE_SHIFT) & mask;
      const page = this.#pageAt(index);
      const inPage = (this.#front + done) & IN_PAGE;
      const most = length - done;
      let piece = PAGE_SIZE - inPage;
      for (let last = page; piece < most; last++, piece += PAGE_SIZE) {
        index = (index + 1) & mask;
        if (!this.#pool.adjoins(last, this.#pageAt(index))) break;
      }
      if (piece > most) piece = most;
      this.#pool.copyOut(page, inPage, piece, target, done);
      done += piece;
    }
  }

  /** Moves the front forward and gives back the pages left behind. */
  advance(length: number): void {
    const from = this.#front >> PAGE_SHIFT;
    this.#front += length;
    const to = this.#front >> PAGE_SHIFT;
    if (to === from) return;
    const size = this.#ringSize;
    for (let i = from; i < to; i++) this.#giveBack(i & (size - 1));
    this.#front &= size * PAGE_SIZE - 1;
  }

  /** Nothing is stored any more: gives back the page under the front as well, and the map. */
  rewind(): void {
    this.#giveBack(this.#front >> PAGE_SHIFT);
    this.#giveBackMap();
  }

  /** Gives back all pages that lie wholly at or behind `position`: what is stored there is lost. */
  truncate(position: number): void {
    const mask = this.#ringSize - 1;
    const first = (this.#front & IN_PAGE) + position;
    const from = (first + IN_PAGE) >> PAGE_SHIFT;
    const base = this.#front >> PAGE_SHIFT;
    for (let i = from; i <= mask; i++) this.#giveBack((base + i) & mask);
  }

  /** Forgets everything, gives back every page and the map. */
  clear(): void {
    for (let i = 0; i < this.#ringSize; i++) this.#giveBack(i);
    this.#giveBackMap();
  }

  /** How many pages it holds. Counts them: for tests. */
  countPages(): number {
    let count = 0;
    for (let i = 0; i < this.#ringSize; i++) if (this.#pageAt(i) !== NO_PAGE) count++;
    return count;
  }

  get #ringSize(): number {
    return this.#pages.length === 0 ? 1 : this.#pages.length;
  }

  #pageAt(index: number): number {
    return this.#pages.length === 0 ? this.#only : this.#pages[index]!;
  }

  /** The page that holds `position`, taken from the pool if need be. */
  #pageFor(position: number): number {
    const needed = (((this.#front & IN_PAGE) + position) >> PAGE_SHIFT) + 1;
    if (needed > this.#ringSize) this.#growMap(needed);
    const index = ((this.#front + position) & (this.#ringSize * PAGE_SIZE - 1)) >> PAGE_SHIFT;
    const page = this.#pageAt(index);
    if (page !== NO_PAGE) return page;
    const taken = this.#pool.take(this.#pageAt((index - 1) & (this.#ringSize - 1)));
    this.#setPage(index, taken);
    return taken;
  }

  #growMap(needed: number): void {
    const size = this.#ringSize;
    const pages = this.#pool.maps.take(needed);
    const base = this.#front >> PAGE_SHIFT;
    for (let i = 0; i < size; i++) {
      const at = (base + i) & (size - 1);
      pages[i] = this.#pageAt(at);
      this.#setPage(at, NO_PAGE);
    }
    const front = this.#front & IN_PAGE;
    this.#giveBackMap();
    this.#pages = pages;
    this.#front = front;
  }

  #giveBackMap(): void {
    if (this.#pages.length > 0) this.#pool.maps.release(this.#pages);
    this.#pages = EMPTY_MAP;
    this.#front = 0;
  }

  #giveBack(index: number): void {
    const page = this.#pageAt(index);
    if (page === NO_PAGE) return;
    this.#setPage(index, NO_PAGE);
    this.#pool.release(page);
  }

  #setPage(index: number, page: number): void {
    if (this.#pages.length === 0) this.#only = page;
    else this.#pages[index] = page;
  }
}

/**
 * Copies between two buffers without making a view of either (`set` would need one per packet): four bytes at a
 * time, four times in a row, at any alignment.
 */
function copyBytes(source: DataView, from: number, target: DataView, to: number, length: number): void {
  const blocks = from + (length & ~15);
  for (; from < blocks; from += 16, to += 16) {
    target.setInt32(to, source.getInt32(from, true), true);
    target.setInt32(to + 4, source.getInt32(from + 4, true), true);
    target.setInt32(to + 8, source.getInt32(from + 8, true), true);
    target.setInt32(to + 12, source.getInt32(from + 12, true), true);
  }
  const words = from + (length & 12);
  for (; from < words; from += 4, to += 4) target.setInt32(to, source.getInt32(from, true), true);
  for (let i = 0; i < (length & 3); i++) target.setUint8(to + i, source.getUint8(from + i));
}
