import type { PacketBuffer } from '../packet-buffer.ts';
import { MAX_STAGED_PACKETS } from './constants.ts';
import { TRANSPORT_HEADER_SIZE } from './messages.ts';
import type { StagingArea } from './staging-area.ts';

/** Inner packets that wait for a session, in order; when there are too many, the oldest goes (WG §6.4). */
export class StagedPackets {
  readonly #area: StagingArea;
  /** Grows to its full size with use: most peers of thousands never wait. */
  readonly #ring: (PacketBuffer | undefined)[] = [];
  #first = 0;
  #length = 0;

  constructor(area: StagingArea) {
    this.#area = area;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Keeps a copy of memory[start, end), ready to be sealed in place. Returns how many packets were lost by it: an older
   * one, or this one when there is no slot left at all.
   */
  push(memory: Uint8Array, start: number, end: number): number {
    let lost = 0;
    if (this.#length === MAX_STAGED_PACKETS || (this.#area.pool.available === 0 && this.#length > 0)) {
      this.release(this.shift()!);
      lost = 1;
    }
    const slot = this.#area.pool.take();
    if (!slot) return 1;
    slot.copyFrom(memory, start, end, TRANSPORT_HEADER_SIZE);
    this.#ring[(this.#first + this.#length++) % MAX_STAGED_PACKETS] = slot;
    return lost;
  }

  /** The oldest packet, which is the caller's until `release`. */
  shift(): PacketBuffer | undefined {
    const packet = this.#ring[this.#first];
    if (!packet) return undefined;
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) % MAX_STAGED_PACKETS;
    this.#length--;
    return packet;
  }

  release(packet: PacketBuffer): void {
    packet.memory.fill(0, packet.start, packet.end);
    this.#area.pool.release(packet);
  }

  /** Takes all out, oldest first, so that the area can be cut anew. */
  takeOut(): Uint8Array[] {
    const packets: Uint8Array[] = [];
    for (let packet = this.shift(); packet; packet = this.shift()) {
      packets.push(packet.memory.slice(packet.start, packet.end));
      this.release(packet);
    }
    return packets;
  }

  /** Returns how many there were. */
  clear(): number {
    const count = this.#length;
    for (let packet = this.shift(); packet; packet = this.shift()) this.release(packet);
    return count;
  }
}
