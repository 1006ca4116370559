import { type EngineMemory, PacketBuffer } from '../../../../src/core/packet-buffer.ts';

/** One direction of a network. Chances in 1,000; times in ms. All are whole numbers: others would be objects. */
export interface WireModel {
  delay: number;
  /** Of the bottleneck, in bytes per ms; the rest waits, and what finds no room is lost. */
  rate: number;
  loss: number;
  duplicate: number;
  /** Of being held back by `reorderBy`. */
  reorder: number;
  reorderBy: number;
}

const SLOTS = 1024;
const SLOT = 2048;
/** Before a packet in its slot. */
const HEADROOM = 64;
/** What may wait for the bottleneck, in ms. */
const QUEUE = 20;

/** What a wire needs of memory, in bytes. */
export const WIRE_BYTES = SLOTS * SLOT;

/**
 * One direction of a bad network that makes no object for a packet: packets lie in slots made once, and what is due is a
 * heap of numbers.
 */
export class Wire {
  model: WireModel;
  packets = 0;
  lost = 0;
  /** xorshift32; a number that is passed on would be an object. */
  readonly #random = Int32Array.of(1);
  readonly #slots: PacketBuffer[] = [];
  readonly #dueAt = new Float64Array(SLOTS);
  /** Slots in use, as a heap by `#dueAt`; behind them, the free ones. */
  readonly #heap = Int32Array.from({ length: SLOTS }, (_, slot) => slot);
  /** When the bottleneck is free again. */
  readonly #freeAt = new Float64Array(1);
  readonly #clock: Float64Array;
  #count = 0;

  /**
   * Its slots begin at `start` in `memory`, in which all packets lie that it is given. `clock`: one number, the time; as an
   * argument it would be an object each time.
   */
  constructor(memory: EngineMemory, start: number, model: WireModel, clock: Float64Array) {
    this.#clock = clock;
    this.model = model;
    for (let at = start; at < start + WIRE_BYTES; at += SLOT)
      this.#slots.push(new PacketBuffer(memory, { start: at, end: at + SLOT }));
  }

  /** Takes a copy. */
  take(packet: PacketBuffer): void {
    const { model } = this;
    const now = this.#clock[0]!;
    this.packets++;
    const begin = Math.max(now, this.#freeAt[0]!);
    if (this.#happens(model.loss) || begin - now > QUEUE) {
      this.lost++;
      return;
    }
    this.#freeAt[0] = begin + packet.length / model.rate;
    this.#launch(packet, this.#happens(model.reorder) ? model.reorderBy : 0);
    if (this.#happens(model.duplicate)) this.#launch(packet, 0);
  }

  /** Hands over what is due, lent. */
  deliver(receive: (packet: PacketBuffer, now: number) => void, now: number): void {
    while (this.#count > 0 && this.#dueAt[this.#heap[0]!]! <= now) {
      const slot = this.#pop();
      receive(this.#slots[slot]!, now);
    }
  }

  #launch(packet: PacketBuffer, later: number): void {
    if (this.#count === SLOTS) {
      this.lost++;
      return;
    }
    const slot = this.#heap[this.#count]!;
    const target = this.#slots[slot]!;
    target.copyFrom(packet.memory, packet.start, packet.end, HEADROOM);
    this.#dueAt[slot] = this.#freeAt[0]! + this.model.delay + later;
    this.#rise(this.#count++);
  }

  #happens(chance: number): boolean {
    let x = this.#random[0]!;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random[0] = x;
    return (x & 0x7fffffff) % 1000 < chance;
  }

  #pop(): number {
    const heap = this.#heap;
    const first = heap[0]!;
    heap[0] = heap[--this.#count]!;
    heap[this.#count] = first;
    this.#sink(0);
    return first;
  }

  #rise(index: number): void {
    for (
      let parent = (index - 1) >> 1;
      index > 0 && this.#isBefore(index, parent);
      parent = (index - 1) >> 1
    ) {
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(index: number): void {
    for (;;) {
      let least = index;
      for (let child = 2 * index + 1; child <= 2 * index + 2; child++)
        if (child < this.#count && this.#isBefore(child, least)) least = child;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    return this.#dueAt[this.#heap[a]!]! < this.#dueAt[this.#heap[b]!]!;
  }

  #swap(a: number, b: number): void {
    const slot = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = slot;
  }
}
