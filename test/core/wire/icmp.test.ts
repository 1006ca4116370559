import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import { addressSum } from '../../../src/core/wire/checksum.ts';
import {
  checkIcmp,
  echoIdentifier,
  echoReplyType,
  echoRequestType,
  echoSequence,
  icmpCode,
  icmpType,
  printIcmp,
  writeIcmp,
} from '../../../src/core/wire/icmp.ts';
import { toHex } from '../../support/hex.ts';
import { counting, icmpPacket } from '../../support/packets.ts';
import { LINUX_ECHO_V4, LINUX_ECHO_V6 } from './golden.ts';

const families = [
  {
    version: 4,
    header: 20,
    addresses: 12,
    golden: LINUX_ECHO_V4,
    source: '10.9.0.1',
    destination: '10.9.0.2',
  },
  { version: 6, header: 40, addresses: 8, golden: LINUX_ECHO_V6, source: 'fd09::1', destination: 'fd09::2' },
] as const;

for (const { version, header, addresses, golden, source, destination } of families) {
  describe(`ICMP over IPv${version}`, () => {
    const check = (packet: Uint8Array) =>
      checkIcmp(new DataView(packet.slice().buffer), header, packet.length, version, addresses);
    const identifier = version === 4 ? 0x480d : 0x480e;

    it('reads what Linux sends', () => {
      expect(check(golden)).toBeUndefined();
      const view = new DataView(golden.slice().buffer);
      expect(icmpType(view, header)).toBe(echoRequestType(version));
      expect(icmpCode(view, header)).toBe(0);
      expect(echoIdentifier(view, header)).toBe(identifier);
      expect(echoSequence(view, header)).toBe(1);
      expect(printIcmp(view, header, version)).toBe(
        `${version === 4 ? 'icmp' : 'icmpv6'} echo request id ${identifier} sequence 1`,
      );
    });

    it('writes what Linux writes', () => {
      const packet = golden.slice();
      packet.fill(0xee, header, header + 8);
      const sum = addressSum(IpAddress.parse(source)!, IpAddress.parse(destination)!);
      const rest = (identifier << 16) | 1;
      const view = new DataView(packet.buffer);
      writeIcmp(view, header, packet.length, version, echoRequestType(version), 0, rest, sum);
      expect(toHex(packet)).toBe(toHex(golden));
    });

    const base = { source, destination, type: echoReplyType(version), rest: 0x0102_0304, data: counting(7) };
    const cases: [string, Uint8Array, ReturnType<typeof checkIcmp>][] = [
      ['7 bytes', icmpPacket(base).slice(0, header + 7), 'icmp-short'],
      ['a wrong checksum', icmpPacket({ ...base, checksum: 0x1234 }), 'icmp-checksum'],
      ['an odd length', icmpPacket(base), undefined],
      ['no data', icmpPacket({ ...base, data: new Uint8Array(0) }), undefined],
    ];
    for (const [name, packet, fault] of cases) {
      it(`judges ${name}: ${fault ?? 'fine'}`, () => expect(check(packet)).toBe(fault));
    }
  });
}

it('sums the addresses in IPv6 only', () => {
  const packet = LINUX_ECHO_V6.slice();
  packet[8 + 15]! ^= 1;
  expect(checkIcmp(new DataView(packet.buffer), 40, packet.length, 6, 8)).toBe('icmp-checksum');
  const old = LINUX_ECHO_V4.slice();
  old[12]! ^= 1;
  expect(checkIcmp(new DataView(old.buffer), 20, old.length, 4, 12)).toBeUndefined();
});
