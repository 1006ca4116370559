import type { SocketAddress } from '../../address.ts';
import type { PacketBuffer } from '../../packet-buffer.ts';
import { addressSum, fold, sum16 } from '../../wire/checksum.ts';
import { PROTOCOL_TCP } from '../../wire/protocols.ts';
import {
  ACK,
  CHECKSUM_OFFSET,
  ECE,
  RST,
  SYN,
  type SynOptions,
  synOptionsLength,
  TCP_HEADER_LENGTH,
  type TcpSegment,
  TIMESTAMPS_LENGTH,
  writeSynOptions,
  writeTcpHeader,
  writeTimestamps,
} from '../../wire/tcp.ts';
import type { IpLayer } from '../ip-layer.ts';
import { add } from './sequence.ts';

/** What a segment that belongs to no control block says. */
export interface BareSegment {
  sequence: number;
  acknowledgment: number;
  /** The window field. */
  window: number;
  /** Our timestamp and the echo, in a segment that has them. */
  timestamps?: { tsVal: number; tsEcr: number } | undefined;
  ttl?: number;
  tos?: number;
}

/** Segments without text from no connection, from one that is not there yet, or from what is left of one. */
export class BareSegments {
  readonly #ip: IpLayer;

  constructor(ip: IpLayer) {
    this.#ip = ip;
  }

  /** The answer of RFC 9293 §3.10.7.1 to a segment that is nobody's; it was no reset itself. */
  resetAnswering(local: SocketAddress, remote: SocketAddress, segment: TcpSegment): void {
    if (segment.has(ACK)) {
      this.reset(local, remote, segment.acknowledgment);
      return;
    }
    const acknowledgment = add(segment.sequence, segment.length);
    this.#emit(local, remote, RST | ACK, { sequence: 0, acknowledgment, window: 0 });
  }

  /** `<SEQ=sequence, RST>`. */
  reset(local: SocketAddress, remote: SocketAddress, sequence: number): void {
    this.#emit(local, remote, RST, { sequence, acknowledgment: 0, window: 0 });
  }

  acknowledge(local: SocketAddress, remote: SocketAddress, bare: BareSegment): void {
    this.#emit(local, remote, ACK, bare);
  }

  /** SYN|ACK, with ECE when both speak ECN; the timestamps stand in the options. */
  synAck(
    local: SocketAddress,
    remote: SocketAddress,
    bare: BareSegment,
    options: SynOptions,
    ecn: boolean,
  ): void {
    const length = TCP_HEADER_LENGTH + synOptionsLength(options);
    const packet = this.#begin(local, remote, SYN | ACK | (ecn ? ECE : 0), bare, length);
    writeSynOptions(packet.view, packet.end - length + TCP_HEADER_LENGTH, options);
    this.#send(packet, local, remote, bare);
  }

  #emit(local: SocketAddress, remote: SocketAddress, flags: number, bare: BareSegment): void {
    const { timestamps } = bare;
    const length = TCP_HEADER_LENGTH + (timestamps ? TIMESTAMPS_LENGTH : 0);
    const packet = this.#begin(local, remote, flags, bare, length);
    const options = packet.end - length + TCP_HEADER_LENGTH;
    if (timestamps) writeTimestamps(packet.view, options, timestamps.tsVal, timestamps.tsEcr);
    this.#send(packet, local, remote, bare);
  }

  #begin(
    local: SocketAddress,
    remote: SocketAddress,
    flags: number,
    bare: BareSegment,
    length: number,
  ): PacketBuffer {
    const packet = this.#ip.begin(remote.address.version);
    const at = packet.append(length);
    const { sequence, acknowledgment, window } = bare;
    writeTcpHeader(packet.view, at, local.port, remote.port, sequence, acknowledgment, length, flags, window);
    return packet;
  }

  #send(packet: PacketBuffer, local: SocketAddress, remote: SocketAddress, bare: BareSegment): void {
    const pseudo = fold(addressSum(local.address, remote.address) + PROTOCOL_TCP + packet.length);
    const sum = sum16(packet.view, packet.start, packet.end, pseudo);
    packet.view.setUint16(packet.start + CHECKSUM_OFFSET, ~sum & 0xffff);
    this.#ip.send(packet, local.address, remote.address, PROTOCOL_TCP, bare.ttl ?? 64, bare.tos ?? 0);
  }
}
