// What went over the outer TCP connection, from captures at both of its ends (c/impair.c writes them).
import { readFileSync } from 'node:fs';

const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const TCP = 6;

/** Of a file of whole IPv4 packets, times in nanoseconds: each TCP segment with text. */
export interface Segment {
  /** Ms since 1970. */
  at: number;
  from: string;
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  text: Buffer;
}

export function* segmentsOf(file: string): Generator<Segment> {
  const bytes = readFileSync(file);
  let at = FILE_HEADER;
  while (at + PACKET_HEADER <= bytes.length) {
    const time = bytes.readUInt32LE(at) * 1000 + bytes.readUInt32LE(at + 4) / 1e6;
    const length = bytes.readUInt32LE(at + 8);
    const packet = bytes.subarray(at + PACKET_HEADER, at + PACKET_HEADER + length);
    at += PACKET_HEADER + length;
    if (packet.length < 40 || packet[0]! >> 4 !== 4 || packet[9] !== TCP) continue;
    const ip = (packet[0]! & 15) * 4;
    const text = packet.subarray(ip + (packet[ip + 12]! >> 4) * 4, packet.readUInt16BE(2));
    if (text.length === 0) continue;
    yield {
      at: time,
      from: packet.subarray(12, 16).join('.'),
      sourcePort: packet.readUInt16BE(ip),
      destinationPort: packet.readUInt16BE(ip + 2),
      sequence: packet.readUInt32BE(ip + 4),
      text,
    };
  }
}

/** When each part of a stream of bytes had passed a place as a whole, for the first time. */
export class Passing {
  readonly #ends: number[] = [];
  readonly #times: number[] = [];

  reached(end: number, at: number): void {
    this.#ends.push(end);
    this.#times.push(at);
  }

  /** When the byte before `end` had passed; NaN if never. */
  timeOf(end: number): number {
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle]! < end) low = middle + 1;
      else high = middle;
    }
    return this.#times[low] ?? Number.NaN;
  }
}

/** One direction of a connection, the first one that has text from `from`, on `port` at either side. */
export class StreamCapture {
  /** Its bytes. */
  readonly bytes: Buffer;
  /** When each byte left its sender for the first time. */
  readonly sent = new Passing();
  /** When each byte, and all before it, had reached its receiver. */
  readonly delivered = new Passing();

  constructor(atSender: string, atReceiver: string, from: string, port: number) {
    const parts: Buffer[] = [];
    let first: number | undefined;
    let end = 0;
    for (const segment of streamSegments(atSender, from, port)) {
      first ??= segment.sequence;
      const start = (segment.sequence - first) | 0;
      if (start > end) throw new Error(`${atSender}: a segment is missing`);
      if (start + segment.text.length <= end) continue;
      parts.push(segment.text.subarray(end - start));
      end = start + segment.text.length;
      this.sent.reached(end, segment.at);
    }
    this.bytes = Buffer.concat(parts);
    this.#follow(streamSegments(atReceiver, from, port), first ?? 0);
  }

  #follow(segments: Iterable<Segment>, first: number): void {
    const early = new Map<number, number>();
    let end = 0;
    for (const { sequence, text, at } of segments) {
      const start = (sequence - first) | 0;
      early.set(start, Math.max(early.get(start) ?? 0, start + text.length));
      if (start > end) continue;
      for (let next = true; next; ) {
        next = false;
        for (const [from, to] of early) {
          if (from > end) continue;
          early.delete(from);
          if (to <= end) continue;
          end = to;
          next = true;
        }
      }
      this.delivered.reached(end, at);
    }
  }
}

function* streamSegments(file: string, from: string, port: number): Generator<Segment> {
  let ports: string | undefined;
  for (const segment of segmentsOf(file)) {
    const { sourcePort, destinationPort } = segment;
    if (segment.from !== from || (sourcePort !== port && destinationPort !== port)) continue;
    ports ??= `${sourcePort} ${destinationPort}`;
    if (ports === `${sourcePort} ${destinationPort}`) yield segment;
  }
}
