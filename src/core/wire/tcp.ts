// The TCP header and its options (RFC 9293 §3.1–3.2, RFC 7323, RFC 2018). Sequence numbers and timestamps are int32
// here and everywhere: only netstack/tcp/sequence.ts compares them.

export const TCP_HEADER_LENGTH = 20;
/** RFC 9293 §3.1: the data offset counts 4-byte words in 4 bits. */
export const TCP_MAX_OPTIONS_LENGTH = 40;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
/** RFC 3168 §6.1: the echo of a mark, and the answer that the window was reduced. */
export const ECE = 0x40;
export const CWR = 0x80;

const KIND_END = 0;
const KIND_NOP = 1;
const KIND_MSS = 2;
const KIND_WINDOW_SCALE = 3;
const KIND_SACK_PERMITTED = 4;
const KIND_SACK = 5;
const KIND_TIMESTAMPS = 8;

/** NOP, NOP, kind 8, length 10: how timestamps begin in practically every segment. */
const TIMESTAMPS_WORD = 0x0101080a;

/** Bytes of `NOP NOP TS`. */
export const TIMESTAMPS_LENGTH = 12;
/** More than four blocks do not fit into the options (RFC 2018 §3). */
export const MAX_SACK_BLOCKS = 4;

/** RFC 7323 §2.3: a larger shift count is taken as 14. */
export const MAX_WINDOW_SHIFT = 14;

/**
 * A received segment, read out of its packet. One object, rewritten for each segment: copy what you keep.
 * Trimming it to the window changes it and not the packet.
 */
export class TcpSegment {
  sourcePort = 0;
  destinationPort = 0;
  sequence = 0;
  acknowledgment = 0;
  /** FIN … CWR; the reserved bits are left out. */
  flags = 0;
  /** As it stands in the header: unscaled, 0–65,535. */
  window = 0;
  /** Counts from the sequence number, where URG is set. */
  urgentPointer = 0;
  /** The packet was marked on its way (RFC 3168); its receiver says so. */
  isMarked = false;
  /** Where the payload lies in the packet's memory. */
  payloadStart = 0;
  payloadEnd = 0;

  /** Options that count only in a SYN. */
  mss = 0;
  /** Shift count 0–14, or −1 when the option is absent. */
  windowScale = -1;
  sackPermitted = false;

  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  /** [start, end) pairs; `sackCount` of them are meant. */
  readonly sackBlocks: Int32Array = new Int32Array(2 * MAX_SACK_BLOCKS);
  sackCount = 0;

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  get payloadLength(): number {
    return this.payloadEnd - this.payloadStart;
  }

  /** SEG.LEN: what it takes of the sequence space, SYN and FIN included. */
  get length(): number {
    return this.payloadEnd - this.payloadStart + ((this.flags & SYN) >> 1) + (this.flags & FIN);
  }

  /** Drops the first `length` units of sequence space: first the SYN, then payload, then the FIN. */
  trimFront(length: number): void {
    if (length <= 0) return;
    this.sequence = (this.sequence + length) | 0;
    if (this.has(SYN)) {
      this.flags &= ~SYN;
      length--;
    }
    const payload = Math.min(length, this.payloadLength);
    this.payloadStart += payload;
    if (length > payload) this.flags &= ~FIN;
  }

  /** Drops the last `length` units of sequence space: first the FIN, then payload. */
  trimBack(length: number): void {
    if (length <= 0) return;
    if (this.has(FIN)) {
      this.flags &= ~(FIN | PSH);
      length--;
    }
    this.payloadEnd -= Math.min(length, this.payloadLength);
  }
}

/**
 * Reads the segment at [start, end) into `segment`. False when header or options are malformed (too short, a data
 * offset or an option length that points outside); the checksum is the caller's business.
 */
export function readTcp(view: DataView, start: number, end: number, segment: TcpSegment): boolean {
  if (end - start < TCP_HEADER_LENGTH) return false;
  const headerLength = (view.getUint8(start + 12) >> 4) * 4;
  if (headerLength < TCP_HEADER_LENGTH || start + headerLength > end) return false;
  segment.sourcePort = view.getUint16(start);
  segment.destinationPort = view.getUint16(start + 2);
  segment.sequence = view.getInt32(start + 4);
  segment.acknowledgment = view.getInt32(start + 8);
  segment.flags = view.getUint8(start + 13);
  segment.window = view.getUint16(start + 14);
  segment.urgentPointer = view.getUint16(start + 18);
  segment.payloadStart = start + headerLength;
  segment.payloadEnd = end;
  segment.hasTimestamps = false;
  segment.sackCount = 0;
  const options = start + TCP_HEADER_LENGTH;
  if (headerLength === 32 && view.getInt32(options) === TIMESTAMPS_WORD && !segment.has(SYN)) {
    segment.hasTimestamps = true;
    segment.tsVal = view.getInt32(options + 4);
    segment.tsEcr = view.getInt32(options + 8);
    return true;
  }
  segment.mss = 0;
  segment.windowScale = -1;
  segment.sackPermitted = false;
  return readOptions(view, options, segment.payloadStart, segment);
}

/** Walks the options; unknown kinds are skipped by their length (RFC 9293 §3.2, MUST-6). */
function readOptions(view: DataView, start: number, end: number, segment: TcpSegment): boolean {
  const isSyn = segment.has(SYN);
  let at = start;
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === KIND_END) return true;
    if (kind === KIND_NOP) {
      at++;
      continue;
    }
    if (at + 2 > end) return false;
    const length = view.getUint8(at + 1);
    if (length < 2 || at + length > end) return false;
    if (kind === KIND_MSS && isSyn && length === 4) {
      // Zero means that there was none; whoever offers zero gets as little as anybody can.
      segment.mss = Math.max(view.getUint16(at + 2), 1);
    } else if (kind === KIND_WINDOW_SCALE && isSyn && length === 3) {
      segment.windowScale = Math.min(view.getUint8(at + 2), MAX_WINDOW_SHIFT);
    } else if (kind === KIND_SACK_PERMITTED && isSyn && length === 2) {
      segment.sackPermitted = true;
    } else if (kind === KIND_TIMESTAMPS && length === 10) {
      segment.hasTimestamps = true;
      segment.tsVal = view.getInt32(at + 2);
      segment.tsEcr = view.getInt32(at + 6);
    } else if (kind === KIND_SACK && length >= 10 && (length - 2) % 8 === 0) {
      readSackBlocks(view, at + 2, (length - 2) / 8, segment);
    }
    at += length;
  }
  return true;
}

function readSackBlocks(view: DataView, at: number, count: number, segment: TcpSegment): void {
  segment.sackCount = Math.min(count, MAX_SACK_BLOCKS);
  for (let i = 0; i < 2 * segment.sackCount; i++) segment.sackBlocks[i] = view.getInt32(at + 4 * i);
}

/** Writes the 20 bytes before the options, with checksum and urgent pointer zero. */
export function writeTcpHeader(
  view: DataView,
  at: number,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  acknowledgment: number,
  headerLength: number,
  flags: number,
  window: number,
): void {
  view.setUint16(at, sourcePort);
  view.setUint16(at + 2, destinationPort);
  view.setInt32(at + 4, sequence);
  view.setInt32(at + 8, acknowledgment);
  view.setUint8(at + 12, (headerLength / 4) << 4);
  view.setUint8(at + 13, flags);
  view.setUint16(at + 14, window);
  view.setInt32(at + 16, 0);
}

export const FLAGS_OFFSET = 13;
export const CHECKSUM_OFFSET = 16;
export const URGENT_POINTER_OFFSET = 18;

/** Writes `NOP NOP TS` (12 bytes). */
export function writeTimestamps(view: DataView, at: number, tsVal: number, tsEcr: number): void {
  view.setInt32(at, TIMESTAMPS_WORD);
  view.setInt32(at + 4, tsVal);
  view.setInt32(at + 8, tsEcr);
}

/** Bytes that `writeSack` takes. */
export function sackLength(count: number): number {
  return count === 0 ? 0 : 4 + 8 * count;
}

/** Writes `NOP NOP SACK` with the first `count` [start, end) pairs of `blocks`. */
export function writeSack(view: DataView, at: number, blocks: Int32Array, count: number): void {
  view.setUint16(at, 0x0101);
  view.setUint8(at + 2, KIND_SACK);
  view.setUint8(at + 3, 2 + 8 * count);
  for (let i = 0; i < 2 * count; i++) view.setInt32(at + 4 + 4 * i, blocks[i]!);
}

/** What a SYN may offer. */
export interface SynOptions {
  mss: number;
  /** Shift count, or −1 for none. */
  windowScale: number;
  sackPermitted: boolean;
  timestamps: boolean;
  tsVal: number;
  tsEcr: number;
}

export function synOptionsLength(options: SynOptions): number {
  const sack = options.timestamps ? 12 : options.sackPermitted ? 4 : 0;
  return 4 + sack + (options.windowScale < 0 ? 0 : 4);
}

/** Writes a SYN's options in the order Linux uses: MSS, SACK-permitted, timestamps, window scale. */
export function writeSynOptions(view: DataView, at: number, options: SynOptions): void {
  view.setUint16(at, (KIND_MSS << 8) | 4);
  view.setUint16(at + 2, options.mss);
  at += 4;
  const sackWord = (KIND_SACK_PERMITTED << 8) | 2;
  if (options.timestamps) {
    writeTimestamps(view, at, options.tsVal, options.tsEcr);
    // SACK-permitted takes the place of the two NOPs.
    if (options.sackPermitted) view.setUint16(at, sackWord);
    at += TIMESTAMPS_LENGTH;
  } else if (options.sackPermitted) {
    view.setUint16(at, 0x0101);
    view.setUint16(at + 2, sackWord);
    at += 4;
  }
  if (options.windowScale < 0) return;
  view.setUint8(at, KIND_NOP);
  view.setUint8(at + 1, KIND_WINDOW_SCALE);
  view.setUint8(at + 2, 3);
  view.setUint8(at + 3, options.windowScale);
}
