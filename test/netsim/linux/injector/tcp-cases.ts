// The rows of hostile inputs about TCP.
import { type Family, IPV4, IPV6 } from '../../../core/netstack/hostile/family.ts';
import { type PeerOptions, type Segment, tcpPacket } from '../../../core/netstack/hostile/tcp-peer.ts';
import { concat, counting, u32 } from '../../../support/packets.ts';
import type { Case, Scene, State } from './case.ts';
import { TCP_PORT } from './subject.ts';

const BOTH = [IPV4, IPV6] as const;
const CLOSED_PORT = 81;
const TIMESTAMPS = { timestamps: true };

type Fields = Parameters<typeof tcpPacket>[0];

/** A segment that belongs to no connection. */
function loose({ family, peer }: Scene, fields: Partial<Fields>): Uint8Array {
  return tcpPacket({
    source: family.peer,
    destination: family.us,
    sourcePort: peer.port,
    destinationPort: TCP_PORT,
    flags: 'S',
    sequence: 7000,
    ...fields,
  });
}

function toListener(row: number, name: string, ...fields: Partial<Fields>[]): Case {
  return { row, name, families: BOTH, packets: (scene) => fields.map((given) => loose(scene, given)) };
}

function inState(
  row: number,
  name: string,
  state: State,
  segments: Segment[] | ((scene: Scene) => Uint8Array[]),
  options?: PeerOptions,
): Case {
  return {
    row,
    name: `${state}: ${name}`,
    families: BOTH,
    state,
    ...(options && { options }),
    packets: (scene) =>
      typeof segments === 'function'
        ? segments(scene)
        : segments.map((segment) => scene.peer.packet(segment)),
  };
}

function established(row: number, name: string, ...segments: Segment[]): Case {
  return inState(row, name, 'ESTABLISHED', segments);
}

const text = { flags: 'PA', data: counting(10) };
const BROKEN_OPTIONS = [
  [2, 0, 0, 0],
  [2, 1, 0, 0],
  [254, 255, 0, 0],
  [1, 1, 8, 10],
  [1, 1, 1, 2],
  [5, 10, 0, 0],
  [254, 4, 0, 0],
  [0, 255, 255, 255],
  [2, 3, 1, 0],
  [3, 2, 1, 1],
  [4, 3, 0, 0],
];
const SYN_FLAGS = [
  'SF',
  'SR',
  'FSRPAUEW',
  '',
  'F',
  'U',
  'P',
  'FPU',
  'R',
  'RA',
  'FA',
  'SP',
  'SU',
  'SEW',
  'SE',
];
const MSS_OPTIONS = [0, 1, 47, 48, 536, 1380, 65_535].map((mss) => [2, 4, mss >> 8, mss & 255]);

/** SACK blocks as an option, relative to what the host has sent. */
function sack({ peer }: Scene, ...edges: number[]): Uint8Array {
  const numbers = edges.map((edge) => u32((peer.iss + 1 + edge) >>> 0));
  return concat(Uint8Array.of(1, 1, 5, 2 + 4 * edges.length), ...numbers);
}

export const TCP_CASES: Case[] = [
  ...[0, 1, 4, 6, 15].map((dataOffset) => toListener(32, `a data offset of ${dataOffset}`, { dataOffset })),
  toListener(32, 'from port 0', { sourcePort: 0 }),
  toListener(32, 'to port 0', { destinationPort: 0 }),
  ...BROKEN_OPTIONS.flatMap((options) => {
    const broken = Uint8Array.from(options);
    return [
      toListener(33, `a SYN with options ${options.join(' ')}`, { options: broken }),
      established(33, `text with options ${options.join(' ')}`, { ...text, options: broken }),
    ];
  }),
  inState(34, 'text with a wrong checksum, then text', 'ESTABLISHED', ({ peer, family }) => {
    const packet = peer.packet(text);
    packet[family.header + 25]! ^= 0x40;
    return [packet, peer.packet(text)];
  }),
  toListener(34, 'a SYN with a wrong checksum', { checksum: 1 }),
  ...SYN_FLAGS.map((flags) => toListener(35, `flags ${flags || 'none'} to a listener`, { flags })),
  ...SYN_FLAGS.concat('S', 'A').map((flags) =>
    toListener(35, `flags ${flags || 'none'} to a closed port`, {
      flags,
      destinationPort: CLOSED_PORT,
      acknowledgment: 500,
    }),
  ),
  toListener(35, 'text with a SYN', { data: counting(10) }),
  toListener(35, 'text with a SYN to a closed port', { data: counting(10), destinationPort: CLOSED_PORT }),
  toListener(35, 'text without a SYN to a closed port', {
    flags: 'PA',
    data: counting(10),
    acknowledgment: 500,
    destinationPort: CLOSED_PORT,
  }),
  toListener(37, 'an ACK with a guessed cookie', { flags: 'A', acknowledgment: 0x12345678 }),
  ...MSS_OPTIONS.map((options) =>
    toListener(38, `an MSS of ${options[2]! * 256 + options[3]!}`, { options: Uint8Array.from(options) }),
  ),
  ...[0, 1, 48, 536, undefined].map(
    (mss): Case => ({
      row: 38,
      name: `what is written after an MSS of ${mss}`,
      families: BOTH,
      state: 'ESTABLISHED',
      options: { mss },
      packets: () => [],
      written: 20,
    }),
  ),
  ...[14, 15, 255].map((windowScale) =>
    toListener(39, `a window scale of ${windowScale}`, { options: Uint8Array.of(3, 3, windowScale, 1) }),
  ),
  ...[1, 100, 20_000, -1, 1_000_000].map((sequence) =>
    established(40, `a reset at ${sequence}`, { flags: 'R', sequence }),
  ),
  established(40, 'a reset with ACK in the window', { flags: 'RA', sequence: 100 }),
  established(41, 'an exact reset', { flags: 'R' }),
  established(41, 'an exact reset with ACK', { flags: 'RA' }),
  ...[-1, 0, 100, 1_000_000, -100_000].map((sequence) =>
    established(42, `a SYN at ${sequence}`, { flags: 'S', sequence }),
  ),
  ...[1, 1000, 1_000_000, -1, -70_000, -2_000_000].map((acknowledgment) =>
    established(43, `text that acknowledges ${acknowledgment}`, { ...text, acknowledgment }),
  ),
  ...(
    [
      ['reversed', 400, 200],
      ['beyond what was sent', 4000, 5000],
      ['empty', 200, 200],
      ['before all', -500, -100],
      ['across the end', 400, 600],
      ['good', 200, 400],
    ] as const
  ).map(
    ([name, start, end]): Case => ({
      row: 44,
      name: `a SACK block that is ${name}`,
      families: BOTH,
      state: 'ESTABLISHED',
      options: { sack: true },
      written: 500,
      packets: (scene) => [scene.peer.packet({ flags: 'A', options: sack(scene, start, end) })],
    }),
  ),
  ...[1, 1400, 100_000].map((acknowledgment) =>
    established(45, `an ACK of ${acknowledgment}, never sent`, { flags: 'A', acknowledgment }),
  ),
  {
    row: 46,
    name: 'ACKs of one byte each',
    families: BOTH,
    state: 'ESTABLISHED',
    written: 500,
    packets: ({ peer }) =>
      Array.from({ length: 20 }, (_, i) => peer.packet({ flags: 'A', acknowledgment: i + 1 })),
  },
  {
    row: 47,
    name: 'twenty duplicates, with SACK and nothing in it',
    families: BOTH,
    state: 'ESTABLISHED',
    options: { sack: true },
    written: 2000,
    packets: ({ peer }) => Array.from({ length: 20 }, () => peer.packet({ flags: 'A' })),
  },
  inState(
    48,
    'a byte at every second place',
    'ESTABLISHED',
    Array.from({ length: 8 }, (_, i) => ({ flags: 'A', sequence: 1 + 2 * i, data: Uint8Array.of(1) })),
    { sack: true },
  ),
  ...[5000, 5001, 5000 + 2 ** 30, 4999, 0, 5000 - 2 ** 30, false as const].map((timestamp) =>
    inState(50, `text with a timestamp of ${timestamp}`, 'ESTABLISHED', [{ ...text, timestamp }], TIMESTAMPS),
  ),
  ...[5000, 4999, false as const].flatMap((timestamp) =>
    ['R', 'A', 'FA', 'S'].map((flags) =>
      inState(
        50,
        `${flags} with a timestamp of ${timestamp}`,
        'ESTABLISHED',
        [{ flags, timestamp }],
        TIMESTAMPS,
      ),
    ),
  ),
  inState(
    51,
    'text from before the numbers wrapped',
    'ESTABLISHED',
    [
      { ...text, timestamp: 5001 },
      { ...text, sequence: 10, timestamp: 6000 },
      { ...text, sequence: 20, timestamp: 5500 },
    ],
    { ...TIMESTAMPS, isn: 0xffff_fff0 },
  ),
  established(
    53,
    'a window of nothing, then of one byte',
    { flags: 'A', window: 0 },
    { flags: 'A', window: 1 },
  ),
  {
    row: 53,
    name: 'a window that shrinks below what is in flight',
    families: BOTH,
    state: 'ESTABLISHED',
    written: 3000,
    packets: ({ peer }) => [peer.packet({ flags: 'A', acknowledgment: 1000, window: 100 })],
  },
  established(
    55,
    'a FIN twice, at different places',
    { ...text, flags: 'FA' },
    { flags: 'FA', sequence: 15 },
    { flags: 'FA', sequence: 8, data: counting(20) },
  ),
  established(55, 'text after a FIN', { ...text, flags: 'FA' }, { ...text, sequence: 11 }),
  established(
    55,
    'a FIN before what leads to it, and another',
    { flags: 'FA', sequence: 10 },
    { flags: 'FA', sequence: 5 },
    { ...text, sequence: 0 },
  ),
  established(56, 'text far beyond the window', { ...text, sequence: 1_000_000 }),
  established(56, 'text that begins before the window', { flags: 'PA', sequence: -100, data: counting(200) }),
  established(56, 'text that is all before the window', { flags: 'PA', sequence: -10, data: counting(10) }),
  established(56, 'text twice', text, text),
  established(56, 'text with a gap, then the gap', { ...text, sequence: 10 }, text),
  established(56, 'text that overlaps', text, { ...text, sequence: 5 }),
  ...[0, 1, 10, 65_535].map((urgent) =>
    established(57, `an urgent pointer of ${urgent}`, { ...text, flags: 'PAU', urgent }),
  ),
  ...(['R', 'RA', 'A', 'FA', 'PA', 'S'] as const).flatMap((flags) =>
    [0, 1, 4990, -5000].map((sequence) =>
      inState(
        59,
        `${flags} at ${sequence}`,
        'TIME-WAIT',
        [{ flags, sequence, acknowledgment: 1, ...(flags === 'PA' && { data: counting(5) }) }],
        TIMESTAMPS,
      ),
    ),
  ),
  ...[4000, 4999, 5000, 5001, 9000].map((timestamp) =>
    inState(
      59,
      `an older SYN with a timestamp of ${timestamp}`,
      'TIME-WAIT',
      [{ flags: 'S', sequence: -5000, timestamp }],
      TIMESTAMPS,
    ),
  ),
];

/** Where a state's next sequence number is, and what acknowledges all that the host has sent. */
const NEXT: Record<State, [number, number]> = {
  'SYN-SENT': [-1, 0],
  'SYN-RECEIVED': [0, 0],
  ESTABLISHED: [0, 0],
  'FIN-WAIT-1': [0, 1],
  'FIN-WAIT-2': [0, 1],
  CLOSING: [1, 1],
  'TIME-WAIT': [1, 1],
  'CLOSE-WAIT': [1, 0],
  'LAST-ACK': [1, 1],
};
const FLAGS = ['', 'S', 'R', 'F', 'SF', 'A', 'PA', 'FA', 'SA', 'RA', 'FPA'];
const SEQUENCES = [-1000, -1, 0, 1, 1000, 1_000_000];
const ACKNOWLEDGMENTS = [-1_000_000, -1, 0, 1, 1000];

/** Every kind of segment, at every kind of place, in each state: RFC 9293 §3.10.7. */
export const GRID: Case[] = (Object.keys(NEXT) as State[]).flatMap((state) =>
  FLAGS.flatMap((flags) =>
    SEQUENCES.flatMap((sequence) =>
      (flags.includes('A') ? ACKNOWLEDGMENTS : [0]).map((acknowledgment): Case => {
        const [nextSequence, nextAcknowledgment] = NEXT[state];
        const segment = {
          flags,
          sequence: nextSequence + sequence,
          acknowledgment: nextAcknowledgment + acknowledgment,
          ...(flags.includes('P') && { data: counting(10) }),
        };
        const name = `${state}: ${flags || 'no flags'} at ${sequence}${flags.includes('A') ? `, ack ${acknowledgment}` : ''}`;
        return { row: 0, name, families: BOTH, state, packets: ({ peer }) => [peer.packet(segment)] };
      }),
    ),
  ),
);

export function familiesOf(cases: readonly Case[]): [Case, Family][] {
  return cases.flatMap((what) => what.families.map((family): [Case, Family] => [what, family]));
}
