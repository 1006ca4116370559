import { IpAddress, type SocketAddress } from '../../../../src/core/address.ts';
import type { CryptoSuite } from '../../../../src/core/crypto/suite.ts';
import type { Environment } from '../../../../src/core/environment.ts';
import type { IpHeaderInfo, IpLayer } from '../../../../src/core/netstack/ip-layer.ts';
import { type EngineMemory, PacketBuffer, plainMemory } from '../../../../src/core/packet-buffer.ts';
import { PROTOCOL_TCP } from '../../../../src/core/wire/protocols.ts';
import { sipHash24 } from '../../../reference/siphash.ts';
import { SeededRandom } from '../../../support/random.ts';

const HEADROOM = 128;
const SLOT = 16_384;

/** An Environment whose suite can only hash: all that TCP asks of it. */
export function hashEnvironment(seed: number, memory: EngineMemory = plainMemory(4 * SLOT, 16)): Environment {
  const random = new SeededRandom(seed);
  const sipHash = (key: Uint8Array, message: Uint8Array): [number, number] => {
    const hash = sipHash24(key, message);
    return [Number(hash & 0xffffffffn), Number(hash >> 32n)];
  };
  return {
    crypto: { sipHash } as unknown as CryptoSuite,
    memory,
    fillRandom: random.fill,
    wallClock: () => 0,
  };
}

/** What left through a FakeIp: a lent segment, and the header that would have stood before it. */
export type Outlet = (segment: PacketBuffer, header: IpHeaderInfo) => void;

/**
 * The IP layer as TCP sees it, without IP: whatever is sent goes to `outlet`, with both addresses written before the
 * segment, as in a real packet.
 */
export class FakeIp implements IpLayer {
  mtu: number;
  congested = false;
  /** Payload up to this length leaves although it is congested. */
  takesUpTo = -1;
  outlet: Outlet = () => {};
  /** What the last packet was marked with. */
  lastFlowLabel = 0;
  readonly #own: IpAddress[];
  readonly #slot: PacketBuffer;
  readonly #header: IpHeaderInfo = { version: 4, addresses: 0, protocol: PROTOCOL_TCP, ttl: 64, tos: 0 };

  constructor(own: IpAddress[], memory: EngineMemory, mtu = 1420) {
    this.#own = own;
    this.mtu = mtu;
    this.#slot = new PacketBuffer(memory, { start: memory.slots.start, end: memory.slots.start + SLOT });
  }

  holdsBack(length: number): boolean {
    return this.congested && length > this.takesUpTo;
  }

  begin(_version: 4 | 6): PacketBuffer {
    this.#slot.reset(HEADROOM);
    return this.#slot;
  }

  send(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    _protocol = PROTOCOL_TCP,
    _ttl = 64,
    tos = 0,
    flowLabel = 0,
  ): void {
    this.lastFlowLabel = flowLabel;
    const { size } = source;
    const length = packet.length + (size === 4 ? 20 : 40);
    if (length > this.mtu) throw new Error(`a packet of ${length} bytes for an MTU of ${this.mtu}`);
    const at = packet.start - 2 * size;
    source.writeTo(packet.view, at);
    destination.writeTo(packet.view, at + size);
    this.#header.version = source.version;
    this.#header.addresses = at;
    this.#header.tos = tos;
    this.outlet(packet, this.#header);
  }

  pathMtu(): number {
    return this.mtu;
  }

  loopBack(): void {}

  lowerPathMtu(): boolean {
    return false;
  }

  flowLabel(source: IpAddress): number {
    return source.version === 6 ? 1 : 0;
  }

  sourceFor(destination: IpAddress): IpAddress | undefined {
    return this.#own.find((address) => address.version === destination.version);
  }

  isLocal(address: IpAddress): boolean {
    return this.#own.some((own) => own.equals(address));
  }

  answersFor(address: IpAddress): boolean {
    return this.isLocal(address);
  }

  isUnicast(): boolean {
    return true;
  }

  hasRoute(): boolean {
    return true;
  }
}

export function address(text: string): IpAddress {
  return IpAddress.parse(text)!;
}

export function socketAddress(text: string, port: number): SocketAddress {
  return { address: address(text), port };
}
