// What comes out of a tunnel for hosts that are not in it, as somebody sees it who opens sockets to them.
import type { SocketAddress } from '../core/address.ts';
import { IpAddress } from '../core/address.ts';
import type { Driver } from '../core/driver.ts';
import type { ForeignGuard, ForeignVerdict as StackVerdict } from '../core/netstack/foreign.ts';
import type { ReceivedHeader } from '../core/netstack/ip-input.ts';
import type { NetStack } from '../core/netstack/netstack.ts';
import { PacketBuffer } from '../core/packet-buffer.ts';
import {
  echoIdentifier,
  echoSequence,
  ICMP_HEADER_LENGTH,
  ICMP_HOST_UNREACHABLE,
  ICMP_PROHIBITED,
  ICMPV6_ADDRESS_UNREACHABLE,
  ICMPV6_PROHIBITED,
} from '../core/wire/icmp.ts';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../core/wire/protocols.ts';
import { UDP_HEADER_LENGTH, udpDestinationPort, udpLength, udpSourcePort } from '../core/wire/udp.ts';

/** The stack's verdicts; and that a packet may not go there, or that there is no way. */
export type ForeignVerdict = Exclude<StackVerdict, number> | 'prohibit' | 'unreachable';

/** What a packet for another host wants there. */
export type ForeignKind = 'syn' | 'datagram' | 'echo';

/** Such a packet. Lent: of use only during the call. */
export interface ForeignPacket {
  readonly kind: ForeignKind;
  /** Of an echo request, `from.port` is its identifier and `to.port` its sequence number. */
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  /** A datagram's payload, or an echo request's; empty for a SYN. */
  readonly data: Uint8Array;
  /** Keeps a copy of it. What is said of that later counts as if the packet came then. */
  hold(): (verdict: ForeignVerdict) => void;
}

/** Decides; in its own time, where it holds. */
export type JudgeForeign = (packet: ForeignPacket) => ForeignVerdict;

const NOTHING = new Uint8Array(0);

export class ForeignTraffic implements ForeignGuard {
  readonly #stack: NetStack;
  readonly #driver: Driver;
  readonly #judge: JudgeForeign;
  /** What is said of the packet that is handed in a second time. */
  #verdict: ForeignVerdict | undefined;
  #isClosed = false;

  constructor({ stack, driver, judge }: { stack: NetStack; driver: Driver; judge: JudgeForeign }) {
    this.#stack = stack;
    this.#driver = driver;
    this.#judge = judge;
    stack.standIn(this);
  }

  judge(packet: PacketBuffer, header: ReceivedHeader): StackVerdict {
    const verdict = this.#verdict ?? this.#judge(this.#describe(packet, header));
    if (verdict === 'prohibit') return header.version === 4 ? ICMP_PROHIBITED : ICMPV6_PROHIBITED;
    if (verdict !== 'unreachable') return verdict;
    return header.version === 4 ? ICMP_HOST_UNREACHABLE : ICMPV6_ADDRESS_UNREACHABLE;
  }

  /** Sends a copy of `data` as if `from`, a host beyond the tunnel, had. What does not fit a UDP message is not sent. */
  sendDatagram(from: SocketAddress, to: SocketAddress, data: Uint8Array): void {
    if (this.#isClosed) return;
    this.#stack.sendUdpFor(from, to, data);
    this.#driver.settle();
  }

  /** Nothing is decided any more, and nothing that is held comes back. */
  close(): void {
    this.#isClosed = true;
    this.#stack.standIn(undefined);
  }

  #describe(packet: PacketBuffer, header: ReceivedHeader): ForeignPacket {
    const { memory, view, start, end } = packet;
    const { version, addresses, protocol } = header;
    const address = (offset: number) => IpAddress.readFrom(memory, addresses + offset, version);
    const ends = (from: number, to: number) => ({
      from: { address: address(0), port: from },
      to: { address: address(version === 4 ? 4 : 16), port: to },
      hold: () => this.#hold(memory.slice(header.start, end)),
    });
    const ports = () => ends(udpSourcePort(view, start), udpDestinationPort(view, start));
    if (protocol === PROTOCOL_TCP) return { kind: 'syn', data: NOTHING, ...ports() };
    if (protocol === PROTOCOL_UDP) {
      const data = memory.subarray(start + UDP_HEADER_LENGTH, start + udpLength(view, start));
      return { kind: 'datagram', data, ...ports() };
    }
    const data = memory.subarray(start + ICMP_HEADER_LENGTH, end);
    return { kind: 'echo', data, ...ends(echoIdentifier(view, start), echoSequence(view, start)) };
  }

  #hold(bytes: Uint8Array): (verdict: ForeignVerdict) => void {
    return (verdict) => {
      if (this.#isClosed) return;
      const packet = new PacketBuffer(
        { bytes, view: new DataView(bytes.buffer) },
        { start: 0, end: bytes.length },
      );
      packet.place(0, bytes.length);
      this.#verdict = verdict;
      try {
        this.#stack.receivePacket(packet, this.#driver.now());
      } finally {
        this.#verdict = undefined;
      }
      this.#driver.settle();
    };
  }
}
