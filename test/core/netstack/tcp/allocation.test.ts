import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { IpHeaderInfo } from '../../../../src/core/netstack/ip-layer.ts';
import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import { TcpLayer } from '../../../../src/core/netstack/tcp/tcp-layer.ts';
import { PacketBuffer, plainMemory } from '../../../../src/core/packet-buffer.ts';
import { address, FakeIp, hashEnvironment, type Outlet, socketAddress } from './fake-ip.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const SLOTS = 128;
const SLOT = 2048;
const CHUNK = 65_536;

/** A queue of segments in slots made once. */
class Wire {
  readonly #slots: PacketBuffer[] = [];
  readonly #header: IpHeaderInfo = { version: 4, addresses: 0, protocol: 6, ttl: 64, tos: 0 };
  #count = 0;

  constructor(memory: ReturnType<typeof plainMemory>, start: number) {
    for (let i = 0; i < SLOTS; i++) {
      this.#slots.push(new PacketBuffer(memory, { start: start + i * SLOT, end: start + (i + 1) * SLOT }));
    }
  }

  get isNearlyFull(): boolean {
    return this.#count > SLOTS - 40;
  }

  readonly take: Outlet = (segment, { addresses }) => {
    const slot = this.#slots[this.#count++]!;
    segment.memory.copyWithin(slot.slot.start, addresses, segment.end);
    slot.start = slot.slot.start + 8;
    slot.end = slot.slot.start + segment.end - addresses;
  };

  deliver(to: TcpLayer, now: number): void {
    for (let i = 0; i < this.#count; i++) {
      const packet = this.#slots[i]!;
      this.#header.addresses = packet.start - 8;
      to.receiveSegment(packet, this.#header, now);
    }
    this.#count = 0;
  }
}

it('makes no garbage per segment, only what an application pays per call', () => {
  const memory = plainMemory(65_536 + 2 * SLOTS * SLOT, 16);
  const ips = [new FakeIp([address('10.0.0.1')], memory), new FakeIp([address('10.0.0.2')], memory)] as const;
  const wires = [new Wire(memory, 65_536), new Wire(memory, 65_536 + SLOTS * SLOT)] as const;
  for (const [index, ip] of ips.entries()) {
    ip.outlet = wires[index]!.take;
    Object.defineProperty(ip, 'congested', { get: () => wires[index]!.isNearlyFull });
  }
  const a = new TcpLayer(ips[0], hashEnvironment(1, memory));
  const b = new TcpLayer(ips[1], hashEnvironment(2, memory));
  let now = 1000;
  const listener = b.listen({ port: 80 }, now);
  const client = a.connect(socketAddress('10.0.0.2', 80), {}, now);
  let server: TcpConnection | undefined;
  const source = new Uint8Array(CHUNK);
  const target = new Uint8Array(CHUNK);
  const round = () => {
    now += 0.05;
    while (client.write(source) === CHUNK);
    a.poll(now);
    wires[0].deliver(b, now);
    server ??= listener.accept();
    while (server && server.readInto(target) > 0);
    b.poll(now);
    wires[1].deliver(a, now);
  };
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 40 && least >= 48; run++) {
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const sent = client.info().segmentsSent;
    for (let i = 0; i < 100; i++) round();
    const segments = client.info().segmentsSent - sent;
    least = Math.min(least, (process.memoryUsage().heapUsed - before) / segments);
  }
  // Copying between an application's array and a page takes a view of some 100 bytes, every third segment; an object
  // for each segment, or for each ACK, would be more than this.
  expect(least).toBeLessThan(64);
});
