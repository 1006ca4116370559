import { type Instant, type Millis, NEVER, type Pollable, SECOND } from '../time.ts';
import { NO_PAGE, PageMaps } from './page-maps.ts';

/** Bytes in a page. Small, so that ten thousand sockets with one unread byte each cost 40 MiB and not more. */
export const PAGE_SIZE = 4096;
const PAGES_PER_CHUNK = 64;
const CHUNK_SHIFT = 6;
const WORD_SHIFT = 5;

/** How full the pool is, and so what sockets may still do. */
export type MemoryPressure = 'none' | 'high' | 'critical';

/** Of the free pages, a writer may have one in so many. */
const SHARES = 4;
/** Chunks that are kept although no page of them is lent. */
const SPARE_CHUNKS = 1;
/** How long others lie idle until they are let go of: a buffer that fills and empties would make one each time. */
const PATIENCE: Millis = SECOND;

/**
 * The memory of all socket buffers: ordinary ArrayBuffers of 256 KiB, made when needed and let go of when they lie idle
 * for a second, cut into pages. A page is taken when bytes land and given back when they are consumed or acknowledged, so that a
 * large window costs nothing until it is filled. The bound holds for all sockets together.
 */
export class PagePool implements Pollable {
  readonly limit: number;
  readonly maps: PageMaps = new PageMaps();
  /** Views of each page and of each chunk: copying packets makes none, and streams one for all that lies together. */
  readonly #pages: (Uint8Array | undefined)[] = [];
  readonly #chunks: (DataView | undefined)[] = [];
  readonly #bytes: (Uint8Array | undefined)[] = [];
  /** A bit for each page, set while it is free: two words a chunk; and how many are set in those. */
  readonly #free: Int32Array;
  readonly #freeCounts: Uint16Array;
  /** Chunks before this one have no free page. */
  #firstFree = 0;
  /** Chunks no page of which is lent. */
  #idle = 0;
  /** The fewest that there were since the last look at them, and when the next is due; NEVER: there was nothing to see. */
  #leastIdle = 0;
  #lookAt: Instant = NEVER;
  #used = 0;

  /** `limitBytes` is rounded down to whole chunks of 256 KiB, at least one. */
  constructor(limitBytes = 128 << 20) {
    const chunks = Math.max(1, Math.floor(limitBytes / (PAGE_SIZE * PAGES_PER_CHUNK)));
    this.limit = chunks * PAGES_PER_CHUNK;
    this.#free = new Int32Array(this.limit >> WORD_SHIFT);
    this.#freeCounts = new Uint16Array(chunks);
  }

  /** Pages lent out. */
  get used(): number {
    return this.#used;
  }

  /** Bytes that are taken from the system now. */
  get byteLength(): number {
    return this.#chunks.filter((chunk) => chunk !== undefined).length * PAGES_PER_CHUNK * PAGE_SIZE;
  }

  get pressure(): MemoryPressure {
    if (this.#used * 20 >= this.limit * 19) return 'critical';
    return this.#used * 4 >= this.limit * 3 ? 'high' : 'none';
  }

  /**
   * Bytes that one writer may have waiting: a part of what is free before pressure is critical. The more write, the smaller
   * is the share of each, and all of them together never take the last pages (dynamic thresholds, Choudhury and Hahne 1998).
   */
  get share(): number {
    const free = Math.trunc((this.limit * 19) / 20) - this.#used;
    return Math.max(0, free * (PAGE_SIZE / SHARES));
  }

  /**
   * A page number, or NO_PAGE when all are lent. Its content is undefined. The one behind `last` if it is free: what lies
   * together is copied at once.
   */
  take(last: number = NO_PAGE): number {
    const next = last + 1;
    if ((next & (PAGES_PER_CHUNK - 1)) !== 0 && this.#isFree(next)) return this.#lend(next);
    const counts = this.#freeCounts;
    let chunk = this.#firstFree;
    while (chunk < this.#chunks.length && this.#chunks[chunk] && counts[chunk] === 0) chunk++;
    if (chunk * PAGES_PER_CHUNK >= this.limit) return NO_PAGE;
    this.#firstFree = chunk;
    if (!this.#chunks[chunk]) this.#addChunk(chunk);
    return this.#lend(this.#firstFreeOf(chunk));
  }

  release(page: number): void {
    this.#used--;
    const chunk = page >> CHUNK_SHIFT;
    this.#free[page >> WORD_SHIFT]! |= 1 << page;
    this.#freeCounts[chunk]!++;
    if (chunk < this.#firstFree) this.#firstFree = chunk;
    if (this.#freeCounts[chunk] === PAGES_PER_CHUNK) this.#idle++;
  }

  #isFree(page: number): boolean {
    return (this.#free[page >> WORD_SHIFT]! & (1 << page)) !== 0;
  }

  #firstFreeOf(chunk: number): number {
    const low = this.#free[chunk * 2]!;
    const word = low === 0 ? this.#free[chunk * 2 + 1]! : low;
    return chunk * PAGES_PER_CHUNK + (low === 0 ? 32 : 0) + (31 - Math.clz32(word & -word));
  }

  #lend(page: number): number {
    const chunk = page >> CHUNK_SHIFT;
    const isIdle = this.#freeCounts[chunk]!-- === PAGES_PER_CHUNK;
    if (isIdle && --this.#idle < this.#leastIdle) this.#leastIdle = this.#idle;
    this.#free[page >> WORD_SHIFT]! &= ~(1 << page);
    this.#used++;
    return page;
  }

  /** "At once" when more lie idle than are kept, and nobody has looked at the clock yet. */
  pollAt(): Instant {
    return this.#lookAt === NEVER && this.#idle > SPARE_CHUNKS ? 0 : this.#lookAt;
  }

  /** Lets go of the chunks that nobody has needed since the last look, but for the spare one. */
  poll(now: Instant): void {
    if (now < this.#lookAt && this.#lookAt !== NEVER) return;
    if (this.#lookAt !== NEVER) while (this.#leastIdle-- > SPARE_CHUNKS) this.#dropLastIdleChunk();
    this.#lookAt = this.#idle > SPARE_CHUNKS ? now + PATIENCE : NEVER;
    this.#leastIdle = this.#idle;
  }

  /** Whether bytes that end with the one page go on in the other. */
  adjoins(page: number, next: number): boolean {
    return next === page + 1 && (next & (PAGES_PER_CHUNK - 1)) !== 0;
  }

  /** Stores bytes from `start` in the page on, and in those that adjoin it. */
  copyIn(page: number, start: number, bytes: Uint8Array): void {
    this.#bytes[page >> CHUNK_SHIFT]!.set(bytes, this.offsetOf(page) + start);
  }

  /** Copies `length` bytes from `start` in the page on, and out of those that adjoin it, to `target[at]`. */
  copyOut(page: number, start: number, length: number, target: Uint8Array, at: number): void {
    const isPage = length === PAGE_SIZE && start === 0;
    const { buffer } = this.viewOf(page);
    target.set(isPage ? this.#pages[page]! : new Uint8Array(buffer, this.offsetOf(page) + start, length), at);
  }

  /** A view of the chunk that holds the page; the page begins at `offsetOf(page)`. */
  viewOf(page: number): DataView {
    return this.#chunks[page >> CHUNK_SHIFT]!;
  }

  offsetOf(page: number): number {
    return (page & (PAGES_PER_CHUNK - 1)) * PAGE_SIZE;
  }

  #addChunk(chunk: number): void {
    const first = chunk * PAGES_PER_CHUNK;
    const bytes = new ArrayBuffer(PAGE_SIZE * PAGES_PER_CHUNK);
    this.#chunks[chunk] = new DataView(bytes);
    this.#bytes[chunk] = new Uint8Array(bytes);
    for (let i = 0; i < PAGES_PER_CHUNK; i++)
      this.#pages[first + i] = new Uint8Array(bytes, i * PAGE_SIZE, PAGE_SIZE);
    this.#free.fill(-1, chunk * 2, chunk * 2 + 2);
    this.#freeCounts[chunk] = PAGES_PER_CHUNK;
    this.#idle++;
  }

  /** The last one: pages are lent from the first, so that the last empty. */
  #dropLastIdleChunk(): void {
    let chunk = this.#chunks.length - 1;
    while (!this.#chunks[chunk] || this.#freeCounts[chunk] !== PAGES_PER_CHUNK) chunk--;
    const first = chunk * PAGES_PER_CHUNK;
    this.#chunks[chunk] = undefined;
    this.#bytes[chunk] = undefined;
    for (let i = 0; i < PAGES_PER_CHUNK; i++) this.#pages[first + i] = undefined;
    this.#free.fill(0, chunk * 2, chunk * 2 + 2);
    this.#freeCounts[chunk] = 0;
    this.#idle--;
  }
}
