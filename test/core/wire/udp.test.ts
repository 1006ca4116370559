import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import { addressSum } from '../../../src/core/wire/checksum.ts';
import {
  checkUdp,
  printUdp,
  udpDestinationPort,
  udpLength,
  udpSourcePort,
  writeUdp,
} from '../../../src/core/wire/udp.ts';
import { toHex } from '../../support/hex.ts';
import { concat, counting, udpPacket } from '../../support/packets.ts';
import { LINUX_UDP_V4, LINUX_UDP_V6 } from './golden.ts';

const families = [
  {
    version: 4,
    header: 20,
    addresses: 12,
    golden: LINUX_UDP_V4,
    source: '10.9.0.1',
    destination: '10.9.0.2',
  },
  { version: 6, header: 40, addresses: 8, golden: LINUX_UDP_V6, source: 'fd09::1', destination: 'fd09::2' },
] as const;

for (const { version, header, addresses, golden, source, destination } of families) {
  describe(`UDP over IPv${version}`, () => {
    const check = (packet: Uint8Array) =>
      checkUdp(new DataView(packet.slice().buffer), header, packet.length, version, addresses);
    const base = { source, destination, sourcePort: 4000, destinationPort: 53, data: counting(5) };

    it('reads what Linux sends', () => {
      expect(check(golden)).toBeUndefined();
      const view = new DataView(golden.slice().buffer);
      expect(udpSourcePort(view, header)).toBe(version === 4 ? 44_293 : 36_987);
      expect(udpDestinationPort(view, header)).toBe(5353);
      expect(udpLength(view, header)).toBe(13);
      expect(printUdp(view, header)).toMatch(/^udp \d+ > 5353 length 13$/);
    });

    it('writes what Linux writes', () => {
      const packet = golden.slice();
      packet.fill(0xee, header, header + 8);
      const view = new DataView(packet.buffer);
      const sum = addressSum(IpAddress.parse(source)!, IpAddress.parse(destination)!);
      writeUdp(view, header, version === 4 ? 44_293 : 36_987, 5353, 13, sum);
      expect(toHex(packet)).toBe(toHex(golden));
    });

    it('writes a checksum of zero as 0xffff', () => {
      const packet = udpPacket({ ...base, data: Uint8Array.of(0, 0) });
      const view = new DataView(packet.buffer);
      const sum = addressSum(IpAddress.parse(source)!, IpAddress.parse(destination)!);
      // Whatever the checksum is over zero data, adding it as data brings the sum to zero.
      view.setUint16(header + 8, view.getUint16(header + 6));
      writeUdp(view, header, 4000, 53, 10, sum);
      expect(view.getUint16(header + 6)).toBe(0xffff);
      expect(check(packet)).toBeUndefined();
    });

    const cases: [string, Uint8Array, ReturnType<typeof checkUdp>][] = [
      ['7 bytes', udpPacket(base).slice(0, header + 7), 'udp-length'],
      ['a length of 7', udpPacket({ ...base, length: 7 }), 'udp-length'],
      ['a length of 0', udpPacket({ ...base, length: 0 }), 'udp-length'],
      ['a length beyond the packet', udpPacket({ ...base, length: 14 }), 'udp-length'],
      ['a wrong checksum', udpPacket({ ...base, checksum: 0x1234 }), 'udp-checksum'],
      ['no checksum', udpPacket({ ...base, checksum: 0 }), version === 4 ? undefined : 'udp-checksum'],
      ['destination port 0', udpPacket({ ...base, destinationPort: 0 }), 'udp-port-zero'],
      ['source port 0', udpPacket({ ...base, sourcePort: 0 }), undefined],
      ['no data', udpPacket({ ...base, data: new Uint8Array(0) }), undefined],
      ['surplus after its length', concat(udpPacket(base), counting(6)), undefined],
    ];
    for (const [name, packet, fault] of cases) {
      it(`judges ${name}: ${fault ?? 'fine'}`, () => expect(check(packet)).toBe(fault));
    }
  });
}
