import { describe, expect, it } from 'vitest';
import { IpPrefix } from '../../../src/core/address.ts';
import { RawIdentity } from '../../../src/core/crypto/identity.ts';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { Device } from '../../../src/core/wireguard/device.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { SeededRandom } from '../../support/random.ts';
import { makePacket } from './station.ts';

/** A device whose datagrams land in the other's memory at once. */
class End {
  readonly suite: WasmSuite;
  readonly device: Device;
  readonly identity: RawIdentity;
  readonly endpoint: Endpoint;
  readonly arriving: PacketBuffer;
  readonly leaving: PacketBuffer;
  delivered = 0;
  other: End | undefined;
  now = 1000;

  constructor(suite: WasmSuite, seed: number) {
    const random = new SeededRandom(seed);
    const { memory } = suite;
    this.suite = suite;
    this.identity = new RawIdentity(random.bytes(32), suite);
    this.endpoint = { host: '192.0.2.1', port: seed };
    this.arriving = new PacketBuffer(memory, memory.ingress);
    this.leaving = new PacketBuffer(memory, memory.egress);
    this.device = new Device(
      { identity: this.identity, mtu: 1420 },
      { crypto: suite, memory, fillRandom: random.fill, wallClock: () => 1.8e12 },
      {
        sendDatagram: (datagram) => this.#hand(datagram),
        deliverPacket: () => {
          this.delivered++;
        },
        notify: () => {},
      },
    );
  }

  #hand(datagram: PacketBuffer): void {
    const { arriving, device } = this.other!;
    arriving.reset(4);
    let at = arriving.append(datagram.length);
    for (let from = datagram.start; from < datagram.end; from++)
      arriving.memory[at++] = datagram.memory[from]!;
    device.receiveDatagram(arriving, this.endpoint, this.now);
  }

  meet(other: End, route: string): void {
    this.other = other;
    const { publicKey } = other.identity;
    const allowedIps = [IpPrefix.parse(route)!];
    this.device.addPeer({ publicKey, endpoint: other.endpoint, allowedIps, persistentKeepalive: 0 }, 0);
  }

  send(packet: Uint8Array): void {
    this.leaving.reset(32);
    this.leaving.memory.set(packet, this.leaving.append(packet.length));
    this.device.sendPacket(this.leaving, this.now);
  }
}

describe('the packet path', () => {
  it('makes no objects', async () => {
    const a = new End(new WasmSuite(await loadAssembly()), 1);
    const b = new End(new WasmSuite(await loadAssembly()), 2);
    a.meet(b, '10.0.0.1/32');
    b.meet(a, '10.0.0.2/32');
    b.device.up(1000);
    a.device.up(1000);
    const out = makePacket('10.0.0.2', '10.0.0.1', 1420);
    const back = makePacket('10.0.0.1', '10.0.0.2', 60);
    const exchange = (rounds: number) => {
      for (let n = 0; n < rounds; n++) {
        a.send(out);
        b.send(back);
      }
    };
    // Until the engine has compiled it.
    exchange(20_000);
    const before = b.delivered + a.delivered;
    // Three times, and the middle one counts: a garbage collection in between would make one of them negative.
    const growths = [0, 1, 2].map(() => {
      const used = process.memoryUsage().heapUsed;
      exchange(5000);
      return (process.memoryUsage().heapUsed - used) / 10_000;
    });
    expect(a.delivered + b.delivered - before).toBe(30_000);
    // The smallest object is 12 bytes. Some growth is the timers' random bytes and the measuring itself.
    expect(growths.sort((x, y) => x - y)[1], growths.join(' ')).toBeLessThan(6);
  });
});
