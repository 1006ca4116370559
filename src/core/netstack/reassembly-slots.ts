import { PacketBuffer } from '../packet-buffer.ts';
import { MAX_CHAIN_LENGTH } from '../wire/ipv6.ts';

/** Before the data of a datagram: the headers of its first fragment. */
export const HEADER_ROOM: number = 64 + MAX_CHAIN_LENGTH;
/** Bytes of data in the two kinds of slots: nearly all datagrams fit into the first, every one into the second. */
const SMALL = 8 << 10;
const LARGE = 1 << 16;
/** All slots together, in bytes. */
export const MAX_SLOT_BYTES: number = 4 << 20;
/** Slots of either kind that are kept when nothing is being put together. */
const MAX_SPARE = 4;

/** The memory of a slot with room for `dataLength` bytes of a datagram, 65,535 at most. */
export function slotBytes(dataLength: number): number {
  return HEADER_ROOM + (dataLength <= SMALL ? SMALL : LARGE);
}

/** Memory for datagrams that are being put together, outside the packet memory. */
export class ReassemblySlots {
  readonly #small: PacketBuffer[] = [];
  readonly #large: PacketBuffer[] = [];
  #lent = 0;

  /** Bytes in use. */
  get lent(): number {
    return this.#lent;
  }

  /** Bytes in use, and spare. */
  get bytes(): number {
    return this.#lent + this.#small.length * slotBytes(SMALL) + this.#large.length * slotBytes(LARGE);
  }

  /** A slot with room for `dataLength` bytes of data. Whoever asks sees to it that MAX_SLOT_BYTES suffice. */
  lend(dataLength: number): PacketBuffer {
    const bytes = slotBytes(dataLength);
    this.#lent += bytes;
    const spare = this.#spare(bytes).pop();
    if (spare) return spare;
    while (this.bytes > MAX_SLOT_BYTES && (this.#small.pop() ?? this.#large.pop()));
    return newSlot(bytes);
  }

  takeBack(slot: PacketBuffer): void {
    const bytes = slot.memory.length;
    this.#lent -= bytes;
    this.#spare(bytes).push(slot);
  }

  /** Nothing is being put together: a few slots wait for the next datagram. */
  rest(): void {
    this.#small.length = Math.min(this.#small.length, MAX_SPARE);
    this.#large.length = Math.min(this.#large.length, MAX_SPARE);
  }

  #spare(bytes: number): PacketBuffer[] {
    return bytes === slotBytes(SMALL) ? this.#small : this.#large;
  }
}

function newSlot(length: number): PacketBuffer {
  const bytes = new Uint8Array(length);
  return new PacketBuffer({ bytes, view: new DataView(bytes.buffer) }, { start: 0, end: length });
}
