import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import { Loopback } from '../../../src/core/netstack/loopback.ts';
import { PacketBuffer, plainMemory } from '../../../src/core/packet-buffer.ts';
import { NEVER } from '../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6 } from '../../support/lone-stack.ts';
import { counting, icmpPacket } from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';

describe('packets to ourselves', () => {
  for (const local of ['127.0.0.1', '::1', OUR_V4, OUR_V6]) {
    it(`reach a UDP socket through ${local}, of any size, and never the tunnel`, () => {
      const lone = new LoneStack();
      const address = IpAddress.parse(local)!;
      const server = lone.stack.bindUdp({ port: 7 });
      const client = lone.stack.bindUdp({ remote: { address, port: 7 } });
      expect(client.local.address.toString()).toBe(local);
      server.observer = {
        readable: () => {
          const message = server.receive()!;
          server.send(message.data, message.remote);
        },
        failed: () => {},
      };
      for (const size of [0, 1, 1400, 65_507]) {
        client.send(counting(size));
        expect(lone.stack.pollAt()).toBe(0);
        expect(lone.exchange()).toEqual([]);
        expect(client.receive()!.data).toEqual(counting(size));
        expect(lone.stack.pollAt()).toBe(NEVER);
      }
      expect(lone.drops).toEqual({});
    });

    it(`find a closed port at ${local}`, () => {
      const lone = new LoneStack();
      const client = lone.stack.bindUdp({ remote: { address: IpAddress.parse(local)!, port: 7 } });
      const errors: string[] = [];
      client.observer = { readable: () => {}, failed: (error) => errors.push(error.code) };
      client.send(counting(4));
      expect(lone.exchange()).toEqual([]);
      expect(errors).toEqual(['ERR_CONNECTION_REFUSED']);
      expect(lone.drops).toEqual({ 'udp-port-closed': 1 });
    });
  }

  it('connect over TCP', () => {
    const lone = new LoneStack();
    const address = IpAddress.parse('127.0.0.1')!;
    const listener = lone.stack.listenTcp({ port: 80 }, lone.now);
    const client = lone.stack.connectTcp({ address, port: 80 }, {}, lone.now);
    lone.poll();
    const server = listener.accept()!;
    expect(client.state).toBe('ESTABLISHED');
    expect(client.write(counting(100_000))).toBe(100_000);
    const received = new Uint8Array(100_000);
    let length = 0;
    for (let turn = 0; turn < 200 && length < received.length; turn++) {
      lone.poll();
      length += server.readInto(received.subarray(length));
      lone.now = Math.max(lone.now, Math.min(lone.stack.pollAt(), lone.now + 50));
    }
    expect(received).toEqual(counting(100_000));
    expect(lone.take()).toEqual([]);
    expect(lone.drops).toEqual({});
  });

  it('do not loop for ever when two sockets answer each other', () => {
    const lone = new LoneStack();
    const address = IpAddress.parse('127.0.0.1')!;
    const ends = [lone.stack.bindUdp({ port: 7 }), lone.stack.bindUdp({ port: 8 })];
    let turns = 0;
    for (const end of ends)
      end.observer = {
        readable: () => {
          turns++;
          const message = end.receive()!;
          end.send(message.data, message.remote);
        },
        failed: () => {},
      };
    ends[0]!.send(counting(1), { address, port: 8 });
    lone.poll();
    expect(turns).toBeGreaterThan(3);
    expect(turns).toBeLessThan(40);
    expect(lone.stack.pollAt()).toBe(0);
  });

  it('are held back, not lost, when there are many', () => {
    const lone = new LoneStack();
    const address = IpAddress.parse('127.0.0.1')!;
    const server = lone.stack.bindUdp({ port: 7 });
    let bytes = 0;
    server.observer = {
      readable: () => {
        bytes += server.receive()!.data.length;
      },
      failed: () => {},
    };
    for (let i = 0; i < 40; i++) {
      const client = lone.stack.bindUdp({ remote: { address, port: 7 } });
      client.send(new Uint8Array(60_000));
    }
    while (lone.stack.pollAt() <= lone.now) lone.poll();
    expect(bytes).toBe(40 * 60_000);
    expect(lone.drops).toEqual({});
  });

  it('are not believed when they come out of the tunnel', () => {
    const lone = new LoneStack();
    lone.receive(icmpPacket({ source: '127.0.0.1', destination: '127.0.0.1', type: 8 }));
    lone.receive(icmpPacket({ source: OUR_V4, destination: OUR_V4, type: 8 }));
    expect(lone.exchange()).toEqual([]);
    expect(lone.drops).toEqual({ 'ip-source': 1, 'ip-source-is-ours': 1 });
  });
});

describe('the loopback queue', () => {
  it('is a bounded first-in, first-out of packets, round and round', () => {
    const memory = plainMemory();
    const packet = new PacketBuffer(memory, memory.slots);
    const random = new SeededRandom(3);
    const loopback = new Loopback();
    const expected: Uint8Array[] = [];
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const bytes = random.bytes(random.below(random.below(10) === 0 ? 65_536 : 1500));
      packet.copyFrom(bytes);
      if (loopback.push(packet)) expected.push(bytes);
      else refused++;
      if (random.below(100) === 0) {
        loopback.drain((got) => {
          expect(Buffer.compare(got.memory.slice(got.start, got.end), expected.shift()!)).toBe(0);
        });
        expect(expected).toEqual([]);
        expect(loopback.isEmpty).toBe(true);
      }
      expect(expected.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(512 * 1024);
    }
    expect(refused).toBeGreaterThan(100);
  });

  it('counts the end that it leaves empty when a packet does not fit there', () => {
    const memory = plainMemory();
    const packet = new PacketBuffer(memory, memory.slots);
    const loopback = new Loopback();
    const push = (size: number) => {
      packet.copyFrom(new Uint8Array(size));
      return loopback.push(packet);
    };
    push(96);
    loopback.drain(() => {});
    for (let i = 0; i < 7; i++) expect(push(65_532)).toBe(true);
    // 65,436 bytes are left at the end and 100 at the beginning: together enough, but not in one piece.
    expect(push(65_436)).toBe(false);
    expect(push(65_432)).toBe(true);
  });

  it('keeps what is pushed while it is drained for the next time', () => {
    const memory = plainMemory();
    const packet = new PacketBuffer(memory, memory.slots);
    const loopback = new Loopback();
    packet.copyFrom(counting(3));
    loopback.push(packet);
    let drained = 0;
    const deliver = (got: PacketBuffer) => {
      drained++;
      expect(got.length).toBe(3);
      loopback.push(got);
    };
    loopback.drain(deliver);
    expect(drained).toBe(1);
    loopback.drain(deliver);
    expect(drained).toBe(2);
  });
});
