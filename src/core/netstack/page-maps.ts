/** Marks "no page" wherever a page number is kept. */
export const NO_PAGE = -1;

/** Page numbers by place. */
export type PageMap = Int32Array<ArrayBuffer>;

const FIRST_SIZE = 4;
/** Entries of all maps kept together. */
const MAX_KEPT = 16_384;

/**
 * Tables of page numbers for stream buffers. Buffers fill and empty all the time, and an idle one shall have none:
 * so those given back wait here for the next who needs one. Sizes are powers of two.
 */
export class PageMaps {
  /** By size: 4, 8, 16, … */
  readonly #kept: PageMap[][] = [];
  #entries = 0;

  /** A map of at least `size` entries, each NO_PAGE. */
  take(size: number): PageMap {
    let order = 0;
    while (FIRST_SIZE << order < size) order++;
    const map = this.#kept[order]?.pop();
    if (!map) return new Int32Array(FIRST_SIZE << order).fill(NO_PAGE);
    this.#entries -= map.length;
    return map;
  }

  /** Every entry is NO_PAGE again. */
  release(map: PageMap): void {
    if (this.#entries + map.length > MAX_KEPT) return;
    this.#entries += map.length;
    const order = Math.log2(map.length / FIRST_SIZE);
    while (this.#kept.length <= order) this.#kept.push([]);
    this.#kept[order]!.push(map);
  }
}
