// The rows of hostile inputs about ICMP and UDP.
import { type Family, IPV4, IPV6 } from '../../../core/netstack/hostile/family.ts';
import { counting, icmp, icmpPacket, ipPacket, udp } from '../../../support/packets.ts';
import type { Case, Scene } from './case.ts';
import { UDP_PORT } from './subject.ts';

const BOTH = [IPV4, IPV6] as const;

/** An error about the last segment with text that the host has sent, whose sequence number is off by `shift`. */
function about({ family, sent }: Scene, type: number, code: number, shift: number, rest = 0): Uint8Array {
  const quote = sent.at(-1)!.slice();
  const view = new DataView(quote.buffer);
  view.setUint32(family.header + 4, view.getUint32(family.header + 4) + shift);
  return icmpPacket({
    source: family.peer,
    destination: family.us,
    type,
    code,
    rest,
    data: quote.subarray(0, 200),
  });
}

function simple(
  row: number,
  name: string,
  families: readonly Family[],
  packets: (family: Family) => Uint8Array[],
): Case {
  return { row, name, families, packets: ({ family }) => packets(family) };
}

function message(
  family: Family,
  type: number,
  more: { checksum?: number; size?: number; code?: number } = {},
): Uint8Array {
  const { peer: source, us: destination } = family;
  const { size = 40, ...rest } = more;
  return icmpPacket({ source, destination, type, data: counting(size), ...rest });
}

function toUdp(family: Family, more: Partial<Parameters<typeof udp>[0]>): Uint8Array {
  const { peer: source, us: destination } = family;
  const fields = {
    source,
    destination,
    sourcePort: 5,
    destinationPort: UDP_PORT,
    data: counting(8),
    ...more,
  };
  return ipPacket(source, destination, 17, udp(fields));
}

/** Everything that a router or a neighbour says, and what nobody answers any more. */
const IGNORED: [Family, number][] = [
  ...[4, 5, 9, 10, 13, 15, 17, 37, 200].map((type): [Family, number] => [IPV4, type]),
  ...[130, 131, 132, 133, 134, 135, 136, 137, 139, 143, 200].map((type): [Family, number] => [IPV6, type]),
];
/** Too big, with these. */
const MTUS: [Family, number][] = [
  ...[0, 20, 67, 68, 551, 552, 600, 1300, 1420, 1500, 65_535].map((mtu): [Family, number] => [IPV4, mtu]),
  ...[0, 67, 1279, 1280, 1300, 1420, 1500, 65_535].map((mtu): [Family, number] => [IPV6, mtu]),
];

export const ICMP_CASES: Case[] = [
  ...[0, 1, 0xffff].map((checksum) =>
    simple(24, `an echo request with checksum ${checksum}`, BOTH, (family) => [
      message(family, family.echoRequest, { checksum, size: 8 }),
    ]),
  ),
  simple(24, 'an echo request with ICMPv4’s checksum', [IPV6], ({ peer, us }) => [
    ipPacket(
      peer,
      us,
      58,
      icmp({ source: '10.0.0.1', destination: '10.0.0.2', type: 128, data: counting(8) }),
    ),
  ]),
  simple(24, 'an echo request of seven bytes', BOTH, (family) => [
    ipPacket(
      family.peer,
      family.us,
      family.icmp,
      message(family, family.echoRequest).slice(family.header, family.header + 7),
    ),
  ]),
  simple(25, 'an error that quotes an error', BOTH, (family) => [
    icmpPacket({
      source: family.peer,
      destination: family.us,
      type: family.unreachable,
      code: family.portCode,
      data: icmpPacket({
        source: family.us,
        destination: family.peer,
        type: family.unreachable,
        data: counting(40),
      }),
    }),
  ]),
  simple(25, 'an error about nothing', BOTH, (family) => [message(family, family.unreachable, { code: 1 })]),
  ...(['ESTABLISHED', 'SYN-SENT'] as const).flatMap((state) =>
    [-1, 0, 499, 500, -2_000_000_000].flatMap((shift) =>
      [0, 1, 2, 3, 4, 13].map(
        (code): Case => ({
          row: 26,
          name: `${state}: unreachable, code ${code}, off by ${shift}`,
          families: BOTH,
          state,
          ...(state === 'ESTABLISHED' && { written: 500 }),
          packets: (scene) => {
            const { family } = scene;
            const type = family.unreachable;
            // 3/4 with no MTU is another row's.
            if (family === IPV4 && code === 4) return [about(scene, type, 5, shift)];
            return [about(scene, type, code, shift)];
          },
        }),
      ),
    ),
  ),
  ...MTUS.map(
    ([family, mtu]): Case => ({
      row: 27,
      name: `too big, ${mtu}`,
      families: [family],
      state: 'ESTABLISHED',
      written: 4000,
      tellsOfPath: true,
      packets: (scene) => [about(scene, family === IPV4 ? 3 : 2, family === IPV4 ? 4 : 0, 0, mtu)],
    }),
  ),
  ...IGNORED.map(([family, type]) => simple(28, `type ${type}`, [family], () => [message(family, type)])),
  ...['255.255.255.255', '10.0.0.255', '224.0.0.1'].map((destination) =>
    simple(29, `an echo request to ${destination}`, [IPV4], ({ peer }) => [
      icmpPacket({ source: peer, destination, type: 8 }),
    ]),
  ),
  simple(29, 'twenty echo requests', BOTH, (family) =>
    Array.from({ length: 20 }, () => message(family, family.echoRequest)),
  ),
];

export const UDP_CASES: Case[] = [
  ...[0, 1, 7, 8, 15, 16, 17, 65_535].map((length) =>
    simple(30, `a length of ${length}`, BOTH, (family) => [toUdp(family, { length })]),
  ),
  simple(30, 'to port 0', BOTH, (family) => [toUdp(family, { destinationPort: 0 })]),
  simple(30, 'from port 0', BOTH, (family) => [toUdp(family, { sourcePort: 0 })]),
  simple(30, 'a wrong checksum', BOTH, (family) => [toUdp(family, { checksum: 1 })]),
  simple(30, 'no checksum', BOTH, (family) => [toUdp(family, { checksum: 0 })]),
  simple(30, 'no checksum, to a closed port', BOTH, (family) => [
    toUdp(family, { checksum: 0, destinationPort: 7 }),
  ]),
  simple(30, 'a wrong checksum, to a closed port', BOTH, (family) => [
    toUdp(family, { checksum: 1, destinationPort: 7 }),
  ]),
  simple(30, 'an empty message', BOTH, (family) => [toUdp(family, { data: new Uint8Array(0) })]),
  simple(30, 'half a header', BOTH, (family) => [ipPacket(family.peer, family.us, 17, counting(4))]),
  simple(30, 'no header', BOTH, (family) => [ipPacket(family.peer, family.us, 17, new Uint8Array(0))]),
  simple(31, 'three messages to a closed port', BOTH, (family) =>
    Array.from({ length: 3 }, () => toUdp(family, { destinationPort: 7 })),
  ),
  simple(31, 'a message of 1,300 bytes to a closed port', BOTH, (family) => [
    toUdp(family, { destinationPort: 7, data: counting(1300) }),
  ]),
];
