import { describe, expect, it } from 'vitest';
import { fromHex } from '../../support/hex.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { concat, counting, icmp, ipv4, ipv6, ipv6FragmentHeader, udp } from '../../support/packets.ts';

// What the sender of a header that we cannot process is told, and where the pointer points (RFC 792, RFC 4443 §3.4,
// RFC 8200 §4).

const v4 = { source: PEER_V4, destination: OUR_V4 };
const v6 = { source: PEER_V6, destination: OUR_V6 };
const ALL_NODES = 'ff02::1';
const datagram = udp({ ...v6, sourcePort: 9, destinationPort: 9, data: counting(4) });

/** An IPv6 packet with a chain (hex) before a UDP datagram. */
const chained = (first: number, chain: string, destination: string = OUR_V6, last = datagram) =>
  ipv6({ ...v6, destination, nextHeader: first, payload: concat(fromHex(chain), last) });

const fragmented = (
  nextHeader: number,
  offset: number,
  more: boolean,
  data: Uint8Array,
  destination: string = OUR_V6,
) =>
  ipv6({
    ...v6,
    destination,
    nextHeader: 44,
    payload: concat(ipv6FragmentHeader({ nextHeader, offset, more, identification: 7 }), data),
  });

const problem6 = (code: number, pointer: number, packet: Uint8Array) =>
  icmp({ source: OUR_V6, destination: PEER_V6, type: 4, code, rest: pointer, data: packet });

describe('an IPv4 option that is malformed', () => {
  const request = icmp({ ...v4, type: 8, data: counting(8) });
  const cases: [string, string, number][] = [
    ['of length 0', '07 00 00 00', 20],
    ['of length 1', '01 07 01 00', 21],
    ['longer than the header', '01 01 07 04', 22],
    ['cut off by the end of the header', '01 01 01 07', 23],
  ];
  for (const [name, options, pointer] of cases) {
    it(`${name} is told to the sender, and pointed at`, () => {
      const lone = new LoneStack();
      const packet = ipv4({ ...v4, protocol: 1, options: fromHex(options), payload: request });
      const [answer, ...more] = lone.exchange(packet);
      expect(more).toEqual([]);
      expect(answer!.slice(20)).toEqual(
        icmp({
          source: OUR_V4,
          destination: PEER_V4,
          type: 12,
          code: 0,
          rest: (pointer << 24) >>> 0,
          data: packet,
        }),
      );
      expect(lone.drops).toEqual({ 'ipv4-options': 1 });
    });
  }

  const bad = fromHex('07 00 00 00');
  const silent: [string, Uint8Array][] = [
    [
      'to everybody',
      ipv4({ ...v4, destination: '255.255.255.255', protocol: 17, options: bad, payload: datagram }),
    ],
    [
      'of an ICMP error',
      ipv4({ ...v4, protocol: 1, options: bad, payload: icmp({ ...v4, type: 3, data: counting(28) }) }),
    ],
    ['of an empty ICMP message', ipv4({ ...v4, protocol: 1, options: bad })],
    ['of a later fragment', ipv4({ ...v4, protocol: 17, options: bad, offset: 8, payload: counting(8) })],
  ];
  for (const [name, packet] of silent) {
    it(`${name} is dropped in silence`, () => {
      const lone = new LoneStack();
      expect(lone.exchange(packet)).toEqual([]);
      expect(lone.drops).toEqual({ 'ipv4-options': 1 });
    });
  }

  it('is told within the limits of all errors', () => {
    const lone = new LoneStack();
    const packet = ipv4({ ...v4, protocol: 17, options: bad, payload: counting(8) });
    expect(lone.exchange(...new Array<Uint8Array>(40).fill(packet))).toHaveLength(10);
    expect(lone.drops).toEqual({ 'ipv4-options': 40, 'icmp-error-limit': 30 });
  });
});

describe('an IPv6 header that cannot be processed', () => {
  const cases: [string, Uint8Array, number, number, string][] = [
    [
      'hop-by-hop options in second place',
      chained(60, '00 00 01 04 00000000 11 00 01 04 00000000'),
      1,
      40,
      'ipv6-extension-order',
    ],
    [
      'an option of bits 10',
      chained(60, '11 00 01 00 9e 02 0000 '.replaceAll(' ', '')),
      2,
      44,
      'ipv6-option',
    ],
    ['an option of bits 11', chained(0, '11 00 de 04 00000000'), 2, 42, 'ipv6-option'],
    ['a jumbo payload option', chained(0, '11 00 c2 04 00010000'), 2, 42, 'ipv6-option'],
    [
      'an option in the second header',
      chained(0, '3c 00 01 04 00000000 11 00 01 02 0000 8a 00'),
      2,
      54,
      'ipv6-option',
    ],
    [
      'a routing header of type 0 in use',
      chained(43, '11 02 00 01 00000000 fd000000000000000000000000000003'),
      0,
      42,
      'ipv6-routing-header',
    ],
    [
      'a routing header of an unknown type in use',
      chained(60, '2b 00 01 04 00000000 11 00 63 02 00000000'),
      0,
      50,
      'ipv6-routing-header',
    ],
    ['ESP', ipv6({ ...v6, nextHeader: 50, payload: counting(16) }), 1, 6, 'protocol-unknown'],
    [
      'an authentication header',
      ipv6({ ...v6, nextHeader: 51, payload: counting(16) }),
      1,
      6,
      'protocol-unknown',
    ],
    ['ICMPv4 in IPv6', ipv6({ ...v6, nextHeader: 1, payload: counting(16) }), 1, 6, 'protocol-unknown'],
    ['an unknown header behind another', chained(60, 'fd 00 01 04 00000000'), 1, 40, 'protocol-unknown'],
    [
      'a fragment of 12 bytes that is not the last',
      fragmented(17, 0, true, counting(12)),
      0,
      4,
      'fragment-malformed',
    ],
    ['a later fragment of 12 bytes', fragmented(17, 64, true, counting(12)), 0, 4, 'fragment-malformed'],
    [
      'a fragment that ends beyond all packets',
      fragmented(17, 65_528, false, counting(8)),
      0,
      42,
      'fragment-malformed',
    ],
    [
      'a first fragment without its upper layer',
      fragmented(60, 0, true, fromHex('06 00 01 04 00000000')),
      3,
      0,
      'fragment-malformed',
    ],
    [
      'a first fragment that ends in an extension header',
      fragmented(60, 0, true, fromHex('11 01 01 04 00000000')),
      3,
      0,
      'fragment-malformed',
    ],
    [
      'half a TCP header in a first fragment',
      fragmented(6, 0, true, counting(16)),
      3,
      0,
      'fragment-malformed',
    ],
    [
      'an option behind a fragment header',
      fragmented(60, 0, true, concat(fromHex('11 00 c8 04 00000000'), datagram, counting(4))),
      2,
      50,
      'ipv6-option',
    ],
    [
      'an unknown header in an atomic fragment',
      fragmented(253, 0, false, counting(16)),
      1,
      40,
      'protocol-unknown',
    ],
  ];
  for (const [name, packet, code, pointer, reason] of cases) {
    it(`${name}: code ${code}, pointer ${pointer}`, () => {
      const lone = new LoneStack();
      const [answer, ...more] = lone.exchange(packet);
      expect(more).toEqual([]);
      expect(answer!.slice(40)).toEqual(problem6(code, pointer, packet));
      expect(lone.drops).toEqual({ [reason]: 1 });
    });
  }

  it('points into the packet that reassembly made, and quotes that', () => {
    const lone = new LoneStack();
    const data = concat(fromHex('fd 00 01 04 00000000'), counting(24));
    const answers = lone.exchange(
      fragmented(60, 0, true, data.slice(0, 16)),
      fragmented(60, 16, false, data.slice(16)),
    );
    const whole = ipv6({ ...v6, nextHeader: 60, payload: data });
    expect(answers.map((answer) => answer.slice(40))).toEqual([problem6(1, 40, whole)]);
  });

  it('says what a jumbogram is not understood for', () => {
    const packet = ipv6({
      ...v6,
      nextHeader: 0,
      payloadLength: 0,
      payload: concat(fromHex('11 00 c2 04 00010008'), counting(40)),
    });
    const lone = new LoneStack();
    expect(lone.exchange(packet)[0]!.slice(40)).toEqual(problem6(2, 42, packet));
    // The same without the option is an empty packet.
    const empty = ipv6({ ...v6, nextHeader: 0, payloadLength: 0, payload: fromHex('11 00 01 04 00000000') });
    expect(lone.exchange(empty)).toEqual([]);
    expect(lone.drops).toEqual({ 'ipv6-option': 1, 'ipv6-payload-length': 1 });
  });

  const error = icmp({ ...v6, type: 1, code: 4, data: counting(48) });
  const silent: [string, Uint8Array, string][] = [
    ['an option of bits 01', chained(60, '11 00 5e 04 00000000'), 'ipv6-option'],
    ['an option of bits 01 to all nodes', chained(60, '11 00 5e 04 00000000', ALL_NODES), 'ipv6-option'],
    ['an option of bits 11 to all nodes', chained(60, '11 00 de 04 00000000', ALL_NODES), 'ipv6-option'],
    ['a routing header to all nodes', chained(43, '11 00 00 01 00000000', ALL_NODES), 'ipv6-routing-header'],
    ['an option on an ICMPv6 error', chained(60, '3a 00 9e 04 00000000', OUR_V6, error), 'ipv6-option'],
    [
      'an option on an unknown ICMPv6 message',
      chained(60, '3a 00 9e 04 00000000', OUR_V6, icmp({ ...v6, type: 100 })),
      'ipv6-option',
    ],
    [
      'an option on a cut-off ICMPv6 message',
      chained(60, '3a 00 9e 04 00000000', OUR_V6, new Uint8Array(0)),
      'ipv6-option',
    ],
    [
      'an option on a later fragment',
      chained(60, '2c 00 9e 04 00000000 11 00 00 40 00000001', OUR_V6, counting(8)),
      'ipv6-option',
    ],
    [
      'an unknown header to all nodes',
      ipv6({ ...v6, destination: ALL_NODES, nextHeader: 50, payload: counting(8) }),
      'protocol-to-group',
    ],
    [
      'an incomplete chain to all nodes',
      fragmented(6, 0, true, counting(16), ALL_NODES),
      'fragment-malformed',
    ],
    ['no next header', ipv6({ ...v6, nextHeader: 59, payload: counting(8) }), 'ipv6-no-next-header'],
  ];
  for (const [name, packet, reason] of silent) {
    it(`${name} is dropped in silence`, () => {
      const lone = new LoneStack();
      expect(lone.exchange(packet)).toEqual([]);
      expect(lone.drops).toEqual({ [reason]: 1 });
    });
  }

  it('is told even of a packet to all nodes, by an option that says so, from an address of ours', () => {
    const lone = new LoneStack();
    const packet = chained(60, '11 00 9e 04 00000000', ALL_NODES);
    const [answer, ...more] = lone.exchange(packet);
    expect(more).toEqual([]);
    expect(answer!.slice(40)).toEqual(problem6(2, 42, packet));
  });

  it('is told within the limits of all errors', () => {
    const lone = new LoneStack();
    const packet = chained(43, '11 00 00 01 00000000');
    expect(lone.exchange(...new Array<Uint8Array>(40).fill(packet))).toHaveLength(10);
    expect(lone.drops).toEqual({ 'ipv6-routing-header': 40, 'icmp-error-limit': 30 });
  });
});
