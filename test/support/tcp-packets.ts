import { concat, internetChecksum, ipPacket, pseudoHeader, u16, u32 } from './packets.ts';

export interface TcpFields {
  source: string;
  destination: string;
  sourcePort?: number;
  destinationPort?: number;
  sequence?: number;
  acknowledgment?: number;
  /** The low eight bits of the flags; absent: ACK. */
  flags?: number;
  window?: number;
  urgent?: number;
  /** Padded to a multiple of four with zeros. */
  options?: Uint8Array;
  data?: Uint8Array;
  /** To lie about; in bytes. */
  headerLength?: number;
  checksum?: number;
}

/** A TCP segment, without IP. */
export function tcp(fields: TcpFields): Uint8Array {
  const given = fields.options ?? new Uint8Array(0);
  const options = concat(given, new Uint8Array((4 - (given.length % 4)) % 4));
  const segment = concat(
    u16(fields.sourcePort ?? 1),
    u16(fields.destinationPort ?? 1),
    u32(fields.sequence ?? 0),
    u32(fields.acknowledgment ?? 0),
    Uint8Array.of(((fields.headerLength ?? 20 + options.length) / 4) << 4, fields.flags ?? 0x10),
    u16(fields.window ?? 65_535),
    u16(0),
    u16(fields.urgent ?? 0),
    options,
    fields.data ?? new Uint8Array(0),
  );
  const pseudo = pseudoHeader(fields.source, fields.destination, 6, segment.length);
  segment.set(u16(fields.checksum ?? internetChecksum(pseudo, segment)), 16);
  return segment;
}

/** A whole TCP packet of the addresses' family. */
export function tcpPacket(fields: TcpFields): Uint8Array {
  return ipPacket(fields.source, fields.destination, 6, tcp(fields));
}
