import { IpAddress, IpPrefix } from '../../src/core/address.ts';
import { NetStack } from '../../src/core/netstack/netstack.ts';
import type { TcpLayerOptions } from '../../src/core/netstack/tcp/tcp-layer.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import { hashEnvironment } from '../core/netstack/tcp/fake-ip.ts';
import { type LivePacket, readPacket } from './live-packet.ts';
import type { Settings } from './settings.ts';

/** Where the stack's own slot is, at the end of the memory; the rest receives packets of any size. */
const MEMORY = 1 << 18;
const RECEIVE_SLOT = { start: 0, end: 1 << 17 };
const HEADROOM = 64;
/** Polls at one moment before the stack is taken to be spinning. */
const MAX_POLLS = 10_000;

/** The stack under test on a clock that moves only when it is told to. Times in ms. */
export class Host {
  now: number;
  readonly stack: NetStack;
  /** What has left and was not asked for yet, in order. */
  readonly sent: LivePacket[] = [];
  /** Called with each packet that leaves, before it is in `sent`. */
  leaves: (packet: LivePacket) => void = () => {};
  /** Called after each poll: a call that waits may go on. */
  polled: () => void = () => {};
  /** A moment at which to poll even if the stack has nothing to do. */
  alarm = Number.POSITIVE_INFINITY;
  readonly #incoming: PacketBuffer;

  constructor(settings: Settings, start: number) {
    this.now = start;
    const memory = plainMemory(MEMORY, 16);
    this.#incoming = new PacketBuffer(memory, RECEIVE_SLOT);
    const addresses = [IpPrefix.parse(`${settings.localAddress}/${settings.version === 4 ? 24 : 64}`)!];
    this.stack = new NetStack(
      { addresses, mtu: settings.mtu, tcp: tcpOptions(settings) },
      hashEnvironment(1, memory),
      {
        sendPacket: ({ memory: bytes, start: from, end }) => {
          const packet = readPacket(this.now, bytes.slice(from, end));
          this.leaves(packet);
          this.sent.push(packet);
        },
        hasRoute: () => true,
        congested: false,
      },
    );
  }

  /** A packet out of the tunnel, and all the stack has to do about it now. */
  receive(bytes: Uint8Array): void {
    this.#incoming.copyFrom(bytes, 0, bytes.length, HEADROOM);
    this.stack.receivePacket(this.#incoming, this.now);
    this.settle();
  }

  /** Polls as long as the stack has something to do now; once at least. */
  settle(): void {
    if (this.alarm <= this.now) this.alarm = Number.POSITIVE_INFINITY;
    for (let polls = 0; polls === 0 || this.stack.pollAt() <= this.now; polls++) {
      if (polls > MAX_POLLS) throw new Error('the stack never comes to rest');
      this.stack.poll(this.now);
      this.polled();
    }
  }

  /** Lets time pass up to `until`, or up to the moment at which `enough` says so. */
  advance(until: number, enough: () => boolean = () => false): void {
    while (!enough()) {
      const next = Math.min(this.stack.pollAt(), this.alarm);
      if (next > until) {
        this.now = Math.max(this.now, until);
        return;
      }
      this.now = Math.max(this.now, next);
      this.settle();
    }
  }
}

/** What scripts choose by sysctl. */
function tcpOptions({ system }: Settings): TcpLayerOptions {
  return {
    ecn: system.get('tcp_ecn') === '1' ? 'ask' : 'answer',
    congestion: system.get('tcp_congestion_control') === 'reno' ? 'new-reno' : 'cubic',
    timestamps: system.get('tcp_timestamps') !== '0',
    sack: system.get('tcp_sack') !== '0',
    slowStartAfterIdle: system.get('tcp_slow_start_after_idle') !== '0',
  };
}

export function parseAddress(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (!address) throw new Error(`"${text}" is no address`);
  return address;
}
