// What the client's and the services' programs of the leg bench agree on.

export const PORTS = { echo: 7, sink: 9001, source: 9002, stream: 9003, record: 9004 } as const;

/** A keystroke, and how often there is one. */
export const KEY_BYTES = 64;
export const KEY_EVERY = 200;

/** Datagrams of the stream: like a voice call's. */
export const STREAM_BYTES = 200;
export const STREAM_EVERY = 20;

/** A number, and when it left: offsets in a datagram of the stream. */
const NUMBER = 0;
const LEFT = 4;

/** Of all programs of this machine: CLOCK_MONOTONIC, in ms. */
export function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function writeStreamDatagram(number: number): Buffer {
  const datagram = Buffer.alloc(STREAM_BYTES);
  datagram.writeUInt32BE(number, NUMBER);
  datagram.writeDoubleBE(clock(), LEFT);
  return datagram;
}

/** One datagram of the stream that arrived, in ms. */
export interface Arrival {
  number: number;
  left: number;
  delay: number;
}

export function readStreamDatagram(datagram: Uint8Array): Arrival {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const left = view.getFloat64(LEFT);
  return { number: view.getUint32(NUMBER), left, delay: clock() - left };
}

/** Bytes that had arrived at a time. */
export type Progress = [at: number, bytes: number][];

/** What the services saw, as the client fetches it when all is over. */
export interface ServiceRecord {
  /** Of the datagrams that the client sent. */
  stream: Arrival[];
  sink: Progress;
}

/** One thing that the client measures: the keystrokes and the stream beside a bulk flow, or alone. */
export type Bulk = 'none' | 'down' | 'up';

export interface Phase {
  bulk: Bulk;
  /** Of the bulk flow, bytes per second. */
  goodput: number;
  /** Ms from each keystroke to its echo. */
  keystrokes: number[];
  /** Keystrokes without an echo. */
  unanswered: number;
  down: StreamResult;
  up: StreamResult;
}

export interface StreamResult {
  sent: number;
  /** One way, in ms, of those that arrived. */
  delays: number[];
  /** RFC 3550 §6.4.1, at the end, in ms. */
  jitter: number;
  /** How many had arrived before the first of them. */
  before: number;
  /** When they left. */
  left: number[];
}

/** RFC 3550 §6.4.1. */
export function jitterOf(arrivals: readonly Arrival[]): number {
  let jitter = 0;
  for (let i = 1; i < arrivals.length; i++)
    jitter += (Math.abs(arrivals[i]!.delay - arrivals[i - 1]!.delay) - jitter) / 16;
  return jitter;
}
