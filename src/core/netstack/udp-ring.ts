import { IpAddress, type SocketAddress } from '../address.ts';
import type { Instant } from '../time.ts';

/** Of received messages that nobody has taken yet, in bytes. */
export const UDP_RECEIVE_BYTES = 256 * 1024;
/** What a message costs beside its data, so that empty ones fill it too. */
export const UDP_MESSAGE_OVERHEAD = 32;

/** A received message. */
export interface UdpMessage {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly remote: SocketAddress;
  /** What was left of the sender's TTL, or hop limit. */
  readonly ttl: number;
  /** DSCP and ECN bits. */
  readonly tos: number;
  /** When it came. */
  readonly at: Instant;
}

const LEAST_CAPACITY = 4096;

// A record: this header, then the data. Either may go on at the beginning of the ring.
/** The data's, and a bit that says that the address is of IPv6. */
const LENGTH = 0;
const IPV6_BIT = 0x8000_0000;
const PORT = 4;
const TTL = 6;
const TOS = 7;
const AT = 8;
const ADDRESS = 16;

const header = new Uint8Array(UDP_MESSAGE_OVERHEAD);
const headerView = new DataView(header.buffer);

/**
 * Received messages, oldest first, as bytes in a ring: what they hold of memory is what they are counted as. It grows as
 * they come, and there is none while there are no messages.
 */
export class UdpRing {
  #bytes: Uint8Array | undefined;
  #head = 0;
  #used = 0;
  /** The remote of the last message taken, so that a stream of them from one place shares one object. */
  #remote: SocketAddress | undefined;

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** Whether there is room for a message of `length` bytes. */
  hasRoom(length: number): boolean {
    return this.#used + UDP_MESSAGE_OVERHEAD + length <= UDP_RECEIVE_BYTES;
  }

  /** Takes a copy of memory[start, end), from the address at `address`. There must be room. */
  push(
    memory: Uint8Array,
    start: number,
    end: number,
    version: 4 | 6,
    address: number,
    port: number,
    ttl: number,
    tos: number,
    at: Instant,
  ): void {
    this.#reserve(UDP_MESSAGE_OVERHEAD + end - start);
    headerView.setUint32(LENGTH, (end - start) | (version === 6 ? IPV6_BIT : 0));
    headerView.setUint16(PORT, port);
    header[TTL] = ttl;
    header[TOS] = tos;
    headerView.setFloat64(AT, at);
    for (let i = 0; i < (version === 4 ? 4 : 16); i++) header[ADDRESS + i] = memory[address + i]!;
    this.#write(header, 0, UDP_MESSAGE_OVERHEAD);
    this.#write(memory, start, end);
  }

  shift(): UdpMessage | undefined {
    if (this.isEmpty) return undefined;
    this.#read(header);
    const at = headerView.getFloat64(AT);
    const data = new Uint8Array(headerView.getUint32(LENGTH) & ~IPV6_BIT);
    this.#read(data);
    if (this.#used === 0) this.#bytes = undefined;
    return { data, remote: this.#remoteOf(), ttl: header[TTL]!, tos: header[TOS]!, at };
  }

  /** From the header that was read last. */
  #remoteOf(): SocketAddress {
    const port = headerView.getUint16(PORT);
    const version = headerView.getInt32(LENGTH) < 0 ? 6 : 4;
    const last = this.#remote;
    if (last?.port === port && last.address.version === version && last.address.equalsAt(header, ADDRESS))
      return last;
    this.#remote = { address: IpAddress.readFrom(header, ADDRESS, version), port };
    return this.#remote;
  }

  #reserve(more: number): void {
    const needed = this.#used + more;
    const capacity = this.#bytes?.length ?? 0;
    if (needed <= capacity) return;
    let enough = Math.max(capacity, LEAST_CAPACITY);
    while (enough < needed) enough *= 2;
    const bytes = new Uint8Array(enough);
    const used = this.#used;
    if (this.#bytes) this.#read(bytes.subarray(0, used));
    this.#bytes = bytes;
    this.#head = 0;
    this.#used = used;
  }

  #write(from: Uint8Array, start: number, end: number): void {
    const ring = this.#bytes!;
    const tail = (this.#head + this.#used) % ring.length;
    const first = Math.min(end - start, ring.length - tail);
    ring.set(from.subarray(start, start + first), tail);
    ring.set(from.subarray(start + first, end), 0);
    this.#used += end - start;
  }

  #read(target: Uint8Array): void {
    const ring = this.#bytes!;
    const { length } = target;
    const first = Math.min(length, ring.length - this.#head);
    target.set(ring.subarray(this.#head, this.#head + first));
    target.set(ring.subarray(0, length - first), first);
    this.#head = (this.#head + length) % ring.length;
    this.#used -= length;
  }
}
