import { PacketBuffer } from '../packet-buffer.ts';

const CAPACITY = 512 * 1024;
const RECORD_HEADER = 4;
/** In place of a record's length: the next record is at the beginning. */
const WRAPPED = 0xffff_ffff;

/**
 * Packets from ourselves to ourselves, waiting for the next poll: a queue and not a call, so that two sockets talking
 * to each other do not recurse. Whole packets of any size, without a tunnel's MTU; a ring of bytes, made when the
 * first one comes.
 */
export class Loopback {
  #packet: PacketBuffer | undefined;
  #head = 0;
  #tail = 0;
  /** Bytes between head and tail, padding and markers included. */
  #used = 0;

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** Time for senders that can wait to do so. */
  get isFilling(): boolean {
    return this.#used > CAPACITY / 2;
  }

  /** Takes a copy; false when there is no room. */
  push(packet: PacketBuffer): boolean {
    const ring = this.#ring();
    const needed = RECORD_HEADER + ((packet.length + 3) & ~3);
    const toEnd = CAPACITY - this.#tail;
    const skipped = needed > toEnd ? toEnd : 0;
    if (this.#used + skipped + needed > CAPACITY) return false;
    if (skipped > 0) {
      ring.view.setUint32(this.#tail, WRAPPED);
      this.#tail = 0;
    }
    ring.view.setUint32(this.#tail, packet.length);
    ring.memory.set(packet.memory.subarray(packet.start, packet.end), this.#tail + RECORD_HEADER);
    this.#tail = (this.#tail + needed) % CAPACITY;
    this.#used += skipped + needed;
    return true;
  }

  /** Hands over, in order, the packets that are waiting now; what they cause to be sent waits for the next time. */
  drain(deliver: (packet: PacketBuffer) => void): void {
    const ring = this.#ring();
    for (let left = this.#used; left > 0; ) {
      const length = ring.view.getUint32(this.#head);
      const size = length === WRAPPED ? CAPACITY - this.#head : RECORD_HEADER + ((length + 3) & ~3);
      if (length !== WRAPPED) {
        const at = this.#head + RECORD_HEADER;
        ring.place(at, at + length);
        deliver(ring);
      }
      this.#head = (this.#head + size) % CAPACITY;
      this.#used -= size;
      left -= size;
    }
  }

  #ring(): PacketBuffer {
    if (!this.#packet) {
      const bytes = new Uint8Array(CAPACITY);
      this.#packet = new PacketBuffer(
        { bytes, view: new DataView(bytes.buffer) },
        { start: 0, end: CAPACITY },
      );
    }
    return this.#packet;
  }
}
