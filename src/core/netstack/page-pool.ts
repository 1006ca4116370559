import { type Instant, type Millis, NEVER, type Pollable, SECOND } from '../time.ts';
import { NO_PAGE, PageMaps } from './page-maps.ts';

/** Bytes in a page. Small, so that ten thousand sockets with one unread byte each cost 40 MiB and not more. */
export const PAGE_SIZE = 4096;
const PAGES_PER_CHUNK = 64;
const CHUNK_SHIFT = 6;

/** How full the pool is, and so what sockets may still do. */
export type MemoryPressure = 'none' | 'high' | 'critical';

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
  /** One view of each page and one of each chunk, so that copying makes none. */
  readonly #pages: (Uint8Array | undefined)[] = [];
  readonly #chunks: (DataView | undefined)[] = [];
  /** For each chunk, room for a stack of its free pages, and how many there are. */
  readonly #free: Uint8Array;
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
    this.#free = new Uint8Array(this.limit);
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

  /** A page number, or NO_PAGE when all are lent. Its content is undefined. */
  take(): number {
    const counts = this.#freeCounts;
    let chunk = this.#firstFree;
    while (chunk < this.#chunks.length && this.#chunks[chunk] && counts[chunk] === 0) chunk++;
    if (chunk * PAGES_PER_CHUNK >= this.limit) return NO_PAGE;
    this.#firstFree = chunk;
    if (!this.#chunks[chunk]) this.#addChunk(chunk);
    if (counts[chunk] === PAGES_PER_CHUNK && --this.#idle < this.#leastIdle) this.#leastIdle = this.#idle;
    this.#used++;
    const first = chunk * PAGES_PER_CHUNK;
    return first + this.#free[first + --counts[chunk]!]!;
  }

  release(page: number): void {
    this.#used--;
    const chunk = page >> CHUNK_SHIFT;
    const first = chunk * PAGES_PER_CHUNK;
    this.#free[first + this.#freeCounts[chunk]!++] = page - first;
    if (chunk < this.#firstFree) this.#firstFree = chunk;
    if (this.#freeCounts[chunk] === PAGES_PER_CHUNK) this.#idle++;
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

  bytesOf(page: number): Uint8Array {
    return this.#pages[page]!;
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
    for (let i = 0; i < PAGES_PER_CHUNK; i++) {
      this.#pages[first + i] = new Uint8Array(bytes, i * PAGE_SIZE, PAGE_SIZE);
      // The last of the stack is the first to be lent.
      this.#free[first + i] = PAGES_PER_CHUNK - 1 - i;
    }
    this.#freeCounts[chunk] = PAGES_PER_CHUNK;
    this.#idle++;
  }

  /** The last one: pages are lent from the first, so that the last empty. */
  #dropLastIdleChunk(): void {
    let chunk = this.#chunks.length - 1;
    while (!this.#chunks[chunk] || this.#freeCounts[chunk] !== PAGES_PER_CHUNK) chunk--;
    const first = chunk * PAGES_PER_CHUNK;
    this.#chunks[chunk] = undefined;
    for (let i = 0; i < PAGES_PER_CHUNK; i++) this.#pages[first + i] = undefined;
    this.#freeCounts[chunk] = 0;
    this.#idle--;
  }
}
