import { type IpAddress, IpPrefix } from '../../src/core/address.ts';
import type { Environment } from '../../src/core/environment.ts';
import { NetStack } from '../../src/core/netstack/netstack.ts';
import { PacketBuffer } from '../../src/core/packet-buffer.ts';
import type { Instant } from '../../src/core/time.ts';
import { NobleSuite } from '../reference/noble-suite.ts';
import { SeededRandom } from './random.ts';

export const OUR_V4 = '10.0.0.2';
export const OUR_V6 = 'fd00::2';
export const PEER_V4 = '10.0.0.1';
export const PEER_V6 = 'fd00::1';

/** A stack by itself: what it is given is chosen by the test, what it sends is kept. */
export class LoneStack {
  readonly stack: NetStack;
  /** Copies of the packets that left, in order. */
  readonly sent: Uint8Array[] = [];
  now: Instant = 1000;
  congested = false;
  takesShort = false;
  readonly environment: Environment;
  readonly #packet: PacketBuffer;

  constructor(
    options: {
      addresses?: string[];
      mtu?: number;
      seed?: number;
      hasRoute?: (address: IpAddress) => boolean;
    } = {},
  ) {
    const crypto = new NobleSuite();
    const random = new SeededRandom(options.seed ?? 1);
    this.environment = { crypto, memory: crypto.memory, fillRandom: random.fill, wallClock: () => 0 };
    this.#packet = new PacketBuffer(crypto.memory, crypto.memory.ingress);
    const addresses = (options.addresses ?? [`${OUR_V4}/24`, `${OUR_V6}/64`]).map(
      (text) => IpPrefix.parse(text)!,
    );
    const lone = this;
    this.stack = new NetStack({ addresses, mtu: options.mtu ?? 1420 }, this.environment, {
      sendPacket: (packet) => {
        // What the tunnel needs around a packet to seal it in place.
        if (packet.start - packet.slot.start < 16 || packet.slot.end - packet.end < 32)
          throw new Error('no room around the packet');
        if (packet.memory !== crypto.memory.bytes) throw new Error('packet outside the engine’s memory');
        this.sent.push(packet.memory.slice(packet.start, packet.end));
      },
      hasRoute: options.hasRoute ?? (() => true),
      get congested() {
        return lone.congested;
      },
      get takesShort() {
        return lone.takesShort;
      },
    });
  }

  /** Hands in one packet, and nothing else. */
  receive(bytes: Uint8Array): void {
    this.#packet.copyFrom(bytes, 0, bytes.length, 16);
    this.stack.receivePacket(this.#packet, this.now);
  }

  /** Everything that is due now. */
  poll(): void {
    this.stack.poll(this.now);
  }

  /** Hands in the packets, polls, and returns what was sent because of them. */
  exchange(...packets: Uint8Array[]): Uint8Array[] {
    for (const packet of packets) this.receive(packet);
    this.poll();
    return this.take();
  }

  /** What was sent since the last time. */
  take(): Uint8Array[] {
    return this.sent.splice(0);
  }

  /** What was refused, by reason. */
  get drops(): Record<string, number> {
    return this.stack.drops.toRecord();
  }
}
