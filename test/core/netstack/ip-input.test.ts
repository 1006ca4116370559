import { describe, expect, it } from 'vitest';
import { fromHex } from '../../support/hex.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { concat, counting, icmp, ipv4, ipv6, ipv6FragmentHeader, udp } from '../../support/packets.ts';

// Every check of the way in, by a packet that fails it alone: it is counted under its name, and nothing answers.

const echoV4 = icmp({ source: PEER_V4, destination: OUR_V4, type: 8, data: counting(8) });
const v4 = { source: PEER_V4, destination: OUR_V4, protocol: 1, payload: echoV4 };
const echoV6 = icmp({ source: PEER_V6, destination: OUR_V6, type: 128, data: counting(8) });
const v6 = { source: PEER_V6, destination: OUR_V6, nextHeader: 58, payload: echoV6 };
const udpTo = (source: string, destination: string) =>
  udp({ source, destination, sourcePort: 9, destinationPort: 9, data: counting(4) });

/** An IPv6 packet with an extension chain (hex) before an echo request. */
const chained = (first: number, chain: string) =>
  ipv6({ ...v6, nextHeader: first, payload: concat(fromHex(chain), echoV6) });

const drops: [string, Uint8Array, string][] = [
  ['nothing', new Uint8Array(0), 'ip-short'],
  ['one byte', Uint8Array.of(0x45), 'ip-short'],
  ['19 bytes of IPv4', ipv4(v4).slice(0, 19), 'ip-short'],
  ['39 bytes of IPv6', ipv6(v6).slice(0, 39), 'ip-short'],
  ['version 0', ipv4({ ...v4, version: 0 }), 'ip-version'],
  ['version 5', ipv4({ ...v4, version: 5 }), 'ip-version'],
  ['version 15', ipv4({ ...v4, version: 15 }), 'ip-version'],
  ['an IPv4 header of 16 bytes', ipv4({ ...v4, headerLength: 16 }), 'ipv4-header-length'],
  ['an IPv4 header longer than the packet', ipv4({ ...v4, headerLength: 60 }), 'ipv4-total-length'],
  ['a total length beyond the packet', ipv4({ ...v4, totalLength: 37 }), 'ipv4-total-length'],
  ['a total length within the header', ipv4({ ...v4, totalLength: 19 }), 'ipv4-total-length'],
  ['a wrong IPv4 header checksum', ipv4({ ...v4, checksum: 1 }), 'ipv4-checksum'],
  ['an IPv6 payload longer than the packet', ipv6({ ...v6, payloadLength: 17 }), 'ipv6-payload-length'],
  ['an empty IPv6 payload', ipv6({ ...v6, payload: new Uint8Array(0) }), 'ipv6-payload-length'],

  ...[
    '0.0.0.0',
    '127.0.0.1',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    '10.0.0.255',
  ].map((source): [string, Uint8Array, string] => [`source ${source}`, ipv4({ ...v4, source }), 'ip-source']),
  ...['::', '::1', 'ff02::1', '::ffff:10.0.0.1'].map((source): [string, Uint8Array, string] => [
    `source ${source}`,
    ipv6({ ...v6, source }),
    'ip-source',
  ]),
  ['our own IPv4 address as source', ipv4({ ...v4, source: OUR_V4 }), 'ip-source-is-ours'],
  ['our own IPv6 address as source', ipv6({ ...v6, source: OUR_V6 }), 'ip-source-is-ours'],

  ...['10.0.0.3', '127.0.0.1', '8.8.8.8', '224.0.0.1', '0.0.0.0', '10.0.1.255'].map(
    (destination): [string, Uint8Array, string] => [
      `destination ${destination}`,
      ipv4({ ...v4, destination }),
      'ip-destination',
    ],
  ),
  ...['fd00::3', '::1', '::', '::ffff:10.0.0.2', 'ff01::1', 'ff02::fb', 'ff00::1'].map(
    (destination): [string, Uint8Array, string] => [
      `destination ${destination}`,
      ipv6({ ...v6, destination }),
      'ip-destination',
    ],
  ),

  ['a source route', ipv4({ ...v4, options: fromHex('83 07 04 0a000001') }), 'ipv4-source-route'],
  [
    'an extension header cut short',
    ipv6({ ...v6, nextHeader: 60, payload: counting(4) }),
    'ipv6-extension-length',
  ],
  [
    'a fragment header cut short',
    ipv6({ ...v6, nextHeader: 44, payload: counting(7) }),
    'ipv6-extension-length',
  ],
  [
    'nine extension headers',
    chained(60, `${'3c 00 01 04 00000000'.repeat(8)}3a 00 01 04 00000000`),
    'ipv6-extension-limit',
  ],
  ['an option to be dropped in silence', chained(60, '3a 00 42 04 00000000'), 'ipv6-option'],
  ['no next header', ipv6({ ...v6, nextHeader: 59 }), 'ipv6-no-next-header'],

  ['an echo request to everybody', ipv4({ ...v4, destination: '255.255.255.255' }), 'protocol-to-group'],
  ['an echo request to our network', ipv4({ ...v4, destination: '10.0.0.255' }), 'protocol-to-group'],
  ['TCP to everybody', ipv4({ ...v4, destination: '255.255.255.255', protocol: 6 }), 'protocol-to-group'],
  [
    'ICMPv6 to everybody in IPv4',
    ipv4({ ...v4, destination: '255.255.255.255', protocol: 58 }),
    'protocol-to-group',
  ],
  ['TCP to all IPv6 nodes', ipv6({ ...v6, destination: 'ff02::1', nextHeader: 6 }), 'protocol-to-group'],

  ['ICMP of 7 bytes', ipv4({ ...v4, payload: echoV4.slice(0, 7) }), 'icmp-short'],
  ['ICMPv6 of 7 bytes', ipv6({ ...v6, payload: echoV6.slice(0, 7) }), 'icmp-short'],
  ['a wrong ICMP checksum', ipv4({ ...v4, payload: icmp({ ...v4, type: 8, checksum: 1 }) }), 'icmp-checksum'],
  [
    'a wrong ICMPv6 checksum',
    ipv6({ ...v6, payload: icmp({ ...v6, type: 128, checksum: 1 }) }),
    'icmp-checksum',
  ],
  ['UDP of 7 bytes', ipv4({ ...v4, protocol: 17, payload: counting(7) }), 'udp-length'],
  [
    'UDP to all of the network, which nobody hears',
    ipv4({ ...v4, protocol: 17, destination: '10.0.0.255', payload: udpTo(PEER_V4, '10.0.0.255') }),
    'udp-port-closed',
  ],
  [
    'UDP to all nodes, which nobody hears',
    ipv6({ ...v6, nextHeader: 17, destination: 'ff02::1', payload: udpTo(PEER_V6, 'ff02::1') }),
    'udp-port-closed',
  ],
];

describe('what comes in is checked', () => {
  for (const [name, packet, reason] of drops) {
    it(`${name}: ${reason}, and no answer`, () => {
      const lone = new LoneStack();
      expect(lone.exchange(packet)).toEqual([]);
      expect(lone.drops).toEqual({ [reason]: 1 });
    });
  }

  it('ignores the types of ICMP that concern routers, neighbours and snoops', () => {
    const lone = new LoneStack();
    // Source quench, redirect, timestamp, information, address mask; MLD, neighbour discovery, redirect.
    for (const type of [4, 5, 13, 15, 17, 42])
      lone.receive(ipv4({ ...v4, payload: icmp({ ...v4, type, data: counting(40) }) }));
    for (const type of [130, 131, 132, 133, 134, 135, 136, 137, 143, 151, 200])
      lone.receive(ipv6({ ...v6, payload: icmp({ ...v6, type, data: counting(40) }) }));
    expect(lone.exchange()).toEqual([]);
    expect(lone.drops).toEqual({ 'icmp-ignored': 17 });
  });

  it('tells the sender of an IPv4 protocol that we do not speak', () => {
    const lone = new LoneStack();
    const packet = ipv4({ ...v4, protocol: 47 });
    const [answer, ...more] = lone.exchange(packet);
    expect(more).toEqual([]);
    const message = icmp({ source: OUR_V4, destination: PEER_V4, type: 3, code: 2, data: packet });
    expect(answer!.slice(20)).toEqual(message);
    expect(lone.drops).toEqual({ 'protocol-unknown': 1 });
  });
});

describe('what is right is accepted', () => {
  const answers = (packet: Uint8Array) => {
    const lone = new LoneStack();
    const { length } = lone.exchange(packet);
    expect(lone.drops).toEqual({});
    return length;
  };

  const fine: [string, Uint8Array][] = [
    ['IPv4', ipv4(v4)],
    ['IPv6', ipv6(v6)],
    ['IPv4 with WireGuard’s padding', concat(ipv4(v4), new Uint8Array(12))],
    ['IPv6 with WireGuard’s padding', concat(ipv6(v6), new Uint8Array(8))],
    ['a TTL of 0', ipv4({ ...v4, ttl: 0 })],
    ['a hop limit of 0', ipv6({ ...v6, hopLimit: 0 })],
    ['DF', ipv4({ ...v4, dontFragment: true })],
    ['the reserved flag', ipv4({ ...v4, reservedFlag: true })],
    ['options that do not concern us', ipv4({ ...v4, options: fromHex('94 04 00 00 01 00') })],
    ['extension headers', chained(0, '3c 00 01 04 00000000 2b 00 1e 04 00000000 3a 00 09 00 00000000')],
    [
      'an IPv6 echo request to all nodes',
      ipv6({ ...v6, destination: 'ff02::1', payload: icmp({ ...v6, destination: 'ff02::1', type: 128 }) }),
    ],
    [
      'an atomic fragment',
      ipv6({
        ...v6,
        nextHeader: 44,
        payload: concat(
          ipv6FragmentHeader({ nextHeader: 58, offset: 0, more: false, identification: 1 }),
          echoV6,
        ),
      }),
    ],
  ];
  for (const [name, packet] of fine) it(name, () => expect(answers(packet)).toBe(1));

  it('the other address of a /31, and any neighbour of a /32, which have no broadcast', () => {
    const lone = new LoneStack({ addresses: ['10.0.0.2/31', '10.0.0.5/32'] });
    const echoFrom = (source: string, destination: string) =>
      ipv4({ source, destination, protocol: 1, payload: icmp({ source, destination, type: 8 }) });
    expect(lone.exchange(echoFrom('10.0.0.3', '10.0.0.2'), echoFrom('10.0.0.4', '10.0.0.5'))).toHaveLength(2);
    expect(lone.drops).toEqual({});
  });
});
