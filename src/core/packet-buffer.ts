/** A range of offsets in the engine's memory: [start, end). */
export interface Region {
  readonly start: number;
  readonly end: number;
}

/**
 * The one linear memory in which packets live: the WASM module's, so that they are sealed and opened where
 * they lie. Its size never changes, so views never detach. Who carves it up is `assembly/memory.ts`.
 */
export interface EngineMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Room for packet slots (see PacketPool). */
  readonly slots: Region;
  /** Where a host copies a batch of received datagrams before handing them in one by one. */
  readonly ingress: Region;
  /** Where a transport collects a batch of datagrams to be sent. */
  readonly egress: Region;
}

/**
 * One packet, somewhere in the engine's memory: `memory[start, end)`, inside a slot with room before it for
 * headers still to come and after it for padding and the tag. Reading goes through `memory` or `view` at
 * absolute offsets, so that looking at a packet makes no object.
 *
 * Who is handed a packet has it for the duration of the call and may change it in place; who needs it longer
 * copies it (into a slot of its own, or a socket's buffer). Nobody else's call ever has to release anything.
 */
export class PacketBuffer {
  readonly memory: Uint8Array;
  /** Over the same memory, at the same offsets. */
  readonly view: DataView;
  readonly slot: Region;
  start: number;
  end: number;

  constructor(memory: Pick<EngineMemory, 'bytes' | 'view'>, slot: Region) {
    this.memory = memory.bytes;
    this.view = memory.view;
    this.slot = slot;
    this.start = slot.start;
    this.end = slot.start;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Makes it empty, leaving `headroom` bytes before it. */
  reset(headroom: number): void {
    this.start = this.end = this.slot.start + headroom;
  }

  /** Makes it the packet at [start, end), which must lie in its slot. */
  place(start: number, end: number): void {
    if (start < this.slot.start || end > this.slot.end || start > end)
      throw new RangeError('packet outside its slot');
    this.start = start;
    this.end = end;
  }

  /** Grows it at the front by `length` bytes, whose content is undefined; returns where they are. */
  prepend(length: number): number {
    if (this.start - length < this.slot.start) throw new RangeError('no headroom left in the packet slot');
    return (this.start -= length);
  }

  /** Grows it at the back by `length` bytes, whose content is undefined; returns where they are. */
  append(length: number): number {
    if (this.end + length > this.slot.end) throw new RangeError('no tailroom left in the packet slot');
    const at = this.end;
    this.end += length;
    return at;
  }

  trimFront(length: number): void {
    this.start += length;
  }

  trimBack(length: number): void {
    this.end -= length;
  }

  /** Replaces the content by a copy of `source` (an array or another packet's range of memory). */
  copyFrom(bytes: Uint8Array, start = 0, end = bytes.length, headroom = 0): void {
    this.reset(headroom);
    const at = this.append(end - start);
    if (bytes === this.memory) this.memory.copyWithin(at, start, end);
    else this.memory.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
  }
}

/** Slots of one size, made once and lent out. When it is empty, the taker drops and counts. */
export class PacketPool {
  readonly #free: PacketBuffer[] = [];
  readonly size: number;

  /** Cuts `region` into slots of `slotSize` bytes; both ends must be multiples of 16. */
  constructor(memory: EngineMemory, region: Region, slotSize: number) {
    for (let start = region.start; start + slotSize <= region.end; start += slotSize) {
      this.#free.push(new PacketBuffer(memory, { start, end: start + slotSize }));
    }
    this.size = this.#free.length;
  }

  get available(): number {
    return this.#free.length;
  }

  take(): PacketBuffer | undefined {
    return this.#free.pop();
  }

  release(packet: PacketBuffer): void {
    this.#free.push(packet);
  }
}

/** Ordinary memory laid out like the WASM module's, for tests and for engines without crypto. */
export function plainMemory(slotBytes = 1 << 20, batchBytes = 1 << 17): EngineMemory {
  const bytes = new Uint8Array(slotBytes + 2 * batchBytes);
  return {
    bytes,
    view: new DataView(bytes.buffer),
    slots: { start: 0, end: slotBytes },
    ingress: { start: slotBytes, end: slotBytes + batchBytes },
    egress: { start: slotBytes + batchBytes, end: slotBytes + 2 * batchBytes },
  };
}
