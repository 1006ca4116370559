import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import {
  checkIpv4,
  checkIpv4Options,
  IPV4_DONT_FRAGMENT,
  IPV4_IDENTIFICATION,
  IPV4_MORE_FRAGMENTS,
  IPV4_PROTOCOL,
  IPV4_TOS,
  IPV4_TOTAL_LENGTH,
  IPV4_TTL,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4IsFragment,
  ipv4MoreFragments,
  printIpv4,
  writeIpv4,
} from '../../../src/core/wire/ipv4.ts';
import { ParameterProblem } from '../../../src/core/wire/parameter-problem.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { concat, counting, ipv4 } from '../../support/packets.ts';
import { LINUX_ECHO_V4, LINUX_FRAGMENT_1_V4, LINUX_FRAGMENT_2_V4, LINUX_UDP_V4 } from './golden.ts';

const peer = IpAddress.parse('10.9.0.1')!;
const us = IpAddress.parse('10.9.0.2')!;

/** At an odd place, so that nothing rests on alignment or on starting at zero. */
function placed(packet: Uint8Array): { view: DataView; memory: Uint8Array; at: number; end: number } {
  const memory = concat(new Uint8Array(7).fill(0xaa), packet, new Uint8Array(5).fill(0xbb));
  return { memory, view: new DataView(memory.buffer), at: 7, end: 7 + packet.length };
}

describe('reading IPv4', () => {
  it('finds no fault with what Linux sends', () => {
    for (const packet of [LINUX_ECHO_V4, LINUX_UDP_V4]) {
      const { view, at, end } = placed(packet);
      expect(checkIpv4(view, at, end)).toBeUndefined();
      expect(checkIpv4Options(view, at, new ParameterProblem())).toBeUndefined();
    }
  });

  it('reads every field', () => {
    const { view, at } = placed(LINUX_ECHO_V4);
    expect(ipv4HeaderLength(view, at)).toBe(20);
    expect(view.getUint16(at + IPV4_TOTAL_LENGTH)).toBe(44);
    expect(view.getUint16(at + IPV4_IDENTIFICATION)).toBe(0xc9bc);
    expect(view.getUint8(at + IPV4_TTL)).toBe(64);
    expect(view.getUint8(at + IPV4_PROTOCOL)).toBe(1);
    expect(view.getUint8(at + IPV4_TOS)).toBe(0);
    expect(ipv4IsFragment(view, at)).toBe(false);
  });

  it('tells fragments by their offset or by more to come', () => {
    const first = placed(LINUX_FRAGMENT_1_V4);
    expect(ipv4IsFragment(first.view, first.at)).toBe(true);
    expect(ipv4MoreFragments(first.view, first.at)).toBe(true);
    expect(ipv4FragmentOffset(first.view, first.at)).toBe(0);
    const second = placed(LINUX_FRAGMENT_2_V4);
    expect(ipv4IsFragment(second.view, second.at)).toBe(true);
    expect(ipv4MoreFragments(second.view, second.at)).toBe(false);
    expect(ipv4FragmentOffset(second.view, second.at)).toBe(1256);
  });

  const base = { source: '10.9.0.1', destination: '10.9.0.2', protocol: 17, payload: counting(30) };
  const cases: [string, Uint8Array, ReturnType<typeof checkIpv4>][] = [
    ['19 bytes', ipv4(base).slice(0, 19), 'ip-short'],
    ['a header of 16 bytes', ipv4({ ...base, headerLength: 16 }), 'ipv4-header-length'],
    ['a header longer than the total length', ipv4({ ...base, totalLength: 19 }), 'ipv4-total-length'],
    ['a header that ends after the packet', ipv4({ ...base, headerLength: 60 }), 'ipv4-total-length'],
    ['a total length beyond what came', ipv4({ ...base, totalLength: 51 }), 'ipv4-total-length'],
    ['a wrong header checksum', ipv4({ ...base, checksum: 0x1234 }), 'ipv4-checksum'],
    ['bytes after the total length', concat(ipv4(base), new Uint8Array(14)), undefined],
    ['no payload', ipv4({ ...base, payload: new Uint8Array(0) }), undefined],
  ];
  for (const [name, packet, fault] of cases) {
    it(`judges ${name}: ${fault ?? 'fine'}`, () => {
      const { view, at, end } = placed(packet);
      expect(checkIpv4(view, at, end)).toBe(fault);
    });
  }

  const options: [string, string, ReturnType<typeof checkIpv4Options>, number?][] = [
    ['end of list, then garbage', '00 ff ff ff', undefined],
    ['padding', '01 01 01 01', undefined],
    ['router alert', '94 04 00 00', undefined],
    ['record route', '07 07 04 00 00 00 00 00', undefined],
    ['an unknown option', '9e 04 12 34', undefined],
    ['loose source route', '83 07 04 0a 00 00 01 00', 'ipv4-source-route'],
    ['strict source route', '89 07 04 0a 00 00 01 00', 'ipv4-source-route'],
    ['a length of 0', '07 00 01 01', 'ipv4-options', 20],
    ['a length of 1', '07 01 01 01', 'ipv4-options', 20],
    ['a length beyond the header', '01 01 07 04', 'ipv4-options', 22],
    ['a type without a length', '01 01 01 07', 'ipv4-options', 23],
  ];
  for (const [name, text, fault, pointer] of options) {
    it(`judges options, ${name}: ${fault ?? 'fine'}`, () => {
      const { view, at, end } = placed(ipv4({ ...base, options: fromHex(text) }));
      expect(checkIpv4(view, at, end)).toBeUndefined();
      const problem = new ParameterProblem();
      problem.set(3, 3);
      expect(checkIpv4Options(view, at, problem)).toBe(fault);
      expect(problem.code).toBe(pointer === undefined ? -1 : 0);
      if (pointer !== undefined) expect(problem.pointer).toBe(pointer);
    });
  }
});

describe('writing IPv4', () => {
  function written(totalLength: number, identification: number, fragment: number, protocol: number): string {
    const memory = new Uint8Array(27).fill(0xee);
    const view = new DataView(memory.buffer);
    writeIpv4(view, 7, totalLength, identification, fragment, 64, protocol, 0, peer, us);
    expect(toHex(memory.slice(0, 7))).toBe('ee'.repeat(7));
    return toHex(memory.slice(7));
  }

  it('writes what Linux writes', () => {
    expect(written(44, 0xc9bc, IPV4_DONT_FRAGMENT, 1)).toBe(toHex(LINUX_ECHO_V4.slice(0, 20)));
    expect(written(1276, 0x49d0, IPV4_MORE_FRAGMENTS, 1)).toBe(toHex(LINUX_FRAGMENT_1_V4));
    expect(written(172, 0x49d0, 1256 / 8, 1)).toBe(toHex(LINUX_FRAGMENT_2_V4));
  });

  it('prints one line', () => {
    const echo = placed(LINUX_ECHO_V4);
    expect(printIpv4(echo.memory, echo.view, echo.at)).toBe(
      '10.9.0.1 > 10.9.0.2 protocol 1 length 44 ttl 64',
    );
    const first = placed(LINUX_FRAGMENT_1_V4);
    expect(printIpv4(first.memory, first.view, first.at)).toMatch(/ fragment 0\+ of id 18896$/);
  });
});
