import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import { MAX_MTU, NETSTACK_SLOT_BYTES, netstackRegion } from '../../../src/core/netstack/ip-output.ts';
import { plainMemory } from '../../../src/core/packet-buffer.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { concat, counting, internetChecksum, udp } from '../../support/packets.ts';

const families = [
  { name: 'IPv4', us: OUR_V4, peer: PEER_V4, header: 20 },
  { name: 'IPv6', us: OUR_V6, peer: PEER_V6, header: 40 },
] as const;

for (const { name, us, peer, header } of families) {
  describe(`sending over ${name}`, () => {
    /** What leaves for one UDP message of `size` bytes. */
    function packetsOf(size: number, mtu: number, count = 1): Uint8Array[] {
      const lone = new LoneStack({ mtu });
      const binding = lone.stack.bindUdp({ port: 53 });
      for (let i = 0; i < count; i++)
        binding.send(counting(size), { address: IpAddress.parse(peer)!, port: 7 });
      return lone.exchange();
    }
    const expected = (size: number) =>
      udp({ source: us, destination: peer, sourcePort: 53, destinationPort: 7, data: counting(size) });

    it('sends whole what just fits the MTU, and in fragments what does not', () => {
      for (const mtu of name === 'IPv4' ? [576, 1280, 1420, 9000] : [1280, 1420, 9000]) {
        const most = mtu - header - 8;
        expect(packetsOf(most, mtu)).toHaveLength(1);
        expect(packetsOf(most, mtu)[0]).toHaveLength(mtu);
        expect(packetsOf(most + 1, mtu)).toHaveLength(2);
      }
    });

    it('cuts at multiples of eight, without a gap, all under one identification', () => {
      const packets = packetsOf(5000, 1420);
      const skip = name === 'IPv4' ? 20 : 48;
      expect(concat(...packets.map((packet) => packet.slice(skip)))).toEqual(expected(5000));
      let offset = 0;
      for (const [i, packet] of packets.entries()) {
        const view = new DataView(packet.buffer);
        const isLast = i === packets.length - 1;
        expect(packet.length).toBeLessThanOrEqual(1420);
        if (name === 'IPv4') {
          expect(view.getUint16(2)).toBe(packet.length);
          expect(view.getUint16(6)).toBe((isLast ? 0 : 0x2000) | (offset / 8));
          expect(packet.slice(4, 6)).toEqual(packets[0]!.slice(4, 6));
          expect(internetChecksum(packet.slice(0, 20))).toBe(0);
        } else {
          expect(view.getUint16(4)).toBe(packet.length - 40);
          expect([packet[6], packet[40], packet[41]]).toEqual([44, 17, 0]);
          expect(view.getUint16(42)).toBe(offset | (isLast ? 0 : 1));
          expect(packet.slice(44, 48)).toEqual(packets[0]!.slice(44, 48));
        }
        offset += packet.length - skip;
      }
    });

    it('gives each fragmented datagram another identification', () => {
      const at = name === 'IPv4' ? [4, 6] : [44, 48];
      const packets = packetsOf(2000, 1420, 5);
      expect(packets).toHaveLength(10);
      const identifications = new Set(packets.map((packet) => packet.slice(at[0], at[1]).toString()));
      expect(identifications.size).toBe(5);
    });
  });
}

describe('sending', () => {
  it('marks whole IPv4 packets DF, with no identification', () => {
    const lone = new LoneStack();
    lone.stack.bindUdp({}).send(counting(1), { address: IpAddress.parse(PEER_V4)!, port: 7 });
    expect([...lone.exchange()[0]!.slice(4, 8)]).toEqual([0, 0, 0x40, 0]);
  });

  it('speaks from the address that shares most with the destination', () => {
    const lone = new LoneStack({
      addresses: ['fe80::2/64', '10.0.0.2/24', '10.1.0.2/16', '192.168.1.2/32', 'fd00::2/64', 'fd01::2/64'],
    });
    const sourceFor = (text: string) => {
      lone.stack.bindUdp({}).send(counting(1), { address: IpAddress.parse(text)!, port: 7 });
      const [packet] = lone.exchange();
      return IpAddress.readFrom(
        packet!,
        packet![0] === 0x45 ? 12 : 8,
        packet![0] === 0x45 ? 4 : 6,
      ).toString();
    };
    expect(sourceFor('10.0.0.9')).toBe('10.0.0.2');
    expect(sourceFor('10.1.9.9')).toBe('10.1.0.2');
    expect(sourceFor('192.168.1.9')).toBe('192.168.1.2');
    expect(sourceFor('fd01::9')).toBe('fd01::2');
    expect(sourceFor('fe80::9')).toBe('fe80::2');
    expect(sourceFor('fd00:0:0:9::1')).toBe('fd00::2');
    // Nothing shared with any of them: a link-local address is still not for the world.
    expect(sourceFor('2001:db8::1')).toBe('fd00::2');
  });

  it('takes the end of the slots, and no more', () => {
    const memory = plainMemory();
    expect(netstackRegion(memory)).toEqual({ start: (1 << 20) - NETSTACK_SLOT_BYTES, end: 1 << 20 });
    expect(NETSTACK_SLOT_BYTES % 16).toBe(0);
    expect(() => new LoneStack({ mtu: MAX_MTU + 1 })).toThrow('MTU');
    expect(MAX_MTU).toBeGreaterThanOrEqual(9000);
  });

  it('leaves the packet where it can be sealed without moving it', () => {
    const lone = new LoneStack();
    const { memory } = lone.environment;
    const { start } = netstackRegion(memory);
    for (const [peer, first] of [
      [PEER_V4, 0x45],
      [PEER_V6, 0x60],
    ] as const) {
      lone.stack.bindUdp({}).send(counting(1), { address: IpAddress.parse(peer)!, port: 7 });
      lone.exchange();
      // Its beginning is aligned to 16, with room for WireGuard's 16 bytes before it.
      expect(memory.bytes[start + 32]).toBe(first);
    }
  });
});
