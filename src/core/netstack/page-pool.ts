/** Bytes in a page. Small, so that ten thousand sockets with one unread byte each cost 40 MiB and not more. */
export const PAGE_SIZE = 4096;
const PAGES_PER_CHUNK = 256;

/** Marks "no page" wherever a page number is kept. */
export const NO_PAGE = -1;

/** How full the pool is, and so what sockets may still do. */
export type MemoryPressure = 'none' | 'high' | 'critical';

/**
 * The memory of all socket buffers: ordinary ArrayBuffers of 1 MiB, made when first needed and kept, cut into
 * pages. A page is taken when bytes land and given back when they are consumed or acknowledged, so that a large
 * window costs nothing until it is filled. The bound holds for all sockets together.
 */
export class PagePool {
  readonly limit: number;
  /** One view of each page and one of each chunk, so that copying makes none. */
  readonly #pages: Uint8Array[] = [];
  readonly #chunks: DataView[] = [];
  /** A stack of free page numbers. */
  readonly #free: Int32Array;
  #freeCount = 0;
  #used = 0;

  /** `limitBytes` is rounded down to whole chunks of 1 MiB, at least one. */
  constructor(limitBytes = 128 << 20) {
    this.limit = Math.max(1, Math.floor(limitBytes / (PAGE_SIZE * PAGES_PER_CHUNK))) * PAGES_PER_CHUNK;
    this.#free = new Int32Array(this.limit);
  }

  /** Pages lent out. */
  get used(): number {
    return this.#used;
  }

  get pressure(): MemoryPressure {
    if (this.#used * 20 >= this.limit * 19) return 'critical';
    return this.#used * 4 >= this.limit * 3 ? 'high' : 'none';
  }

  /** A page number, or NO_PAGE when all are lent. Its content is undefined. */
  take(): number {
    if (this.#freeCount === 0 && !this.#addChunk()) return NO_PAGE;
    this.#used++;
    return this.#free[--this.#freeCount]!;
  }

  release(page: number): void {
    this.#used--;
    this.#free[this.#freeCount++] = page;
  }

  bytesOf(page: number): Uint8Array {
    return this.#pages[page]!;
  }

  /** A view of the chunk that holds the page; the page begins at `offsetOf(page)`. */
  viewOf(page: number): DataView {
    return this.#chunks[page >> 8]!;
  }

  offsetOf(page: number): number {
    return (page & (PAGES_PER_CHUNK - 1)) * PAGE_SIZE;
  }

  #addChunk(): boolean {
    const first = this.#chunks.length * PAGES_PER_CHUNK;
    if (first >= this.limit) return false;
    const chunk = new ArrayBuffer(PAGE_SIZE * PAGES_PER_CHUNK);
    this.#chunks.push(new DataView(chunk));
    for (let i = 0; i < PAGES_PER_CHUNK; i++)
      this.#pages.push(new Uint8Array(chunk, i * PAGE_SIZE, PAGE_SIZE));
    for (let page = first + PAGES_PER_CHUNK - 1; page >= first; page--) this.#free[this.#freeCount++] = page;
    return true;
  }
}
