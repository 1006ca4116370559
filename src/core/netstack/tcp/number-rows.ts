// Numbers of objects of which there are many. A field of an object takes eight bytes, and sixteen more if it is no
// integer; and where V8 compresses pointers, so does a sequence number of 32 bits. In a typed array it takes four or
// eight, and a row of it belongs to one object. Code does not see the difference: the fields are accessors.

/** Rows that memory is taken for at a time. */
const CHUNK_ROWS = 64;

/** An object whose numbers lie in a row: doubles from `rowAt` on, and int32s behind them in the same memory. */
export interface InRow {
  rowDoubles: Float64Array;
  rowInts: Int32Array;
  /** The row's first double; its words begin at twice that. */
  rowAt: number;
  /** The number of the row among all; −1 when it is the object's own. */
  rowIndex: number;
}

/**
 * The rows of all objects, packed: when one goes, the last takes its place, so that there is never more memory than
 * the objects need, but for one chunk.
 */
export class NumberRows {
  /** Doubles in a row. */
  readonly #stride: number;
  readonly #owners: InRow[] = [];
  readonly #doubles: Float64Array[] = [];
  readonly #ints: Int32Array[] = [];

  /** `stride`: the length of a row, in units of 8 bytes. */
  constructor(stride: number) {
    this.#stride = stride;
  }

  get byteLength(): number {
    return this.#doubles.length * CHUNK_ROWS * this.#stride * 8;
  }

  /** Gives `owner` a row of zeros. */
  add(owner: InRow): void {
    const index = this.#owners.length;
    if (index === this.#doubles.length * CHUNK_ROWS) this.#addChunk();
    this.#owners.push(owner);
    this.#place(owner, index);
    owner.rowInts.fill(0, 2 * owner.rowAt, 2 * (owner.rowAt + this.#stride));
  }

  /** `owner` keeps its numbers, in memory of its own, for as long as somebody still looks at them. */
  remove(owner: InRow): void {
    const index = owner.rowIndex;
    if (index < 0) return;
    const { rowInts, rowAt } = owner;
    const own = new ArrayBuffer(8 * this.#stride);
    owner.rowDoubles = new Float64Array(own);
    owner.rowInts = new Int32Array(own);
    owner.rowAt = 0;
    owner.rowIndex = -1;
    this.#copy(rowInts, rowAt, owner);
    const last = this.#owners.pop()!;
    if (last !== owner) {
      const { rowInts: from, rowAt: at } = last;
      this.#owners[index] = last;
      this.#place(last, index);
      this.#copy(from, at, last);
    }
    // One chunk in hand, or connections that come and go at its edge would make one each time.
    if (this.#doubles.length > Math.ceil(this.#owners.length / CHUNK_ROWS) + 1) {
      this.#doubles.pop();
      this.#ints.pop();
    }
  }

  #place(owner: InRow, index: number): void {
    const chunk = Math.floor(index / CHUNK_ROWS);
    owner.rowDoubles = this.#doubles[chunk]!;
    owner.rowInts = this.#ints[chunk]!;
    owner.rowAt = (index % CHUNK_ROWS) * this.#stride;
    owner.rowIndex = index;
  }

  /** By words: a double that is really two of them must not be touched as one. */
  #copy(from: Int32Array, at: number, { rowInts, rowAt }: InRow): void {
    for (let i = 0; i < 2 * this.#stride; i++) rowInts[2 * rowAt + i] = from[2 * at + i]!;
  }

  #addChunk(): void {
    const chunk = new ArrayBuffer(CHUNK_ROWS * this.#stride * 8);
    this.#doubles.push(new Float64Array(chunk));
    this.#ints.push(new Int32Array(chunk));
  }
}

/** Makes accessors of the fields `names`: doubles, the first of which is the row's double number `first`. */
export function defineDoubles<Owner extends InRow>(
  prototype: Owner,
  first: number,
  names: readonly (keyof Owner)[],
): void {
  for (const [i, name] of names.entries()) {
    const offset = first + i;
    Object.defineProperty(prototype, name, {
      get(this: Owner): number {
        return this.rowDoubles[this.rowAt + offset]!;
      },
      set(this: Owner, value: number) {
        this.rowDoubles[this.rowAt + offset] = value;
      },
    });
  }
}

/** Makes accessors of the fields `names`: int32s, the first of which is the row's word number `first`. */
export function defineInts<Owner extends InRow>(
  prototype: Owner,
  first: number,
  names: readonly (keyof Owner)[],
): void {
  for (const [i, name] of names.entries()) {
    const offset = first + i;
    Object.defineProperty(prototype, name, {
      get(this: Owner): number {
        return this.rowInts[2 * this.rowAt + offset]!;
      },
      set(this: Owner, value: number) {
        this.rowInts[2 * this.rowAt + offset] = value;
      },
    });
  }
}

/** Makes accessors of the fields `names`: up to 32 bits of the row's word number `word`. */
export function defineFlags<Owner extends InRow>(
  prototype: Owner,
  word: number,
  names: readonly (keyof Owner)[],
): void {
  for (const [i, name] of names.entries()) {
    const bit = 1 << i;
    Object.defineProperty(prototype, name, {
      get(this: Owner): boolean {
        return (this.rowInts[2 * this.rowAt + word]! & bit) !== 0;
      },
      set(this: Owner, value: boolean) {
        const at = 2 * this.rowAt + word;
        this.rowInts[at] = value ? this.rowInts[at]! | bit : this.rowInts[at]! & ~bit;
      },
    });
  }
}
