/** Reads the pcapng that `tunnel.capture()` writes, as it comes: one section, one interface, enhanced packet blocks. */

const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const OPTION_COMMENT = 1;
const OPTION_FLAGS = 2;
const OPTION_DROPCOUNT = 4;
const FLAG_OUTBOUND = 2;
/** A block claims its own length: none is longer than a packet and a little more. */
const MAX_BLOCK = 1 << 20;

export interface CapturedPacket {
  /** Milliseconds since 1970. */
  at: number;
  isOutbound: boolean;
  data: Uint8Array;
  /** What it had, where only its beginning was kept. */
  length: number;
  comment: string | undefined;
  /** Packets that the capture lost just before. */
  lost: number;
  /** The block that it came in, as it goes into a file. */
  block: Uint8Array<ArrayBuffer>;
}

export class PcapngReader {
  /** The blocks that a file begins with. */
  readonly header: Uint8Array<ArrayBuffer>[] = [];
  #rest: Uint8Array = new Uint8Array(0);

  /** The packets that are whole now. Throws an Error for what is no pcapng. */
  read(chunk: Uint8Array): CapturedPacket[] {
    const bytes = join(this.#rest, chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const packets: CapturedPacket[] = [];
    let at = 0;
    while (bytes.length - at >= 12) {
      const length = view.getUint32(at + 4, true);
      if (length < 12 || length > MAX_BLOCK || length % 4 !== 0) throw new Error('This is no pcapng.');
      if (bytes.length - at < length) break;
      const block = bytes.slice(at, at + length);
      if (view.getUint32(at, true) === ENHANCED_PACKET) packets.push(packetOf(block));
      else if (packets.length === 0 && this.header.length <= INTERFACE_DESCRIPTION) this.header.push(block);
      at += length;
    }
    this.#rest = bytes.slice(at);
    return packets;
  }
}

/** The pcapng draft, §4.3. */
function packetOf(block: Uint8Array<ArrayBuffer>): CapturedPacket {
  const view = new DataView(block.buffer);
  const micros = view.getUint32(12, true) * 2 ** 32 + view.getUint32(16, true);
  const caught = Math.min(view.getUint32(20, true), block.length - 32);
  const packet: CapturedPacket = {
    at: micros / 1000,
    isOutbound: false,
    data: block.subarray(28, 28 + caught),
    length: view.getUint32(24, true),
    comment: undefined,
    lost: 0,
    block,
  };
  readOptions(packet, view, 28 + padded(caught));
  return packet;
}

/** §3.5: code, length, value, up to a multiple of four. */
function readOptions(packet: CapturedPacket, view: DataView, start: number): void {
  const end = view.byteLength - 4;
  for (let at = start; at + 4 <= end; ) {
    const code = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    const value = at + 4;
    if (code === 0 || value + length > end) return;
    if (code === OPTION_COMMENT)
      packet.comment = new TextDecoder().decode(packet.block.subarray(value, value + length));
    else if (code === OPTION_FLAGS && length >= 4)
      packet.isOutbound = (view.getUint32(value, true) & 3) === FLAG_OUTBOUND;
    else if (code === OPTION_DROPCOUNT && length >= 4) packet.lost = view.getUint32(value, true);
    at = value + padded(length);
  }
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
