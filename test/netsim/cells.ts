// The rows and columns of the loss table: what is done to the network, and what is asked of us there.
import type { LinkProfile } from './link-profile.ts';

export interface Cell {
  /** Unique, and what --cells looks for. */
  readonly name: string;
  readonly trouble: string;
  readonly rtt: number;
  readonly family: 4 | 6;
  /** On top of rate, queue and delay. */
  readonly profile: LinkProfile;
  /** Our part of what Linux reaches in our place, when we send and when we receive. */
  readonly required: { readonly send: number; readonly receive: number };
  /** Ms before the measurement. */
  readonly warmUp: number;
  /** Loss, not the link, limits it: it costs little processor time, so that several run side by side. */
  readonly isLight: boolean;
  /** A few losses decide the whole: it runs with more seeds. */
  readonly isChancy: boolean;
  /** Where nothing is lost but what the queue drops: how little may be sent again without need. */
  readonly spurious: SpuriousBound | undefined;
}

export interface SpuriousBound {
  /** Ms from the beginning, after which it counts. */
  readonly after: number;
  /** Segments in each period of so many ms. */
  readonly most: number;
  readonly period: number;
}

/** Bit/s of whole IP packets. */
export const RATE = 100e6;
export const MTU = 1420;
/** With timestamps in every segment. */
export const MSS = 1368;
/** Bytes per second of payload when the link is full; IPv6 headers leave 20 bytes a packet less. */
export const LINK_GOODPUT = (RATE / 8) * (MSS / MTU);

const ROUND_TRIPS = [20, 100, 200];
const RECEIVE = 0.95;

interface Trouble {
  name: string;
  profile: LinkProfile;
  send: number;
  receive?: number;
  warmUp?: number;
  isLight?: boolean;
  isChancy?: boolean;
  spurious?: SpuriousBound;
  roundTrips?: number[];
}

const troubles: Trouble[] = [
  { name: 'none', profile: {}, send: 0.97, receive: 0.97, warmUp: 10_000 },
  { name: 'loss 0.01 %', profile: { loss: 0.0001 }, send: 0.9, isChancy: true },
  { name: 'loss 0.1 %', profile: { loss: 0.001 }, send: 0.9, isLight: true },
  { name: 'loss 1 %', profile: { loss: 0.01 }, send: 0.9, isLight: true },
  { name: 'loss 5 %', profile: { loss: 0.05 }, send: 0.85, receive: 0.85, isLight: true },
  {
    name: 'reorder 1 % by 5 ms',
    profile: { reorder: { part: 0.01, by: 5 } },
    send: 0.9,
    spurious: { after: 5000, most: 1, period: 10_000 },
  },
  { name: 'duplicate 5 %', profile: { duplicate: 0.05 }, send: 0.97, receive: 0.97 },
  {
    name: 'stall 400 ms each 5 s',
    profile: { stall: { for: 400, every: 5000 } },
    send: 0.9,
    receive: 0.9,
    spurious: { after: 0, most: 2, period: 5000 },
    roundTrips: [20],
  },
];

function cellsOf(trouble: Trouble, family: 4 | 6): Cell[] {
  const suffix = family === 6 ? ', IPv6' : '';
  return (trouble.roundTrips ?? ROUND_TRIPS).map((rtt) => ({
    name: `${trouble.name}, ${rtt} ms${suffix}`,
    trouble: `${trouble.name}${suffix}`,
    rtt,
    family,
    profile: trouble.profile,
    required: { send: trouble.send, receive: trouble.receive ?? RECEIVE },
    warmUp: trouble.warmUp ?? 0,
    isLight: trouble.isLight ?? false,
    isChancy: trouble.isChancy ?? trouble.isLight ?? false,
    spurious: trouble.spurious,
  }));
}

export const CELLS: readonly Cell[] = [
  ...troubles.flatMap((trouble) => cellsOf(trouble, 4)),
  ...cellsOf(troubles.find(({ name }) => name === 'loss 0.1 %')!, 6),
];

/** One direction of the cell's network: a bottleneck whose queue holds one bandwidth-delay product. */
export function linkOf(cell: Cell): LinkProfile {
  const queue = Math.round((RATE / 8) * (cell.rtt / 1000));
  return { rate: RATE, queue, delay: cell.rtt / 2, ...cell.profile };
}
