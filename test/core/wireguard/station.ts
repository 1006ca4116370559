import { IpPrefix } from '../../../src/core/address.ts';
import { RawIdentity, type StaticIdentity } from '../../../src/core/crypto/identity.ts';
import type { AeadKey, CryptoSuite } from '../../../src/core/crypto/suite.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { type EngineMemory, PacketBuffer, plainMemory } from '../../../src/core/packet-buffer.ts';
import type { Instant, Millis, Pollable } from '../../../src/core/time.ts';
import {
  Device,
  type DeviceEvent,
  type PeerConfig,
  type SendVerdict,
} from '../../../src/core/wireguard/device.ts';
import { RememberingSuite } from '../../reference/remembering-suite.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { SeededRandom } from '../../support/random.ts';

/** What an attacker could make expensive. */
export interface Expenses {
  dhCount: number;
  /** Session keys that exist. */
  keyCount: number;
}

/** A suite and the memory that it works in. */
export type Suite = CryptoSuite & { readonly memory: EngineMemory };

/** Makes a suite count. */
export function counting(suite: Suite): Suite & Expenses {
  const importKey = suite.importKey.bind(suite);
  const dh = suite.dh.bind(suite);
  const counted = Object.assign(suite, { dhCount: 0, keyCount: 0 });
  counted.importKey = (key: Uint8Array): AeadKey | undefined => {
    const imported = importKey(key);
    if (!imported) return undefined;
    counted.keyCount++;
    const { destroy } = imported;
    imported.destroy = () => {
      counted.keyCount--;
      destroy.call(imported);
    };
    return imported;
  };
  counted.dh = (privateKey, peer) => {
    counted.dhCount++;
    return dh(privateKey, peer);
  };
  return counted;
}

export interface SentDatagram {
  at: Instant;
  bytes: Uint8Array;
  to: Endpoint;
}

export interface StationOptions {
  seed?: number;
  mtu?: number;
  lastTimestamp?: Uint8Array;
  identity?: (raw: RawIdentity) => StaticIdentity;
  slotBytes?: number;
  /** Instead of the slow twin on memory of its own. */
  crypto?: Suite;
  privateKey?: Uint8Array;
}

/** A device with everything around it: keys, memory, chance, and a record of what it does. */
export class Station implements Pollable {
  readonly clock: FakeClock;
  readonly crypto: Suite & Expenses;
  readonly privateKey: Uint8Array;
  readonly identity: StaticIdentity;
  readonly device: Device;
  readonly sent: SentDatagram[] = [];
  readonly delivered: Uint8Array[] = [];
  readonly events: DeviceEvent[] = [];
  /** What the jitters will be, several in turn; undefined: random. */
  jitter: Millis | Millis[] | undefined = 0;
  /** Bytes that are drawn before random ones, by their length: 4 an index (big-endian), 32 an ephemeral key. */
  readonly draws: Uint8Array[] = [];
  /** Where datagrams go besides the record. */
  transmit: (bytes: Uint8Array, to: Endpoint) => void = () => {};
  readonly #datagram: PacketBuffer;
  readonly #packet: PacketBuffer;

  constructor(clock: FakeClock, options: StationOptions = {}) {
    const random = new SeededRandom(options.seed ?? 1);
    this.clock = clock;
    this.crypto = counting(options.crypto ?? new RememberingSuite(plainMemory(options.slotBytes ?? 1 << 19)));
    const { memory } = this.crypto;
    const privateKey = random.bytes(32);
    this.privateKey = options.privateKey ?? privateKey;
    const raw = new RawIdentity(this.privateKey, this.crypto);
    this.identity = options.identity?.(raw) ?? raw;
    const fillRandom = (bytes: Uint8Array) => {
      // Jitter is drawn 128 values at a time.
      if (bytes.length === 256 && this.jitter !== undefined) {
        const jitters = [this.jitter].flat();
        const drawn = new Uint16Array(bytes.buffer, bytes.byteOffset, 128);
        for (let n = 0; n < 128; n++) drawn[n] = jitters[n % jitters.length]!;
        return;
      }
      random.fill(bytes);
      const wanted = this.draws.findIndex((draw) => draw.length === bytes.length);
      if (wanted >= 0) bytes.set(this.draws.splice(wanted, 1)[0]!);
    };
    this.device = new Device(
      {
        identity: this.identity,
        mtu: options.mtu ?? 1420,
        ...(options.lastTimestamp && { lastTimestamp: options.lastTimestamp }),
      },
      { crypto: this.crypto, memory, fillRandom, wallClock: clock.wallClock },
      {
        sendDatagram: (datagram, to) => {
          const bytes = datagram.memory.slice(datagram.start, datagram.end);
          this.sent.push({ at: clock.now, bytes, to });
          this.transmit(bytes, to);
        },
        deliverPacket: (packet) => this.delivered.push(packet.memory.slice(packet.start, packet.end)),
        notify: (event) => this.events.push(event),
      },
    );
    this.#datagram = new PacketBuffer(memory, memory.ingress);
    this.#packet = new PacketBuffer(memory, memory.egress);
  }

  get publicKey(): Uint8Array {
    return this.identity.publicKey;
  }

  addPeer(publicKey: Uint8Array, config: Partial<PeerConfig> & { routes?: string } = {}) {
    const { routes = '10.0.0.0/8', ...rest } = config;
    const allowedIps = routes === '' ? [] : routes.split(' ').map((text) => IpPrefix.parse(text)!);
    return this.device.addPeer({ publicKey, allowedIps, persistentKeepalive: 0, ...rest }, this.clock.now);
  }

  receive(bytes: Uint8Array, from: Endpoint): void {
    this.#datagram.copyFrom(bytes, 0, bytes.length, 4);
    this.device.receiveDatagram(this.#datagram, from, this.clock.now);
  }

  send(packet: Uint8Array): SendVerdict {
    this.#packet.copyFrom(packet, 0, packet.length, 32);
    return this.device.sendPacket(this.#packet, this.clock.now);
  }

  pollAt(): Instant {
    return this.device.pollAt();
  }

  poll(now: Instant): void {
    this.device.poll(now);
  }

  run(duration: Millis): void {
    this.clock.run(duration, this);
  }

  runUntil(instant: Instant): void {
    this.clock.runUntil(instant, this);
  }

  /** Takes out what was sent since the last time, as type and size. */
  takeSent(): SentDatagram[] {
    return this.sent.splice(0);
  }

  drops(): Record<string, number> {
    return this.device.status(this.clock.now).drops;
  }

  status() {
    return this.device.status(this.clock.now);
  }

  count(type: DeviceEvent['type']): number {
    return this.events.filter((event) => event.type === type).length;
  }
}

/** What kind of datagram it is, in words. */
export function kindOf({ bytes }: { bytes: Uint8Array }): string {
  const kind = ['', 'initiation', 'response', 'cookie reply', 'data'][bytes[0]!]!;
  return kind === 'data' && bytes.length === 32 ? 'keepalive' : kind;
}

/** An IPv4 packet (or IPv6, if the addresses are) of `size` bytes, filled with `mark`. */
export function makePacket(source: string, destination: string, size = 84, mark = 0x5a): Uint8Array {
  const packet = new Uint8Array(size).fill(mark);
  const from = IpPrefix.parse(source)!.address;
  const to = IpPrefix.parse(destination)!.address;
  const view = new DataView(packet.buffer);
  if (from.version === 4) {
    packet[0] = 0x45;
    view.setUint16(2, size);
    packet.set(from.bytes, 12);
    packet.set(to.bytes, 16);
  } else {
    packet[0] = 0x60;
    view.setUint16(4, size - 40);
    packet.set(from.bytes, 8);
    packet.set(to.bytes, 24);
  }
  return packet;
}
