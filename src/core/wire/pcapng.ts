// The pcapng capture file format (draft-ietf-opsawg-pcapng), as much of it as one stream of IP packets needs. Little-endian,
// as its byte-order magic says. Times are in microseconds since 1970.

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
/** Raw IPv4 or IPv6, which the first byte tells apart. */
const LINKTYPE_RAW = 101;

const OPTION_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const EPB_FLAGS = 2;
const EPB_DROPCOUNT = 4;

const FLAG_INBOUND = 1;
const FLAG_OUTBOUND = 2;

/** Total length, twice, and the type (§3.1). */
const BLOCK_OVERHEAD = 12;

/** One packet as it is recorded. */
export interface PacketRecord {
  /** Milliseconds since 1970. */
  at: number;
  isOutbound: boolean;
  /** As much as was kept of it. */
  data: Uint8Array;
  /** What it had. */
  originalLength: number;
  comment?: string | undefined;
  /** Packets lost to the capture since the one before. */
  lost: number;
}

/** What a file begins with: a section, and in it one interface (§4.1, §4.2). */
export function writePcapngHeader(interfaceName: string, snaplen: number): Uint8Array<ArrayBuffer> {
  const section = new Uint8Array(16);
  const sectionView = new DataView(section.buffer);
  sectionView.setUint32(0, BYTE_ORDER_MAGIC, true);
  sectionView.setUint16(4, 1, true);
  // How long the section is, is not known.
  section.fill(0xff, 8, 16);
  const description = new Uint8Array(8);
  const descriptionView = new DataView(description.buffer);
  descriptionView.setUint16(0, LINKTYPE_RAW, true);
  descriptionView.setUint32(4, snaplen, true);
  return concatenate([
    block(SECTION_HEADER, [section, textOption(SHB_USERAPPL, 'tabwire'), END_OF_OPTIONS]),
    block(INTERFACE_DESCRIPTION, [description, textOption(IF_NAME, interfaceName), END_OF_OPTIONS]),
  ]);
}

/** An enhanced packet block (§4.3). */
export function writePcapngPacket(record: PacketRecord): Uint8Array<ArrayBuffer> {
  const { at, data, originalLength, comment, lost } = record;
  const fixed = new Uint8Array(20);
  const view = new DataView(fixed.buffer);
  const micros = Math.round(at * 1000);
  view.setUint32(4, Math.floor(micros / 2 ** 32), true);
  view.setUint32(8, micros >>> 0, true);
  view.setUint32(12, data.length, true);
  view.setUint32(16, originalLength, true);
  return block(ENHANCED_PACKET, [
    fixed,
    padded(data),
    numberOption(EPB_FLAGS, 4, record.isOutbound ? FLAG_OUTBOUND : FLAG_INBOUND),
    ...(lost > 0 ? [numberOption(EPB_DROPCOUNT, 8, lost)] : []),
    ...(comment === undefined ? [] : [textOption(OPTION_COMMENT, comment)]),
    END_OF_OPTIONS,
  ]);
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function block(type: number, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = concatenate(parts);
  const length = body.length + BLOCK_OVERHEAD;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  bytes.set(body, 8);
  view.setUint32(length - 4, length, true);
  return bytes;
}

/** Options (§3.5): code, length, value, up to a multiple of four. */
const END_OF_OPTIONS = new Uint8Array(4);

function textOption(code: number, text: string): Uint8Array {
  // ASCII is UTF-8.
  return option(
    code,
    Uint8Array.from(text, (char) => char.charCodeAt(0) & 127),
  );
}

/** `value` below 2^32, in `size` bytes. */
function numberOption(code: number, size: 4 | 8, value: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return option(code, bytes);
}

function option(code: number, value: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint16(0, code, true);
  new DataView(head.buffer).setUint16(2, value.length, true);
  return concatenate([head, padded(value)]);
}

function padded(bytes: Uint8Array): Uint8Array {
  return bytes.length % 4 === 0 ? bytes : concatenate([bytes, new Uint8Array(4 - (bytes.length % 4))]);
}
