import type { IpHeaderInfo } from '../../../../src/core/netstack/ip-layer.ts';
import type { TcpLayer } from '../../../../src/core/netstack/tcp/tcp-layer.ts';
import { type EngineMemory, PacketBuffer } from '../../../../src/core/packet-buffer.ts';
import { sum16 } from '../../../../src/core/wire/checksum.ts';
import type { SeededRandom } from '../../../support/random.ts';

export interface Impairment {
  /** Probabilities, 0–1. */
  loss: number;
  duplicate: number;
  corrupt: number;
  /** Probability that a segment is held back by up to `reorderDelay`. */
  reorder: number;
  reorderDelay: number;
  /** One way, in ms. */
  delay: number;
  jitter: number;
  /** Segments are delivered in batches: at multiples of so many ms; 0 for one by one. */
  batch: number;
  /** What a meddling middlebox takes out of SYNs. */
  stripTimestamps: boolean;
  stripSack: boolean;
  stripWindowScale: boolean;
}

export const PERFECT: Impairment = {
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  reorderDelay: 0,
  delay: 10,
  jitter: 0,
  batch: 0,
  stripTimestamps: false,
  stripSack: false,
  stripWindowScale: false,
};

interface InTransit {
  at: number;
  order: number;
  bytes: Uint8Array;
  version: 4 | 6;
}

/** One direction of a bad network: takes segments with the two addresses before them, gives them back when due. */
export class ImpairedLink {
  readonly #random: SeededRandom;
  impairment: Impairment;
  readonly #target: TcpLayer;
  readonly #packet: PacketBuffer;
  readonly #header: IpHeaderInfo = { version: 4, addresses: 0, protocol: 6, ttl: 60, tos: 0 };
  #transit: InTransit[] = [];
  #order = 0;
  #lastAt = 0;
  corrupted = 0;

  constructor(random: SeededRandom, impairment: Impairment, target: TcpLayer, memory: EngineMemory) {
    this.#random = random;
    this.impairment = impairment;
    this.#target = target;
    this.#packet = new PacketBuffer(memory, { start: memory.slots.start + 16_384, end: memory.slots.end });
  }

  get inTransit(): number {
    return this.#transit.length;
  }

  get next(): number {
    return this.#transit[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  take(segment: PacketBuffer, header: IpHeaderInfo, now: number): void {
    const { loss, duplicate } = this.impairment;
    if (this.#random.fraction() < loss) return;
    this.#enqueue(segment, header, now);
    if (this.#random.fraction() < duplicate) this.#enqueue(segment, header, now);
  }

  /** Hands over all that is due. */
  deliver(now: number): void {
    let count = 0;
    while (count < this.#transit.length && this.#transit[count]!.at <= now) count++;
    if (count === 0) return;
    const due = this.#transit.slice(0, count);
    this.#transit = this.#transit.slice(count);
    for (const { bytes, version } of due) {
      this.#packet.copyFrom(bytes, 0, bytes.length, 64);
      this.#header.version = version;
      this.#header.addresses = this.#packet.start;
      this.#packet.trimFront(version === 4 ? 8 : 32);
      this.#target.receiveSegment(this.#packet, this.#header, now);
    }
  }

  #enqueue(segment: PacketBuffer, header: IpHeaderInfo, now: number): void {
    const { delay, jitter, corrupt, reorder, reorderDelay, batch } = this.impairment;
    const bytes = segment.memory.slice(header.addresses, segment.end);
    this.#meddle(bytes, header.version === 4 ? 8 : 32);
    if (this.#random.fraction() < corrupt) {
      this.corrupted++;
      // One flipped bit can never leave the checksum right.
      bytes[this.#random.below(bytes.length)]! ^= 1 << this.#random.below(8);
    }
    let at = now + delay + this.#random.fraction() * jitter;
    const isLate = this.#random.fraction() < reorder;
    // Jitter alone does not change the order.
    if (isLate) at += this.#random.fraction() * reorderDelay;
    else this.#lastAt = at = Math.max(at, this.#lastAt);
    if (batch > 0) at = Math.ceil(at / batch) * batch;
    const item = { at, order: this.#order++, bytes, version: header.version };
    let index = this.#transit.length;
    while (index > 0 && this.#transit[index - 1]!.at > at) index--;
    this.#transit.splice(index, 0, item);
  }

  /** Replaces options of a SYN by NOPs and puts the checksum right again. */
  #meddle(bytes: Uint8Array, start: number): void {
    const { stripTimestamps, stripSack, stripWindowScale } = this.impairment;
    const isSyn = (bytes[start + 13]! & 2) !== 0;
    if (!isSyn || !(stripTimestamps || stripSack || stripWindowScale)) return;
    const end = start + (bytes[start + 12]! >> 4) * 4;
    for (let at = start + 20; at < end; ) {
      const kind = bytes[at]!;
      if (kind < 2) {
        at++;
        continue;
      }
      const length = bytes[at + 1]!;
      const isUnwanted =
        (kind === 8 && stripTimestamps) || (kind === 4 && stripSack) || (kind === 3 && stripWindowScale);
      if (isUnwanted) bytes.fill(1, at, at + length);
      at += length;
    }
    bytes[start + 16] = bytes[start + 17] = 0;
    const sum = sum16(new DataView(bytes.buffer), 0, bytes.length, 6 + (bytes.length - start));
    bytes[start + 16] = (~sum >> 8) & 255;
    bytes[start + 17] = ~sum & 255;
  }
}
