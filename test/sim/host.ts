import type { IpAddress, IpPrefix } from '../../src/core/address.ts';
import type { CryptoSuite } from '../../src/core/crypto/suite.ts';
import type { Environment } from '../../src/core/environment.ts';
import { NetStack } from '../../src/core/netstack/netstack.ts';
import type { TcpLayerOptions } from '../../src/core/netstack/tcp/tcp-layer.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import { hashEnvironment } from '../core/netstack/tcp/fake-ip.ts';
import { icmp, ipPacket } from '../support/packets.ts';
import { kindOf, protocolOf, transportStart, transportSum, versionOf } from './link.ts';

const HEADROOM = 64;
const PROTOCOL_TCP = 6;
/** An ICMP error quotes so much at least. */
const QUOTE = 64;
/** Two addresses and two ports: what initial sequence numbers and timestamps are hashed from; cookies have more. */
const NUMBER_MESSAGES = [12, 36];
/** Of the initial sequence numbers' clock, per ms. */
const ISN_TICKS = 250;

/** For so long, at the end of every `every` ms, nothing runs: what arrives is seen, and what is due done, afterwards. */
export interface Naps {
  every: number;
  length: number;
}

export interface HostOptions {
  name: string;
  seed: number;
  prefixes: IpPrefix[];
  mtu: number;
  /** Of every connection; undefined: as the stack chooses. */
  isn: number | undefined;
  clock: () => number;
  naps?: Naps | undefined;
  tcp?: TcpLayerOptions | undefined;
}

/** Since when nothing whole has come of a connection's peer, how many segments have left for it since, and the last when. */
export interface Silence {
  since: number;
  sent: number;
  sentAt: number;
}

/** A whole stack, what leaves it, and what must hold for everything that does. */
export class Host {
  readonly name: string;
  readonly stack: NetStack;
  /** Told of each packet that is looked at, which may be long after it came. */
  inlet: (bytes: Uint8Array) => void = () => {};
  /** Takes a copy of each packet that leaves. */
  outlet: (bytes: Uint8Array) => void = () => {};
  /** Of each connection, what was heard of its peer and when, by ports. */
  readonly #silences = new Map<string, Silence>();
  congested = false;
  /** What must not be answered is being delivered. */
  #unanswerable: string | undefined;
  /** Counts only while a packet is being delivered. */
  #sentSinceArrival = Number.NEGATIVE_INFINITY;
  readonly #incoming: PacketBuffer;
  readonly #naps: Naps | undefined;
  readonly #clock: () => number;
  /** What came while nothing ran. */
  readonly #mail: Uint8Array[] = [];
  readonly addresses: IpAddress[];

  constructor({ name, seed, prefixes, mtu, isn, clock, naps, tcp = {} }: HostOptions) {
    this.name = name;
    this.#naps = naps;
    this.#clock = clock;
    this.addresses = prefixes.map(({ address }) => address);
    const memory = plainMemory(32_768, 16);
    const environment = withIsn(hashEnvironment(seed, memory), isn, clock);
    this.#incoming = new PacketBuffer(memory, { start: 0, end: 16_384 });
    const isCongested = () => this.congested;
    this.stack = new NetStack({ addresses: prefixes, mtu, tcp }, environment, {
      sendPacket: (packet) => this.#send(packet.memory.slice(packet.start, packet.end), mtu),
      hasRoute: () => true,
      get congested() {
        return isCongested();
      },
    });
  }

  /** When it runs again; `now` or before: it does. */
  wakesAt(now: number): number {
    if (!this.#naps) return now;
    const { every, length } = this.#naps;
    const phase = now % every;
    return phase > every - length ? now + every - phase : now;
  }

  get hasMail(): boolean {
    return this.#mail.length > 0;
  }

  /** Looks first at what has come, as whoever wakes up must. */
  wake(now: number): void {
    if (this.#mail.length > 0 && this.wakesAt(now) <= now)
      for (const bytes of this.#mail.splice(0)) this.receive(bytes, now);
  }

  /** A packet from the network; it becomes ours. */
  receive(bytes: Uint8Array, now: number): void {
    if (this.wakesAt(now) > now) {
      this.#mail.push(bytes);
      return;
    }
    this.inlet(bytes);
    const kind = kindOf(bytes);
    this.#unanswerable = kind === 'rst' ? 'a reset' : isIcmpError(bytes) ? 'an ICMP error' : undefined;
    this.#sentSinceArrival = 0;
    this.#hear(bytes, now);
    this.#incoming.copyFrom(bytes, 0, bytes.length, HEADROOM);
    this.stack.receivePacket(this.#incoming, now);
    this.#unanswerable = undefined;
    this.#sentSinceArrival = Number.NEGATIVE_INFINITY;
  }

  /** What has been heard, or not, of the peer of a connection between these ports. */
  silenceOf(localPort: number, remotePort: number): Silence {
    const key = `${localPort} ${remotePort}`;
    let silence = this.#silences.get(key);
    if (!silence)
      this.#silences.set(key, (silence = { since: this.#clock(), sent: 0, sentAt: this.#clock() }));
    return silence;
  }

  /** Takes note of what has come whole. */
  #hear(bytes: Uint8Array, now: number): void {
    if (protocolOf(bytes) !== PROTOCOL_TCP) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (transportSum(view) !== 0xffff) return;
    const start = transportStart(bytes);
    const silence = this.silenceOf(view.getUint16(start + 2), view.getUint16(start));
    silence.since = now;
    silence.sent = 0;
  }

  #send(bytes: Uint8Array, mtu: number): void {
    this.#sentSinceArrival++;
    this.#checkAnswer(bytes);
    if (bytes.length > mtu) throw new Error(`${this.name}: a packet of ${bytes.length} for an MTU of ${mtu}`);
    const view = new DataView(bytes.buffer);
    if (transportSum(view) !== 0xffff) throw new Error(`${this.name}: sent a wrong checksum`);
    if (protocolOf(bytes) === PROTOCOL_TCP) {
      const start = transportStart(bytes);
      const silence = this.silenceOf(view.getUint16(start), view.getUint16(start + 2));
      silence.sent++;
      silence.sentAt = this.#clock();
    }
    this.outlet(bytes);
  }

  /** Nothing answers a reset or an ICMP error with another; nothing answers one packet with a flood. */
  #checkAnswer(bytes: Uint8Array): void {
    const isError = kindOf(bytes) === 'rst' || isIcmpError(bytes);
    if (this.#unanswerable && isError) throw new Error(`${this.name}: answered ${this.#unanswerable}`);
    if (this.#sentSinceArrival > 100) throw new Error(`${this.name}: a hundred packets because of one`);
  }
}

/** A router's word that the packet was too large (RFC 1191 §4, RFC 4443 §3.2). */
export function packetTooBig(bytes: Uint8Array, mtu: number, router: [string, string]): Uint8Array {
  const source = sourceOf(bytes);
  const data = bytes.slice(0, QUOTE);
  if (versionOf(bytes) === 4) {
    const message = icmp({ source: router[0], destination: source, type: 3, code: 4, rest: mtu, data });
    return ipPacket(router[0], source, 1, message);
  }
  const message = icmp({ source: router[1], destination: source, type: 2, rest: mtu, data });
  return ipPacket(router[1], source, 58, message);
}

function sourceOf(bytes: Uint8Array): string {
  if (versionOf(bytes) === 4) return bytes.subarray(12, 16).join('.');
  return Array.from({ length: 8 }, (_, i) =>
    ((bytes[8 + 2 * i]! << 8) | bytes[9 + 2 * i]!).toString(16),
  ).join(':');
}

function isIcmpError(bytes: Uint8Array): boolean {
  const protocol = protocolOf(bytes);
  if (protocol === 1) return [3, 4, 5, 11, 12].includes(bytes[20]!);
  return protocol === 58 && bytes[40]! < 128;
}

/**
 * A first initial sequence number that is exactly `isn`, and timestamps that soon pass 2^31. Both are told apart by
 * their keys: the sequence number's is used first.
 */
function withIsn(environment: Environment, isn: number | undefined, clock: () => number): Environment {
  if (isn === undefined) return environment;
  let sequenceKey: Uint8Array | undefined;
  let offset = 0;
  const sipHash = (key: Uint8Array, message: Uint8Array) => {
    if (!NUMBER_MESSAGES.includes(message.length)) return environment.crypto.sipHash(key, message);
    // RFC 9293 §3.4.1: the clock will be added.
    if (!sequenceKey) offset = isn - Math.floor(clock() * ISN_TICKS);
    sequenceKey ??= key;
    return [(key === sequenceKey ? offset : 2 ** 31 - 1500) >>> 0, 0];
  };
  return { ...environment, crypto: { sipHash } as unknown as CryptoSuite };
}
