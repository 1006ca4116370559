// The rows of hostile inputs about IP and its fragments, as packets for a host in no particular state.
import { type Family, IPV4, IPV6 } from '../../../core/netstack/hostile/family.ts';
import { tcpPacket } from '../../../core/netstack/hostile/tcp-peer.ts';
import { fromHex } from '../../../support/hex.ts';
import {
  concat,
  counting,
  cut,
  fragment,
  icmp,
  icmpPacket,
  internetChecksum,
  ipPacket,
  ipv4,
  ipv6,
  ipv6FragmentHeader,
  u16,
  udp,
} from '../../../support/packets.ts';
import type { Case } from './case.ts';
import { TCP_PORT } from './subject.ts';

const BOTH = [IPV4, IPV6] as const;

function echo(family: Family, source = family.peer, destination = family.us, size = 16): Uint8Array {
  return icmpPacket({ source, destination, type: family.echoRequest, rest: 7, data: counting(size) });
}

/** A datagram to a port where nobody listens. */
function datagram(family: Family, source = family.peer, destination = family.us): Uint8Array {
  return ipPacket(source, destination, 17, udp({ source, destination, sourcePort: 9, destinationPort: 7 }));
}

/** The packet with some bytes of its IP header replaced, and IPv4's checksum put right. */
export function altered(packet: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = packet.slice();
  copy.set(bytes, at);
  const length = (copy[0]! & 15) * 4;
  if (packet[0]! >> 4 === 4 && length <= copy.length) {
    copy.set([0, 0], 10);
    copy.set(u16(internetChecksum(copy.subarray(0, length || 20))), 10);
  }
  return copy;
}

function each<T>(
  row: number,
  families: readonly Family[],
  name: (value: T) => string,
  values: readonly T[] | ((family: Family) => readonly T[]),
  packets: (family: Family, value: T) => Uint8Array[],
): Case[] {
  const perFamily = (family: Family) => (typeof values === 'function' ? values(family) : values);
  return families.flatMap((family) =>
    perFamily(family).map((value) => ({
      row,
      name: name(value),
      families: [family],
      packets: () => packets(family, value),
    })),
  );
}

/** UDP to a closed port behind extension headers, given in hexadecimal. */
function chain(first: number, hex: string, destination = IPV6.us): Uint8Array {
  const payload = udp({ source: IPV6.peer, destination, sourcePort: 1, destinationPort: 7 });
  return ipv6({
    source: IPV6.peer,
    destination,
    nextHeader: first,
    payload: concat(fromHex(hex), payload),
  });
}

function options(hex: string, protocol: 1 | 17 = 17): Uint8Array {
  const { us, peer } = IPV4;
  const payload =
    protocol === 17
      ? udp({ source: peer, destination: us, sourcePort: 1, destinationPort: 7 })
      : icmp({ source: peer, destination: us, type: 8 });
  return ipv4({ source: peer, destination: us, protocol, options: fromHex(hex), payload });
}

let identification = 1000;

/** Pieces of an echo request: each `[start, end)`, all but the last with more to follow. */
function pieces(family: Family, size: number, ...ranges: [number, number, boolean?][]): Uint8Array[] {
  const whole = echo(family, family.peer, family.us, size).slice(family.header);
  const id = ++identification;
  return ranges.map(([offset, end, more = end < whole.length]) => {
    const payload = concat(whole, counting(70_000)).slice(offset, end);
    return fragment({
      source: family.peer,
      destination: family.us,
      protocol: family.icmp,
      identification: id,
      offset,
      more,
      payload,
    });
  });
}

const SOURCES = {
  IPv4: ['127.0.0.1', '224.0.0.5', '255.255.255.255', '0.0.0.0', '240.1.2.3', '10.0.0.255'],
  IPv6: ['::', '::1', 'ff02::1', '::ffff:10.0.0.1'],
};
const DESTINATIONS = {
  IPv4: ['10.0.0.77', '8.8.8.8', '127.0.0.1', '224.0.0.1', '0.0.0.0', '255.255.255.255', '10.0.0.255'],
  IPv6: ['fd00::77', '2001:db8::1', '::1', '::', 'ff02::fb', 'ff01::1', 'ff02::1', '::ffff:10.0.0.2'],
};

export const IP_CASES: Case[] = [
  ...each(
    1,
    BOTH,
    (length) => `the first ${length} bytes`,
    ({ header }: Family) => (header === 20 ? [1, 19] : [1, 19, 39]),
    (family, length) => [echo(family).slice(0, length)],
  ),
  ...each(
    2,
    BOTH,
    (version) => `version ${version}`,
    [0, 5, 15],
    (family, version) => {
      const packet = echo(family);
      packet[0] = (version << 4) | (packet[0]! & 15);
      return [packet];
    },
  ),
  ...each(
    3,
    [IPV4],
    (ihl) => `IHL ${ihl}`,
    [0, 4, 15],
    (family, ihl) => [altered(echo(family), 0, 0x40 | ihl)],
  ),
  ...each(
    4,
    BOTH,
    (length) => `a length of ${length}`,
    ({ header }: Family) => (header === 20 ? [65_535, 45, 19, 0] : [65_535, 25, 0]),
    (family, length) => [altered(echo(family), family.header === 20 ? 2 : 4, ...u16(length))],
  ),
  ...each(
    5,
    BOTH,
    (padding) => `${padding} bytes of padding`,
    [1, 15],
    (family, padding) => [concat(echo(family), new Uint8Array(padding))],
  ),
  ...each(
    6,
    [IPV4],
    (bit) => `bit ${bit} of the checksum`,
    [0, 7, 15],
    (family, bit) => {
      const packet = echo(family);
      packet[10 + (bit >> 3)]! ^= 1 << (bit & 7);
      return [packet];
    },
  ),
  ...each(
    7,
    BOTH,
    () => 'a SYN from our own address',
    [0],
    ({ us }) => [
      tcpPacket({ source: us, destination: us, sourcePort: TCP_PORT, destinationPort: TCP_PORT, flags: 'S' }),
    ],
  ),
  ...each(
    8,
    BOTH,
    (source) => `an echo request from ${source}`,
    ({ name }: Family) => SOURCES[name],
    (family, source) => [echo(family, source)],
  ),
  ...each(
    8,
    BOTH,
    (source) => `a datagram from ${source}`,
    ({ name }: Family) => SOURCES[name],
    (family, source) => [datagram(family, source)],
  ),
  ...each(
    9,
    BOTH,
    (destination) => `an echo request to ${destination}`,
    ({ name }: Family) => DESTINATIONS[name],
    (family, destination) => [echo(family, family.peer, destination)],
  ),
  ...each(
    9,
    BOTH,
    (destination) => `a datagram to ${destination}`,
    ({ name }: Family) => DESTINATIONS[name],
    (family, destination) => [datagram(family, family.peer, destination)],
  ),
  ...each(
    10,
    [IPV4],
    (hex) => `options ${hex}`,
    [
      '07 00 00 00',
      '07 01 00 00',
      '07 09 00 00',
      '01 01 01 44',
      '01 01 01 01',
      '00 ff ff ff',
      '99 04 00 00',
      '94 04 00 00',
    ],
    (_, hex) => [options(hex)],
  ),
  ...each(
    10,
    [IPV4],
    (hex) => `an echo request with options ${hex}`,
    [
      '07 07 04 00 00 00 00 00',
      '44 0c 05 00 00000000 00000000',
      '44 0c 01 00 00000000 00000000',
      '07 07 05 00 00 00 00 00',
    ],
    (_, hex) => [options(hex, 1)],
  ),
  ...each(
    11,
    [IPV4],
    (type) => `a source route of type ${type}`,
    ['83', '89'],
    (_, type) => [options(`${type} 07 04 0a 00 00 09 00`, 1)],
  ),
  ...each(
    12,
    BOTH,
    () => 'a last fragment that ends beyond 65,535',
    [0],
    (family) => pieces(family, 300, [0, 104], [104, 208], [65_528, 65_728, false], [208, 308]),
  ),
  ...each(
    13,
    BOTH,
    (ranges) => `fragments ${ranges.map((range) => range.join('–')).join(', ')}`,
    [
      [
        [0, 104],
        [96, 208],
        [208, 308],
      ],
      [
        [96, 208],
        [0, 104],
        [208, 308],
      ],
      [
        [0, 208],
        [104, 160],
        [208, 308],
      ],
      [
        [104, 160],
        [0, 208],
        [208, 308],
      ],
      [
        [208, 308],
        [104, 216],
        [0, 104],
      ],
      [
        [0, 104],
        [0, 96],
        [104, 308],
      ],
    ] as [number, number][][],
    (family, ranges) => pieces(family, 300, ...ranges),
  ),
  ...each(
    14,
    BOTH,
    (ranges) => `fragments ${ranges.map((range) => range.join('–')).join(', ')}`,
    [
      [
        [0, 104],
        [0, 104],
        [104, 208],
        [104, 208],
        [208, 308],
      ],
      [
        [0, 104],
        [208, 308],
        [208, 308],
        [104, 208],
      ],
      [
        [0, 104],
        [104, 208],
        [208, 308],
      ],
      [
        [208, 308],
        [104, 208],
        [0, 104],
      ],
    ] as [number, number][][],
    (family, ranges) => pieces(family, 300, ...ranges),
  ),
  ...each(
    14,
    BOTH,
    () => 'a second end elsewhere',
    [0],
    (family) => pieces(family, 300, [0, 104], [104, 208, false], [208, 308]),
  ),
  ...each(
    14,
    BOTH,
    () => 'a piece in the middle whose length is no multiple of eight',
    [0],
    (family) => pieces(family, 300, [0, 104], [104, 207, true], [208, 308]),
  ),
  ...[16, 17].flatMap((row) =>
    each(
      row,
      [row === 16 ? IPV4 : IPV6],
      (offset) => `a tiny TCP fragment at ${offset}`,
      [0, 8],
      ({ peer, us }, offset) => [
        fragment({
          source: peer,
          destination: us,
          protocol: 6,
          identification: ++identification,
          offset,
          more: true,
          payload: counting(16),
        }),
      ],
    ),
  ),
  ...each(
    18,
    [IPV6],
    () => 'an atomic fragment with the number of an open datagram',
    [0],
    (family) => {
      const [first, second, third] = pieces(family, 300, [0, 104], [104, 208], [208, 308]);
      const number = identification;
      const header = ipv6FragmentHeader({ nextHeader: 58, offset: 0, more: false, identification: number });
      const payload = concat(header, echo(family, family.peer, family.us, 20).slice(40));
      return [
        first!,
        ipv6({ source: family.peer, destination: family.us, nextHeader: 44, payload }),
        second!,
        third!,
      ];
    },
  ),
  ...each(
    19,
    [IPV6],
    ([name]) => name!,
    [
      ['151 headers', `${'3c 00 01 04 00000000 '.repeat(150)}11 00 01 04 00000000`],
      ['1,023 options', `11 ff ${'1e 00 '.repeat(1023)}`],
      ['PadN of 255', `11 20 01 ff ${'00'.repeat(255)} 1e 03 000000`],
      ['2,046 times Pad1', `11 ff ${'00'.repeat(2046)}`],
      ['PadN of 8 bytes', '11 01 01 06 000000000000 01 04 00000000'],
      ['PadN with something in it', '11 00 01 04 00000001'],
    ],
    (_, [, hex]) => [chain(60, hex!)],
  ),
  ...each(
    20,
    [IPV6],
    ([name]) => name as string,
    [
      ['hop-by-hop options after others', 60, '00 00 01 04 00000000 11 00 01 04 00000000'],
      ['hop-by-hop options twice', 0, '3c 00 01 04 00000000 00 00 01 04 00000000 11 00 01 04 00000000'],
      ['hop-by-hop options first', 0, '11 00 01 04 00000000'],
    ],
    (_, [, first, hex]) => [chain(first as number, hex as string)],
  ),
  ...each(
    21,
    [IPV6],
    ([type, destination]) => `an option of type ${type} to ${destination}`,
    ['1e', '5e', '80', 'c2'].flatMap((type) => [IPV6.us, 'ff02::1'].map((to) => [type, to] as const)),
    (_, [type, destination]) => [chain(60, `11 00 ${type} 04 00000000`, destination)],
  ),
  ...each(
    21,
    [IPV6],
    (type) => `a hop-by-hop option of type ${type}`,
    ['1e', '5e', '80', 'c2', '05'],
    (_, type) => [chain(0, `11 00 ${type} 02 0000 01 00`)],
  ),
  ...each(
    22,
    [IPV6],
    ([type, left]) => `a routing header of type ${type}, ${left} left`,
    ['00', '01', '02', '03', '04', 'fd'].flatMap((type) => ['00', '02'].map((left) => [type, left] as const)),
    (_, [type, left]) => [chain(43, `11 02 ${type} ${left} 00000000 fd000000000000000000000000000009`)],
  ),
  ...each(
    23,
    [IPV6],
    () => 'next header 59 with a payload',
    [0],
    ({ peer, us }) => [ipPacket(peer, us, 59, counting(40))],
  ),
  ...each(
    23,
    [IPV6],
    () => 'next header 59 behind options',
    [0],
    () => [chain(60, '3b 00 01 04 00000000')],
  ),
  ...each(
    0,
    BOTH,
    (protocol) => `protocol ${protocol}`,
    [47, 132, 200, 255],
    ({ peer, us }, protocol) => [ipPacket(peer, us, protocol, counting(40))],
  ),
  ...each(
    0,
    BOTH,
    () => 'an echo request, whole and in pieces',
    [0],
    (family) => [echo(family), ...cut(echo(family, family.peer, family.us, 2000), 1000, ++identification)],
  ),
];
