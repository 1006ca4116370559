// What became of each datagram of the stream on the outer TCP connection: when its last byte left for the first time, and
// when it was there, with all before it.
import { RecordReader } from '../../../src/core/wire/relay.ts';
import { StreamCapture } from './capture.ts';
import { STREAM_BYTES } from './protocol.ts';

/** WireGuard's: header, tag, and what it rounds up to. Before that: IPv4 and UDP. */
const WIREGUARD = 32;
const PADDING = 16;
const INNER_HEADERS = 28;
/** No other datagram of the bench is as large as one of the stream. */
const STREAM_DATAGRAM = Math.ceil((INNER_HEADERS + STREAM_BYTES) / PADDING) * PADDING + WIREGUARD;

const BINARY = 2;
const MASKED = 0x80;

/** Of one datagram, ms since 1970. */
export interface Passage {
  /** Out of the sender's kernel: until then it waited in queues of ours, or for the kernel to let it go. */
  left: number;
  /** At the receiver's kernel, which can hand it on: everything before it is there, too. */
  arrived: number;
}

/** All datagrams of the stream, in the order in which they left. */
export function passages(atSender: string, atReceiver: string, from: string, port: number): Passage[] {
  const stream = new StreamCapture(atSender, atReceiver, from, port);
  return streamDatagramEnds(stream.bytes).map((end) => ({
    left: stream.sent.timeOf(end),
    arrived: stream.delivered.timeOf(end),
  }));
}

/** Where in a WebSocket's bytes datagrams of the stream end. */
function streamDatagramEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  const reader = new RecordReader();
  let at = bytes.indexOf('\r\n\r\n') + 4;
  while (at + 2 <= bytes.length) {
    const [opcode, second] = [bytes[at]! & 15, bytes[at + 1]!];
    let length = second & ~MASKED;
    let start = at + 2;
    if (length === 126) {
      length = bytes.readUInt16BE(start);
      start += 2;
    } else if (length === 127) throw new Error('a frame longer than any message');
    const mask = (second & MASKED) === 0 ? undefined : bytes.subarray(start, (start += 4));
    at = start + length;
    if (opcode !== BINARY || at > bytes.length) continue;
    if (mask) for (let i = 0; i < length; i++) bytes[start + i]! ^= mask[i & 3]!;
    reader.begin(bytes, start, at);
    while (reader.next()) if (reader.end - reader.start === STREAM_DATAGRAM) ends.push(reader.end);
  }
  return ends;
}
