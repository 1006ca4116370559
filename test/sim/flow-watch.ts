import { add, diff, gt, later, le, lt } from '../../src/core/netstack/tcp/sequence.ts';
import { ACK, FIN, RST, readTcp, SYN, TcpSegment } from '../../src/core/wire/tcp.ts';
import { protocolOf, transportStart, versionOf } from './link.ts';

const PROTOCOL_TCP = 6;
const SECOND = 1000;
/** Equal ACKs in a second that nothing asked for. */
const MOST_IDLE_ACKS = 50;

/** One direction of one connection as it can be seen on the wire, and what must hold for every segment of it. */
export class FlowWatch {
  readonly name: string;
  /** The other direction, once it has been seen. */
  opposite: FlowWatch | undefined;
  isn: number | undefined;
  /** The right edge this end has advertised: for the other end to keep to. */
  edge: number | undefined;
  /** After the last sequence number that was sent. */
  end = 0;
  segments = 0;
  resets = 0;
  dataSegments = 0;
  sackBlocks = 0;
  /** Segments that carried what had been sent already. */
  resent = 0;
  /** What its SYN said; −1: no window scale. */
  offeredScale = -1;
  timestamps = false;
  /**
   * It answered one SYN with two numbers, as who sends cookies does: which of them the connection will have, only the
   * two ends know.
   */
  isUncertain = false;
  /** Cookies are sent. */
  mayRevive = false;
  /** Of every decision that can be seen on the wire, whatever the initial sequence numbers and the family of IP. */
  decisions = 0;
  /** Segments with text, SYN or FIN that reached this end lately. */
  answerable = 0;
  #scale = 0;
  /** What its last SYN|ACK acknowledged. */
  #answered: number | undefined;
  #highestAck: number | undefined;
  #fin: number | undefined;
  #lastAck = '';
  #idleAcks = 0;
  #idleSince = 0;

  constructor(name: string) {
    this.name = name;
  }

  see(segment: TcpSegment, now: number): void {
    this.segments++;
    this.sackBlocks += segment.sackCount;
    if (segment.payloadLength > 0) this.dataSegments++;
    if (segment.has(SYN)) this.#seeSyn(segment);
    // Where cookies are sent, a segment that comes late may bring a connection back that is over.
    if (this.#isOver && !segment.has(SYN)) this.isUncertain = this.mayRevive;
    if (this.isUncertain || this.opposite?.isUncertain) return;
    if (segment.has(RST)) {
      this.resets++;
      return;
    }
    if (this.isn === undefined) this.#fail('began without a SYN');
    this.#checkTimestamps(segment);
    if (segment.has(ACK)) this.#checkAck(segment);
    else if (!segment.has(SYN)) this.#fail('a segment without ACK');
    this.#checkSack(segment);
    this.#checkSequence(segment);
    this.#checkIdleAcks(segment, now);
  }

  /** Whether both ends have acknowledged the other's FIN. */
  get #isOver(): boolean {
    const { opposite } = this;
    if (!opposite || this.#fin === undefined || opposite.#fin === undefined) return false;
    return this.#highestAck === opposite.#fin && opposite.#highestAck === this.#fin;
  }

  /** Whether both ends have said that they use timestamps. */
  get hasTimestamps(): boolean {
    return this.timestamps && this.opposite?.timestamps === true;
  }

  #seeSyn(segment: TcpSegment): void {
    // A cookie may give an old SYN that comes late the number once more that its connection had.
    const isLate =
      segment.has(ACK) && this.#highestAck !== undefined && lt(segment.acknowledgment, this.#highestAck);
    if (this.isn !== segment.sequence || isLate) {
      this.isUncertain = segment.has(ACK) && this.#answered === segment.acknowledgment;
      this.#highestAck = this.edge = this.#fin = undefined;
      this.end = segment.sequence;
    }
    this.isn = segment.sequence;
    if (segment.has(ACK)) this.#answered = segment.acknowledgment;
    this.offeredScale = segment.windowScale;
    this.timestamps = segment.hasTimestamps;
    if (segment.has(ACK) && segment.windowScale < 0) this.#scale = 0;
  }

  #checkTimestamps(segment: TcpSegment): void {
    if (!segment.has(SYN) && this.hasTimestamps !== segment.hasTimestamps)
      this.#fail(this.hasTimestamps ? 'no timestamps' : 'timestamps that nobody agreed to');
  }

  #checkAck(segment: TcpSegment): void {
    const { acknowledgment } = segment;
    if (this.#highestAck !== undefined && diff(acknowledgment, this.#highestAck) < 0)
      this.#fail('ACK went back');
    if (this.opposite && gt(acknowledgment, this.opposite.end)) this.#fail('ACK of what was never sent');
    this.#highestAck = acknowledgment;
    const both = this.offeredScale >= 0 && (this.opposite?.offeredScale ?? -1) >= 0;
    this.#scale = both && !segment.has(SYN) ? this.offeredScale : 0;
    const edge = (acknowledgment + segment.window * 2 ** this.#scale) | 0;
    // The field's unit may hide less than one unit of the edge.
    const isLess = this.edge !== undefined && diff(edge, this.edge) <= -(1 << this.#scale);
    // A SYN that comes again cannot say how large the window is by now.
    if (isLess && !segment.has(SYN)) this.#fail(`right edge moved left by ${diff(this.edge!, edge)}`);
    this.edge = this.edge === undefined ? edge : later(this.edge, edge);
  }

  #checkSack({ sackCount, sackBlocks, acknowledgment }: TcpSegment): void {
    for (let i = 0; i < sackCount; i++) {
      const start = sackBlocks[2 * i]!;
      const end = sackBlocks[2 * i + 1]!;
      if (le(end, start)) this.#fail('an empty SACK block');
      if (this.opposite && gt(end, this.opposite.end)) this.#fail('SACK of what was never sent');
      // Only the first may report a duplicate (RFC 2883 §4).
      if (i > 0 && le(start, acknowledgment)) this.#fail('a SACK block that is not behind a gap');
    }
  }

  /** In order, never beyond what the other end offered (one probe octet excepted), nothing after a FIN. */
  #checkSequence(segment: TcpSegment): void {
    const end = add(segment.sequence, segment.length);
    if (segment.length > 0 && !gt(end, this.end)) this.resent++;
    if (gt(segment.sequence, this.end)) this.#fail('left a hole in its sequence numbers');
    if (this.#fin !== undefined && gt(end, this.#fin)) this.#fail('sent something after its FIN');
    this.end = later(this.end, end);
    if (segment.has(FIN)) this.#fin = end;
    const allowed = this.opposite?.edge;
    if (allowed === undefined || segment.has(SYN)) return;
    const beyond = diff(end, allowed);
    if (segment.length > 0 && beyond > 1)
      this.#fail(`sent ${beyond} beyond the window (${segment.has(FIN) ? 'FIN' : 'data'})`);
  }

  /** Two ends must not keep each other busy with ACKs that say nothing. */
  #checkIdleAcks(segment: TcpSegment, now: number): void {
    const { acknowledgment, window, sackCount, sackBlocks, length } = segment;
    const says = `${acknowledgment} ${window} ${sackCount > 0 ? sackBlocks[0] : ''}`;
    const isIdle = length === 0 && says === this.#lastAck;
    this.#lastAck = says;
    if (now - this.#idleSince > SECOND) {
      this.#idleSince = now;
      this.#idleAcks = this.answerable = 0;
    }
    if (isIdle && ++this.#idleAcks > MOST_IDLE_ACKS + this.answerable) this.#fail('a storm of equal ACKs');
  }

  noteDecision(segment: TcpSegment, now: number): void {
    if (this.isUncertain || this.opposite?.isUncertain) return;
    const isn = this.isn ?? 0;
    const peerIsn = this.opposite?.isn ?? 0;
    this.#mix(Math.floor(now * 1000));
    // A reset to nobody is numbered by what it answers.
    this.#mix(segment.has(RST) ? 0 : diff(segment.sequence, isn));
    this.#mix(segment.has(ACK) && !segment.has(RST) ? diff(segment.acknowledgment, peerIsn) : 0);
    this.#mix((segment.flags << 16) | segment.window);
    this.#mix(segment.payloadLength);
    for (let i = 0; i < 2 * segment.sackCount; i++) this.#mix(diff(segment.sackBlocks[i]!, peerIsn));
  }

  #mix(value: number): void {
    const mixed = Math.imul(this.decisions ^ value ^ (value / 2 ** 32), 0x85ebca6b);
    this.decisions = (mixed ^ (mixed >>> 15)) | 0;
  }

  #fail(what: string): never {
    throw new Error(`${this.name}: ${what}`);
  }
}

/** All flows between all hosts. Addresses are told apart by their last byte and their family. */
export class FlowTable {
  readonly #flows = new Map<number, FlowWatch>();
  readonly #segment = new TcpSegment();
  /** Some listener is so small that it sends cookies. */
  mayRevive = false;

  /** Of the decisions of all flows. Which of several is served first in one instant is nobody's decision. */
  get decisions(): number {
    return [...this.#flows.values()].reduce((sum, flow) => (sum + flow.decisions) | 0, 0);
  }

  /** Segments that carried what had been sent already. */
  get resent(): number {
    return [...this.#flows.values()].reduce((sum, flow) => sum + flow.resent, 0);
  }

  /** A packet leaves `host`. */
  left(bytes: Uint8Array, host: string, now: number): void {
    if (protocolOf(bytes) !== PROTOCOL_TCP) return;
    const segment = this.#segment;
    const view = new DataView(bytes.buffer);
    if (!readTcp(view, transportStart(bytes), bytes.length, segment))
      throw new Error(`${host}: sent a malformed segment`);
    const flow = this.#flowOf(bytes, host);
    flow.see(segment, now);
    flow.noteDecision(segment, now);
  }

  /** A packet reached its destination. */
  arrived(bytes: Uint8Array): void {
    if (protocolOf(bytes) !== PROTOCOL_TCP) return;
    const answering = this.#flows.get(reverseKeyOf(bytes));
    const start = transportStart(bytes);
    const hasText = bytes.length > start + (bytes[start + 12]! >> 4) * 4;
    if (answering && (hasText || (bytes[start + 13]! & (SYN | FIN)) !== 0)) answering.answerable++;
  }

  #flowOf(bytes: Uint8Array, host: string): FlowWatch {
    const key = keyOf(bytes);
    const known = this.#flows.get(key);
    if (known) return known;
    const flow = new FlowWatch(
      `${host}, port ${bytes[transportStart(bytes)]! * 256 + bytes[transportStart(bytes) + 1]!}`,
    );
    flow.mayRevive = this.mayRevive;
    flow.opposite = this.#flows.get(reverseKeyOf(bytes));
    if (flow.opposite) flow.opposite.opposite = flow;
    this.#flows.set(key, flow);
    return flow;
  }
}

function keyOf(bytes: Uint8Array): number {
  return key(bytes, false);
}

function reverseKeyOf(bytes: Uint8Array): number {
  return key(bytes, true);
}

function key(bytes: Uint8Array, isReversed: boolean): number {
  const start = transportStart(bytes);
  const isIpv4 = versionOf(bytes) === 4;
  const source = bytes[isIpv4 ? 15 : 23]! * 65_536 + bytes[start]! * 256 + bytes[start + 1]!;
  const destination = bytes[isIpv4 ? 19 : 39]! * 65_536 + bytes[start + 2]! * 256 + bytes[start + 3]!;
  const [from, to] = isReversed ? [destination, source] : [source, destination];
  return (from * 2 ** 24 + to) * 2 + (isIpv4 ? 0 : 1);
}
