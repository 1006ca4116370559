import type { IpAddress } from '../address.ts';
import type { PacketBuffer } from '../packet-buffer.ts';

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
  /**
   * The one outgoing packet, emptied, with room before it for the headers below. The transport appends its header and
   * payload and passes it to `send` before it asks again. Whoever may need more than the MTU allows says so by
   * `length` (header and payload, at most 65,535) and is fragmented.
   */
  begin(version: 4 | 6, length?: number): PacketBuffer;
  /** Prepends the IP header and sends. The transport's checksum is already in place. */
  send(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    tos: number,
  ): void;
  /** Our address that suits the destination, or undefined when there is none of its family. */
  sourceFor(destination: IpAddress): IpAddress | undefined;
  isLocal(address: IpAddress): boolean;
  /** Whether it can be the address of one host: neither a group's, nor everybody's, nor nobody's. */
  isUnicast(address: IpAddress): boolean;
  /** Whether some peer's allowed IPs cover the address (or it is our own). */
  hasRoute(address: IpAddress): boolean;
}
