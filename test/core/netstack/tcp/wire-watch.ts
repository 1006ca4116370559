import type { IpHeaderInfo } from '../../../../src/core/netstack/ip-layer.ts';
import { diff, later } from '../../../../src/core/netstack/tcp/sequence.ts';
import type { PacketBuffer } from '../../../../src/core/packet-buffer.ts';
import { sum16 } from '../../../../src/core/wire/checksum.ts';
import { ACK, FIN, RST, readTcp, SYN, TcpSegment } from '../../../../src/core/wire/tcp.ts';

/** One direction of one connection as it can be seen on the wire, and what must hold for every segment of it. */
export class WireWatch {
  readonly name: string;
  /** The other direction. */
  opposite: WireWatch | undefined;
  readonly #segment = new TcpSegment();
  #scale = 0;
  #offeredScale = -1;
  #timestamps = false;
  #isn: number | undefined;
  #highestAck: number | undefined;
  /** The right edge this end has advertised: for the other end to keep to. */
  edge: number | undefined;
  segments = 0;
  resets = 0;
  dataSegments = 0;
  sackBlocks = 0;

  constructor(name: string) {
    this.name = name;
  }

  see(packet: PacketBuffer, header: IpHeaderInfo): void {
    const segment = this.#segment;
    const { view, start, end } = packet;
    this.segments++;
    if (!readTcp(view, start, end, segment)) this.#fail('malformed');
    const addresses = header.version === 4 ? 8 : 32;
    const pseudo = sum16(view, header.addresses, header.addresses + addresses, 6 + (end - start));
    if (sum16(view, start, end, pseudo) !== 0xffff) this.#fail('checksum');
    this.sackBlocks += segment.sackCount;
    if (segment.payloadLength > 0) this.dataSegments++;
    if (segment.has(SYN)) this.#seeSyn(segment);
    if (segment.has(RST)) {
      this.resets++;
      return;
    }
    this.#checkTimestamps(segment);
    if (segment.has(ACK)) this.#checkAck(segment);
    this.#checkEdge(segment);
  }

  #seeSyn(segment: TcpSegment): void {
    if (this.#isn !== undefined && this.#isn !== segment.sequence) this.#reset();
    this.#isn = segment.sequence;
    this.#offeredScale = segment.windowScale;
    this.#timestamps = segment.hasTimestamps;
    if (segment.has(ACK) && segment.windowScale < 0) this.#scale = 0;
  }

  #reset(): void {
    this.#highestAck = this.edge = undefined;
  }

  #checkTimestamps(segment: TcpSegment): void {
    const both = this.#timestamps && this.opposite!.#timestamps;
    if (both && !segment.hasTimestamps && this.segments > 3) this.#fail('no timestamps');
  }

  #checkAck(segment: TcpSegment): void {
    const { acknowledgment } = segment;
    if (this.#highestAck !== undefined && diff(acknowledgment, this.#highestAck) < 0)
      this.#fail('ACK went back');
    this.#highestAck = acknowledgment;
    const both = this.#offeredScale >= 0 && this.opposite!.#offeredScale >= 0;
    this.#scale = both && !segment.has(SYN) ? this.#offeredScale : 0;
    const edge = (acknowledgment + segment.window * 2 ** this.#scale) | 0;
    // The field's unit may hide less than one unit of the edge.
    if (this.edge !== undefined && diff(edge, this.edge) <= -(1 << this.#scale)) {
      this.#fail(`right edge moved left by ${diff(this.edge, edge)}`);
    }
    this.edge = this.edge === undefined ? edge : later(this.edge, edge);
  }

  /** Never beyond what the other end ever offered, one probe octet excepted. */
  #checkEdge(segment: TcpSegment): void {
    const allowed = this.opposite!.edge;
    if (allowed === undefined || segment.has(SYN)) return;
    const end = (segment.sequence + segment.length) | 0;
    const beyond = diff(end, allowed);
    if (beyond > 1) this.#fail(`sent ${beyond} beyond the window (${segment.has(FIN) ? 'FIN' : 'data'})`);
  }

  #fail(what: string): never {
    throw new Error(`${this.name}: ${what}`);
  }
}
