// A TCP peer made of raw segments: it speaks with the stack under test and may lie about everything.
import { IpAddress } from '../../../../src/core/address.ts';
import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import { LoneStack } from '../../../support/lone-stack.ts';
import { concat, internetChecksum, ipPacket, pseudoHeader, u16, u32 } from '../../../support/packets.ts';
import type { Family } from './family.ts';

const FLAGS = 'FSRPAUEW';

export interface TcpFields {
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  /** Letters of FSRPAUEW. */
  flags: string;
  sequence?: number;
  acknowledgment?: number;
  window?: number;
  urgent?: number;
  options?: Uint8Array;
  data?: Uint8Array;
  /** To lie about. */
  dataOffset?: number;
  checksum?: number;
}

export function tcpPacket(fields: TcpFields): Uint8Array {
  const given = fields.options ?? new Uint8Array(0);
  const options = concat(given, new Uint8Array((4 - (given.length % 4)) % 4));
  let flags = 0;
  for (const letter of fields.flags) flags |= 1 << FLAGS.indexOf(letter);
  const segment = concat(
    u16(fields.sourcePort),
    u16(fields.destinationPort),
    u32((fields.sequence ?? 0) >>> 0),
    u32((fields.acknowledgment ?? 0) >>> 0),
    Uint8Array.of((fields.dataOffset ?? 5 + options.length / 4) << 4, flags),
    u16(fields.window ?? 65_535),
    u16(0),
    u16(fields.urgent ?? 0),
    options,
    fields.data ?? new Uint8Array(0),
  );
  const { source, destination } = fields;
  const sum = internetChecksum(pseudoHeader(source, destination, 6, segment.length), segment);
  segment.set(u16(fields.checksum ?? sum), 16);
  return ipPacket(source, destination, 6, segment);
}

/** A segment that the stack sent; numbers relative to the conversation's. */
export interface Sent {
  packet: Uint8Array;
  flags: string;
  sequence: number;
  acknowledgment: number;
  window: number;
  options: Uint8Array;
  data: Uint8Array;
}

export interface PeerOptions {
  port?: number;
  mss?: number | undefined;
  windowScale?: number | undefined;
  sack?: boolean;
  timestamps?: boolean;
  window?: number;
  /** Our peer's first sequence number. */
  isn?: number;
  receiveBufferSize?: number;
}

/** What to send; sequence 0 is the first byte after the SYN, acknowledgment 0 ours. */
export type Segment = Partial<
  Omit<TcpFields, 'source' | 'destination' | 'sourcePort' | 'destinationPort'>
> & {
  flags: string;
  /** Instead of the timestamps that would be right; false: none. */
  timestamp?: number | false;
};

export class TcpPeer {
  readonly lone: LoneStack;
  readonly family: Family;
  readonly port: number;
  /** Of the stack's side. */
  toPort = 80;
  connection!: TcpConnection;
  isn: number;
  /** The stack's initial sequence number. */
  iss = 0;
  tsVal = 5000;
  tsEcr = 0;
  readonly #options: PeerOptions;

  constructor(family: Family, options: PeerOptions = {}, lone: LoneStack = new LoneStack()) {
    this.family = family;
    this.lone = lone;
    this.port = options.port ?? 4000;
    this.isn = options.isn ?? 1000;
    this.#options = options;
  }

  /** A connection to port 80 of the stack, which listens; established. */
  static established(family: Family, options: PeerOptions = {}, lone?: LoneStack): TcpPeer {
    const peer = new TcpPeer(family, options, lone);
    const { receiveBufferSize } = options;
    const listener = peer.lone.stack.listenTcp(
      { port: 80, ...(receiveBufferSize !== undefined && { receiveBufferSize }) },
      peer.lone.now,
    );
    peer.connect();
    peer.connection = listener.accept()!;
    listener.close();
    return peer;
  }

  /** Three segments; the last one's answers are returned. */
  connect(): Sent[] {
    const [synAck] = this.syn();
    if (!synAck) throw new Error('no answer to the SYN');
    return this.send({ flags: 'A' });
  }

  syn(): Sent[] {
    const answers = this.lone.exchange(this.synPacket());
    if (answers[0]) this.takeSyn(answers[0]);
    return answers.map((packet) => this.parse(packet));
  }

  /** What begins it. */
  synPacket(flags = 'S'): Uint8Array {
    const options = concat(...this.#synOptions());
    return this.packet({ flags, sequence: -1, options, timestamp: false });
  }

  /** Learns from the stack's SYN how its numbers and timestamps begin. */
  takeSyn(packet: Uint8Array): void {
    this.iss = new DataView(packet.buffer, packet.byteOffset).getUint32(this.family.header + 4);
    this.tsEcr = timestampOf(this.parse(packet).options) ?? 0;
  }

  #synOptions(): Uint8Array[] {
    const { mss = 1380, windowScale, sack = false, timestamps = false } = this.#options;
    const options: Uint8Array[] = [];
    if (!('mss' in this.#options) || this.#options.mss !== undefined)
      options.push(Uint8Array.of(2, 4, mss >> 8, mss & 255));
    if (windowScale !== undefined) options.push(Uint8Array.of(3, 3, windowScale, 1));
    if (sack) options.push(Uint8Array.of(4, 2, 1, 1));
    if (timestamps) options.push(concat(Uint8Array.of(8, 10), u32(this.tsVal), u32(0), Uint8Array.of(1, 1)));
    return options;
  }

  /** The packet of a segment from the peer. */
  packet(segment: Segment): Uint8Array {
    const { timestamps = false, window = 65_535 } = this.#options;
    const { timestamp, options: given, ...rest } = segment;
    const stamp =
      timestamps && timestamp !== false
        ? concat(Uint8Array.of(1, 1, 8, 10), u32((timestamp ?? this.tsVal) >>> 0), u32(this.tsEcr))
        : new Uint8Array(0);
    const hasAck = segment.flags.includes('A');
    return tcpPacket({
      source: this.family.peer,
      destination: this.family.us,
      sourcePort: this.port,
      destinationPort: this.toPort,
      window,
      ...rest,
      sequence: (this.isn + 1 + (segment.sequence ?? 0)) >>> 0,
      acknowledgment: hasAck ? (this.iss + 1 + (segment.acknowledgment ?? 0)) >>> 0 : 0,
      options: concat(stamp, given ?? new Uint8Array(0)),
    });
  }

  /** Sends it, polls, and returns what came back. */
  send(...segments: Segment[]): Sent[] {
    return this.lone
      .exchange(...segments.map((segment) => this.packet(segment)))
      .map((packet) => this.parse(packet));
  }

  /** What is due now. */
  poll(): Sent[] {
    return this.lone.exchange().map((packet) => this.parse(packet));
  }

  /** Lets time pass, poll by poll, and returns all that was sent. */
  pass(milliseconds: number): Sent[] {
    const { lone } = this;
    const end = lone.now + milliseconds;
    for (let guard = 0; guard < 100_000; guard++) {
      lone.poll();
      const at = lone.stack.pollAt();
      if (at > end) break;
      lone.now = Math.max(lone.now, at);
    }
    lone.now = end;
    return this.poll();
  }

  /** All that can be read now. */
  read(): Uint8Array {
    const target = new Uint8Array(this.connection.readableBytes);
    this.connection.readInto(target);
    return target;
  }

  get tcpDrops(): Record<string, number> {
    return this.lone.stack.tcp.drops.toRecord();
  }

  get remote() {
    return { address: IpAddress.parse(this.family.peer)!, port: this.port };
  }

  parse(packet: Uint8Array): Sent {
    const at = this.family.header;
    const view = new DataView(packet.buffer, packet.byteOffset);
    const headerLength = (packet[at + 12]! >> 4) * 4;
    const bits = packet[at + 13]!;
    return {
      packet,
      flags: [...FLAGS].filter((_, i) => bits & (1 << i)).join(''),
      sequence: (view.getUint32(at + 4) - this.iss - 1) | 0,
      acknowledgment: (view.getUint32(at + 8) - this.isn - 1) | 0,
      window: view.getUint16(at + 14),
      options: packet.slice(at + 20, at + headerLength),
      data: packet.slice(at + headerLength),
    };
  }
}

/** The TSval among options, if any. */
export function timestampOf(options: Uint8Array): number | undefined {
  for (let i = 0; i < options.length; ) {
    const kind = options[i]!;
    if (kind === 0) return undefined;
    if (kind === 1) {
      i++;
      continue;
    }
    if (kind === 8) return new DataView(options.buffer, options.byteOffset).getUint32(i + 2);
    i += options[i + 1]!;
  }
  return undefined;
}
