/** The packets of a capture, as many as a page may hold: the oldest make room. */
import { type Dissection, dissect } from './dissect.ts';
import type { CapturedPacket } from './pcapng-reader.ts';

export const PACKETS_KEPT = 5000;
export const BYTES_KEPT = 16 << 20;

export interface PacketRow extends Dissection {
  /** Counts up from 1, also over packets that are gone. */
  number: number;
  /** Milliseconds since the first packet. */
  after: number;
  isOutbound: boolean;
  length: number;
  comment: string | undefined;
}

interface Kept {
  number: number;
  packet: CapturedPacket;
  /** Made when somebody wants to see it. */
  row?: PacketRow;
}

export class PacketBook {
  #kept: Kept[] = [];
  #bytes = 0;
  #first: number | undefined;
  /** How many came. */
  seen = 0;
  /** How many the capture lost, because we were too slow. */
  lost = 0;

  add(packet: CapturedPacket): void {
    this.#first ??= packet.at;
    this.lost += packet.lost;
    this.#kept.push({ number: ++this.seen, packet });
    this.#bytes += packet.block.length;
  }

  /** Lets the oldest go, so that what is kept is within bounds; to be called after each batch. */
  trim(): void {
    let gone = Math.max(0, this.#kept.length - PACKETS_KEPT);
    for (let i = 0; i < gone; i++) this.#bytes -= this.#kept[i]!.packet.block.length;
    while (this.#bytes > BYTES_KEPT) this.#bytes -= this.#kept[gone++]!.packet.block.length;
    if (gone > 0) this.#kept.splice(0, gone);
  }

  get kept(): number {
    return this.#kept.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Those that have all the words in what they say, oldest first. */
  find(words: string): PacketRow[] {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = this.#kept.map((kept) => this.#rowOf(kept));
    if (wanted.length === 0) return rows;
    return rows.filter((row) => {
      const text = textOf(row);
      return wanted.every((word) => text.includes(word));
    });
  }

  /** What is kept, as a pcapng file behind `header`. */
  file(header: readonly Uint8Array<ArrayBuffer>[]): Blob {
    return new Blob([...header, ...this.#kept.map(({ packet }) => packet.block)], {
      type: 'application/x-pcapng',
    });
  }

  #rowOf(kept: Kept): PacketRow {
    if (kept.row) return kept.row;
    const { data, length, at, isOutbound, comment } = kept.packet;
    const after = at - this.#first!;
    kept.row = { number: kept.number, after, isOutbound, length, comment, ...dissect(data, length) };
    return kept.row;
  }
}

function textOf({ protocol, source, destination, info, comment, isOutbound }: PacketRow): string {
  const direction = isOutbound ? 'out' : 'in';
  return `${direction} ${protocol} ${source} ${destination} ${info} ${comment ?? ''}`.toLowerCase();
}
