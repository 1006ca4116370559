import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import {
  checkIpv6,
  ExtensionChain,
  IPV6_HOP_LIMIT,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  ipv6FragmentIdentification,
  ipv6FragmentOffset,
  ipv6MoreFragments,
  ipv6TrafficClass,
  printIpv6,
  walkExtensionHeaders,
  walkPastFragmentHeader,
  writeIpv6,
  writeIpv6Fragment,
} from '../../../src/core/wire/ipv6.ts';
import { fromHex, toHex } from '../../support/hex.ts';
import { concat, counting, ipv6, ipv6FragmentHeader } from '../../support/packets.ts';
import { LINUX_ECHO_V6, LINUX_FRAGMENT_1_V6, LINUX_FRAGMENT_2_V6, LINUX_UDP_V6 } from './golden.ts';

const peer = IpAddress.parse('fd09::1')!;
const us = IpAddress.parse('fd09::2')!;
const base = { source: 'fd09::1', destination: 'fd09::2' };

function placed(packet: Uint8Array): { view: DataView; memory: Uint8Array; at: number; end: number } {
  const memory = concat(new Uint8Array(7).fill(0xaa), packet, new Uint8Array(9).fill(0xbb));
  return { memory, view: new DataView(memory.buffer), at: 7, end: 7 + packet.length };
}

/** Walks a packet whose payload is `chain` (hex), with `first` as its first next header. */
function walk(first: number, chain: string | Uint8Array) {
  const payload = typeof chain === 'string' ? fromHex(chain) : chain;
  const { view, at, end } = placed(ipv6({ ...base, nextHeader: first, payload }));
  const stands = new ExtensionChain();
  const fault = walkExtensionHeaders(view, at, end, stands);
  return { fault, protocol: stands.protocol, at: stands.at - at, namedAt: stands.namedAt - at };
}

describe('reading IPv6', () => {
  it('finds no fault with what Linux sends', () => {
    for (const packet of [LINUX_ECHO_V6, LINUX_UDP_V6]) {
      const { view, at, end } = placed(packet);
      expect(checkIpv6(view, at, end)).toBeUndefined();
    }
  });

  it('reads every field', () => {
    const { view, at } = placed(LINUX_ECHO_V6);
    expect(view.getUint16(at + IPV6_PAYLOAD_LENGTH)).toBe(24);
    expect(view.getUint8(at + IPV6_NEXT_HEADER)).toBe(58);
    expect(view.getUint8(at + IPV6_HOP_LIMIT)).toBe(64);
    expect(ipv6TrafficClass(view, at)).toBe(0);
    const marked = placed(ipv6({ ...base, nextHeader: 17, trafficClass: 0xb9 }));
    expect(ipv6TrafficClass(marked.view, marked.at)).toBe(0xb9);
  });

  it('reads fragment headers', () => {
    const first = placed(LINUX_FRAGMENT_1_V6);
    expect(ipv6FragmentOffset(first.view, first.at + 40)).toBe(0);
    expect(ipv6MoreFragments(first.view, first.at + 40)).toBe(true);
    const second = placed(LINUX_FRAGMENT_2_V6);
    expect(ipv6FragmentOffset(second.view, second.at + 40)).toBe(1232);
    expect(ipv6MoreFragments(second.view, second.at + 40)).toBe(false);
    expect(ipv6FragmentIdentification(second.view, second.at + 40)).toBe(0xfd58739c);
  });

  const cases: [string, Uint8Array, ReturnType<typeof checkIpv6>][] = [
    ['39 bytes', ipv6({ ...base, nextHeader: 59 }).slice(0, 39), 'ip-short'],
    [
      'a payload longer than what came',
      ipv6({ ...base, nextHeader: 17, payload: counting(9), payloadLength: 10 }),
      'ipv6-payload-length',
    ],
    ['an empty payload that names a header', ipv6({ ...base, nextHeader: 17 }), 'ipv6-payload-length'],
    ['an empty payload that names none', ipv6({ ...base, nextHeader: 59 }), undefined],
    [
      'bytes after the payload',
      concat(ipv6({ ...base, nextHeader: 17, payload: counting(9) }), new Uint8Array(7)),
      undefined,
    ],
  ];
  for (const [name, packet, fault] of cases) {
    it(`judges ${name}: ${fault ?? 'fine'}`, () => {
      const { view, at, end } = placed(packet);
      expect(checkIpv6(view, at, end)).toBe(fault);
    });
  }
});

describe('walking extension headers', () => {
  it('stands at the upper layer at once when there are none', () => {
    expect(walk(17, counting(8))).toEqual({ fault: undefined, protocol: 17, at: 40, namedAt: 6 });
  });

  it('passes over hop-by-hop options, a used-up routing header and destination options', () => {
    const chain = '2b 00 01 04 00 00 00 00   3c 00 04 00 00 00 00 00   06 00 1e 02 00 00 01 00   ff';
    expect(walk(0, chain)).toEqual({ fault: undefined, protocol: 6, at: 64, namedAt: 56 });
  });

  it('stops at a fragment header, and goes on behind it when asked', () => {
    const payload = concat(
      ipv6FragmentHeader({ nextHeader: 60, offset: 0, more: false, identification: 5 }),
      fromHex('11 00 01 04 00 00 00 00'),
      counting(8),
    );
    const { view, at, end } = placed(ipv6({ ...base, nextHeader: 44, payload }));
    const chain = new ExtensionChain();
    expect(walkExtensionHeaders(view, at, end, chain)).toBeUndefined();
    expect([chain.protocol, chain.at - at]).toEqual([44, 40]);
    expect(walkPastFragmentHeader(view, at, end, chain)).toBeUndefined();
    expect([chain.protocol, chain.at - at]).toEqual([17, 56]);
  });

  it('leaves authentication, ESP and unknown headers to the caller', () => {
    for (const header of [50, 51, 135, 253]) expect(walk(header, counting(16)).protocol).toBe(header);
  });

  const faults: [string, number, string, ReturnType<typeof walkExtensionHeaders>][] = [
    ['no next header, whatever follows', 59, '01 02 03', 'ipv6-no-next-header'],
    ['no next header at the end of a chain', 60, '3b 00 01 04 00 00 00 00', 'ipv6-no-next-header'],
    ['a header cut short', 60, '11 00 01 04', 'ipv6-extension-length'],
    ['a header longer than the packet', 60, '11 01 01 04 00 00 00 00', 'ipv6-extension-length'],
    [
      'hop-by-hop options not in front',
      60,
      '00 00 01 04 00 00 00 00 11 00 01 04 00 00 00 00',
      'ipv6-extension-order',
    ],
    [
      'hop-by-hop options twice',
      0,
      '00 00 01 04 00 00 00 00 11 00 01 04 00 00 00 00',
      'ipv6-extension-order',
    ],
    ['a routing header with segments left', 43, '11 00 00 01 00 00 00 00', 'ipv6-routing-header'],
    ['an option to discard silently', 60, '11 00 5e 04 00 00 00 00', 'ipv6-option'],
    ['an option to discard with a word (10)', 60, '11 00 9e 04 00 00 00 00', 'ipv6-option'],
    ['a jumbo payload option', 0, '11 00 c2 04 00 01 00 00', 'ipv6-option'],
    ['an option beyond its header', 60, '11 00 1e 05 00 00 00 00', 'ipv6-option'],
    ['an option type without a length', 60, '11 00 1e 03 00 00 00 1e', 'ipv6-option'],
    ['nine options', 60, `11 02 ${'1e 00'.repeat(9)} 01 02 00 00`, 'ipv6-extension-limit'],
    ['eight bytes of padding', 60, '11 01 01 06 00 00 00 00 00 00 1e 04 00 00 00 00', 'ipv6-extension-limit'],
    ['eight times Pad1', 60, `11 01 ${'00'.repeat(8)} 1e 04 00 00 00 00`, 'ipv6-extension-limit'],
    [
      'nine headers',
      60,
      `${'3c 00 01 04 00 00 00 00'.repeat(8)} 11 00 01 04 00 00 00 00`,
      'ipv6-extension-limit',
    ],
  ];
  for (const [name, first, chain, fault] of faults) {
    it(`refuses ${name}: ${fault}`, () => {
      expect(walk(first, chain).fault).toBe(fault);
    });
  }

  it('accepts as many as its bounds allow', () => {
    expect(walk(60, `11 02 ${'1e 00'.repeat(8)} 01 04 00 00 00 00`).fault).toBeUndefined();
    expect(walk(60, `11 00 1e 00 01 02 00 00`).fault).toBeUndefined();
    expect(walk(60, `${'3c 00 01 04 00 00 00 00'.repeat(7)} 11 00 01 04 00 00 00 00 00`)).toMatchObject({
      fault: undefined,
      at: 104,
    });
  });

  it('refuses a chain of more than 512 bytes', () => {
    // One skippable option of 250 bytes in each header of 264.
    const header = (next: number) => concat(Uint8Array.of(next, 31, 0x1e, 252), new Uint8Array(252));
    expect(walk(60, concat(header(60), header(17), counting(8))).fault).toBeUndefined();
    expect(walk(60, concat(header(60), header(60), header(17), counting(8))).fault).toBe(
      'ipv6-extension-limit',
    );
  });
});

describe('writing IPv6', () => {
  it('writes what Linux writes, but for the flow label', () => {
    const memory = new Uint8Array(40);
    writeIpv6(new DataView(memory.buffer), 0, 24, 58, 64, 0, peer, us);
    const expected = LINUX_ECHO_V6.slice(0, 40);
    expected.set([0x60, 0, 0, 0]);
    expect(toHex(memory)).toBe(toHex(expected));
  });

  it('writes the traffic class', () => {
    const memory = new Uint8Array(40);
    writeIpv6(new DataView(memory.buffer), 0, 24, 58, 64, 0xb9, peer, us);
    expect(toHex(memory.slice(0, 4))).toBe('6b900000');
  });

  it('writes fragment headers as Linux does', () => {
    const memory = new Uint8Array(8).fill(0xee);
    const view = new DataView(memory.buffer);
    writeIpv6Fragment(view, 0, 58, 0, true, 0xfd58739c);
    expect(toHex(memory)).toBe(toHex(LINUX_FRAGMENT_1_V6.slice(40)));
    writeIpv6Fragment(view, 0, 58, 1232, false, 0xfd58739c);
    expect(toHex(memory)).toBe(toHex(LINUX_FRAGMENT_2_V6.slice(40)));
  });

  it('prints one line', () => {
    const { memory, view, at } = placed(LINUX_ECHO_V6);
    expect(printIpv6(memory, view, at)).toBe('fd09::1 > fd09::2 next header 58 payload 24 hop limit 64');
  });
});
