import type { IpAddress } from '../address.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import type { Instant } from '../time.ts';

/** What the IP layer tells a transport about a received packet. One object, rewritten for each packet: copy to keep. */
export interface IpHeaderInfo {
  version: 4 | 6;
  /** Where the source address lies in the packet's memory; the destination address follows it directly. */
  addresses: number;
  protocol: number;
  ttl: number;
  /** DSCP and ECN bits: IPv4's TOS, IPv6's traffic class. */
  tos: number;
}

/** What a transport (TCP, UDP, ICMP) may ask of IP. */
export interface IpLayer {
  /** Of the tunnel, in bytes of whole inner packet. */
  readonly mtu: number;
  /** While true, TCP holds its data back: the way out is full. ACKs may still leave. */
  readonly congested: boolean;
  /** Whether so many bytes of payload wait for that: what is short need not, while there is room for that. */
  holdsBack(length: number): boolean;
  /**
   * The one outgoing packet, emptied, with room before it for the headers below. The transport appends its header and
   * payload and passes it to `send` before it asks again. Whoever may need more than the MTU allows says so by
   * `length` (header and payload, at most 65,535) and is fragmented.
   */
  begin(version: 4 | 6, length?: number): PacketBuffer;
  /**
   * Prepends the IP header and sends. The transport's checksum is already in place. What is longer than the path's MTU
   * goes in fragments, unless it `staysWhole`: TCP's segments, which are cut to measure, and what is to find out what
   * the path carries.
   */
  send(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    tos: number,
    flowLabel?: number,
    staysWhole?: boolean,
  ): void;
  /** Lets ourselves have a copy of what goes to a group that we belong to; `packet` stays as it is, to be sent. */
  loopBack(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    tos: number,
  ): void;
  /** What the way to `destination` carries as far as is known, in bytes of whole packet: `mtu` or less. */
  pathMtu(destination: IpAddress): number;
  /**
   * A router said that a packet of `sent` bytes, which we did send to `destination`, is too big for a link of `claimed`
   * (0: it does not say). True if the path's MTU is smaller now than it was known to be.
   */
  lowerPathMtu(destination: IpAddress, claimed: number, sent: number, now: Instant): boolean;
  /** What all packets of one flow are marked with in IPv6 (RFC 6437); 0 in IPv4. */
  flowLabel(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    sourcePort: number,
    destinationPort: number,
  ): number;
  /** Our address that suits the destination, or undefined when there is none of its family. */
  sourceFor(destination: IpAddress): IpAddress | undefined;
  isLocal(address: IpAddress): boolean;
  /** Whether packets to it are answered here: as local ones, and those to hosts for which we stand in. */
  answersFor(address: IpAddress): boolean;
  /** Whether it can be the address of one host: neither a group's, nor everybody's, nor nobody's. */
  isUnicast(address: IpAddress): boolean;
  /** Whether some peer's allowed IPs cover the address (or it is our own). */
  hasRoute(address: IpAddress): boolean;
}
