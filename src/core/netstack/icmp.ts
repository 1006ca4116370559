// ICMP in and out (RFC 792, RFC 1122 §3.2.2, RFC 4443): answers echo requests, hands echo replies to pings, tells
// sockets of errors by the packet of theirs that is quoted, and says when a port is closed. It never answers an
// error, a group, or more often than its limits allow.

import { IpAddress } from '../address.ts';
import type { DropCounters } from '../counters.ts';
import type { Environment } from '../environment.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import type { Instant } from '../time.ts';
import { TokenBucket } from '../token-bucket.ts';
import { addressSum } from '../wire/checksum.ts';
import {
  checkIcmp,
  echoIdentifier,
  echoReplyType,
  echoRequestType,
  echoSequence,
  ICMP_HEADER_LENGTH,
  ICMP_PARAMETER_PROBLEM,
  ICMPV6_PARAMETER_PROBLEM,
  icmpCode,
  icmpType,
  nextHopMtu,
  writeIcmp,
} from '../wire/icmp.ts';
import { IPV4_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, IPV6_MINIMUM_MTU } from '../wire/ipv6.ts';
import type { ParameterProblem } from '../wire/parameter-problem.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from '../wire/protocols.ts';
import { appendCopy } from './copy-bytes.ts';
import type { NetStackDrop } from './drops.ts';
import { IcmpErrorLimit } from './icmp-error-limit.ts';
import { type IcmpReportKind, icmpErrorKind } from './icmp-errors.ts';
import type { ReceivedHeader } from './ip-input.ts';
import type { IpHeaderInfo, IpLayer } from './ip-layer.ts';
import type { LocalAddresses } from './local-addresses.ts';
import { QuotedHeader, quotedLength, readQuote } from './quoted-header.ts';

const ECHO_REPLIES_PER_SECOND = 1000;
const ECHO_REPLY_BURST = 50;
const ECHO_BYTES_PER_SECOND = 1_000_000;
const ECHO_BYTES_BURST = 256 * 1024;

/** All of an error message to IPv4 (RFC 1812 §4.3.2.3). */
const IPV4_ERROR_LENGTH = 576;
const DEFAULT_TTL = 64;

/** Who is told about errors. Each is lent a packet that starts with the quoted transport header (8 bytes or more). */
export interface QuoteReceivers {
  /** Whether a socket of ours can have sent the quoted packet, and was told. */
  receiveError(packet: PacketBuffer, quoted: IpHeaderInfo, error: IcmpError, now: Instant): boolean;
  /** Whether an echo request for a host for which we stand in is answered in its name. */
  answersEcho(packet: PacketBuffer, header: ReceivedHeader, now: Instant): boolean;
}

/** One received error. One object, rewritten for each: copy to keep. */
export class IcmpError {
  kind: IcmpReportKind = 'unreachable';
  type = 0;
  code = 0;
  /** Of `too-big`: what the next link takes; 0 when the router does not say. */
  mtu = 0;
  /** The length of the quoted packet as the quote has it, which proves nothing. */
  quotedLength = 0;
  /** Where the address lies, in the packet's memory, of who reports the error. */
  reporter = 0;
}

/** Who waits for echo replies. */
export interface EchoReplyReceiver {
  /** Lent the packet, which starts with the ICMP header. Whether someone waits for it. */
  receiveEchoReply(packet: PacketBuffer, header: IpHeaderInfo, now: Instant): boolean;
}

export class Icmp {
  readonly #ip: IpLayer;
  readonly #addresses: LocalAddresses;
  readonly #drops: DropCounters<NetStackDrop>;
  readonly #pings: EchoReplyReceiver;
  readonly #sockets: QuoteReceivers;
  readonly #errorLimit: IcmpErrorLimit;
  readonly #echoCount = new TokenBucket(ECHO_REPLIES_PER_SECOND, ECHO_REPLY_BURST);
  readonly #echoBytes = new TokenBucket(ECHO_BYTES_PER_SECOND, ECHO_BYTES_BURST);
  readonly #quoted = new QuotedHeader();
  readonly #error = new IcmpError();

  constructor(
    ip: IpLayer,
    addresses: LocalAddresses,
    environment: Environment,
    drops: DropCounters<NetStackDrop>,
    pings: EchoReplyReceiver,
    sockets: QuoteReceivers,
  ) {
    this.#ip = ip;
    this.#addresses = addresses;
    this.#drops = drops;
    this.#pings = pings;
    this.#sockets = sockets;
    this.#errorLimit = new IcmpErrorLimit(environment);
  }

  receive(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void {
    const { version } = header;
    const fault = checkIcmp(packet.view, packet.start, packet.end, version, header.addresses);
    if (fault) {
      this.#drops.count(fault);
      return;
    }
    const type = icmpType(packet.view, packet.start);
    if (type === echoRequestType(version)) {
      if (!header.isForeign || this.#sockets.answersEcho(packet, header, now))
        this.#answerEcho(packet, header, now);
    } else if (type === echoReplyType(version)) {
      if (!this.#pings.receiveEchoReply(packet, header, now)) this.#drops.count('echo-reply-unknown');
    } else this.#receiveError(packet, header, now);
  }

  /**
   * Tells the sender of the received packet [header.start, packet.end) that it was not delivered, if the rules and the
   * limits of RFC 1122 §3.2.2 and RFC 4443 §2.4 allow it. `packet.start` is its upper layer's header.
   */
  sendError(packet: PacketBuffer, header: ReceivedHeader, type: number, code: number, now: Instant): void {
    if (!header.isForGroup) this.#sendError(packet, header, type, code, 0, now);
  }

  /** The same for a header that could not be processed. */
  sendProblem(packet: PacketBuffer, header: ReceivedHeader, problem: ParameterProblem, now: Instant): void {
    if (problem.code < 0 || (header.isForGroup && !problem.isForGroups)) return;
    const isIpv4 = header.version === 4;
    const type = isIpv4 ? ICMP_PARAMETER_PROBLEM : ICMPV6_PARAMETER_PROBLEM;
    const rest = isIpv4 ? problem.pointer << 24 : problem.pointer;
    this.#sendError(packet, header, type, problem.code, rest, now);
  }

  #sendError(
    packet: PacketBuffer,
    header: ReceivedHeader,
    type: number,
    code: number,
    rest: number,
    now: Instant,
  ): void {
    if (this.#isAboutError(packet, header)) return;
    if (this.#ip.congested) {
      this.#drops.count('congested');
      return;
    }
    if (!this.#errorLimit.allows(packet.memory, header.addresses, header.version, now)) {
      this.#drops.count('icmp-error-limit');
      return;
    }
    const most =
      header.version === 4
        ? IPV4_ERROR_LENGTH - IPV4_HEADER_LENGTH - ICMP_HEADER_LENGTH
        : IPV6_MINIMUM_MTU - IPV6_HEADER_LENGTH - ICMP_HEADER_LENGTH;
    const end = Math.min(packet.end, header.start + most);
    this.#reply(packet, header.start, end, header, type, code, rest, 0);
  }

  /** Errors beget no errors. Of ICMP only echoes deserve one, and what shows no type might be anything. */
  #isAboutError(packet: PacketBuffer, header: ReceivedHeader): boolean {
    if (header.protocol !== (header.version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6)) return false;
    return packet.length === 0 || icmpType(packet.view, packet.start) !== echoRequestType(header.version);
  }

  #answerEcho(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void {
    const { view, start, end, length } = packet;
    if (this.#ip.holdsBack(length)) {
      this.#drops.count('congested');
      return;
    }
    if (!this.#echoCount.has(1, now) || !this.#echoBytes.take(length, now)) {
      this.#drops.count('echo-limit');
      return;
    }
    this.#echoCount.take(1, now);
    const rest = (echoIdentifier(view, start) << 16) | echoSequence(view, start);
    const type = echoReplyType(header.version);
    this.#reply(packet, start + ICMP_HEADER_LENGTH, end, header, type, 0, rest, header.tos & 0xfc);
  }

  /** Sends a message that holds a copy of packet's [start, end) to where the packet came from. */
  #reply(
    packet: PacketBuffer,
    start: number,
    end: number,
    header: ReceivedHeader,
    type: number,
    code: number,
    rest: number,
    tos: number,
  ): void {
    const { version, addresses } = header;
    const size = version === 4 ? 4 : 16;
    const destination = IpAddress.readFrom(packet.memory, addresses, version);
    // Sent to a group: answered from an address of our own. Sent to loopback, or to who we stand in for: from there.
    const source =
      header.to ??
      (header.isForGroup
        ? this.#ip.sourceFor(destination)
        : IpAddress.readFrom(packet.memory, addresses + size, version));
    if (!source) return;
    const message = this.#ip.begin(version, ICMP_HEADER_LENGTH + end - start);
    const at = message.append(ICMP_HEADER_LENGTH);
    appendCopy(message, packet, start, end);
    const sum = version === 4 ? 0 : addressSum(source, destination);
    writeIcmp(message.view, at, message.end, version, type, code, rest, sum);
    const protocol = version === 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
    this.#ip.send(message, source, destination, protocol, DEFAULT_TTL, tos);
  }

  #receiveError(packet: PacketBuffer, header: ReceivedHeader, now: Instant): void {
    const { view, start } = packet;
    const error = this.#error;
    error.type = icmpType(view, start);
    error.code = icmpCode(view, start);
    error.reporter = header.addresses;
    const kind = icmpErrorKind(header.version, error.type, error.code);
    if (!kind) {
      this.#drops.count('icmp-ignored');
      return;
    }
    error.kind = kind;
    error.mtu = kind === 'too-big' ? nextHopMtu(view, start, header.version) : 0;
    packet.start = start + ICMP_HEADER_LENGTH;
    error.quotedLength = quotedLength(packet, header.version);
    const isOurs =
      readQuote(packet, header.version, this.#addresses, this.#quoted) &&
      this.#sockets.receiveError(packet, this.#quoted, error, now);
    if (!isOurs) this.#drops.count('icmp-quote');
  }
}
