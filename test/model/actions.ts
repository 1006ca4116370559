// What the adversary, the users and time can do to a world. Actions are plain data with all their choices inside, and
// each makes sense after any others, so that a failing list can be shortened. What they do is in perform.ts.
import type { SeededRandom } from '../support/random.ts';
import { KEYS_PER_SIDE } from './side.ts';

interface Place {
  side: number;
  to: number;
}

/** `n` chooses a datagram on its way (or, to be replayed, of the past), `side` and `to` the sides. */
export interface Choices {
  deliver: { n: number };
  'deliver all': object;
  drop: { n: number };
  'drop all': object;
  duplicate: { n: number };
  hold: { n: number; ms: number };
  replay: { n: number };
  /** Arrives from somewhere else. */
  spoof: { n: number };
  /** Arrives where it came from. */
  reflect: { n: number };
  /** One bit. */
  corrupt: { n: number; at: number; bit: number };
  /** One bit of a handshake message, whose mac1 is then made right again. */
  tamper: { n: number; at: number; bit: number };
  resize: { n: number; by: number };
  /** What was never a message. */
  garbage: { side: number; kind: 'random' | 'reserved' | 'static'; size: number };
  /** Initiations with a right mac1: made up if `n` is 0, else an old one. */
  flood: { side: number; n: number; times: number };
  /** A static key that is out of reach answers one DH. */
  answer: { n: number };
  /** Datagrams arrive by themselves, or not. */
  calm: { on: boolean };

  wait: { ms: number };
  /** Time passes and nobody looks at the clock. */
  jump: { ms: number };
  /** Time passes, then all look at the clock. */
  sleep: { ms: number };
  'set wall clock': { ms: number };

  send: Place & { size: number; times: number; flaw?: 'source' | 'length' | 'route' };
  /** A packet that arrives after so many later ones, of which only the last arrives; or before them, and one between. */
  lag: Place & { by: number; isLate: boolean };
  restart: { side: number; keepsTimestamp: boolean };
  'new key': { side: number; key: number; tells: boolean };
  psk: Place & { psk: number; both: boolean };
  remove: Place;
  add: Place;
  endpoint: Place;
  keepalive: Place & { seconds: number };
  /** Another port, of which the device hears or not. */
  move: { side: number; notices: boolean };
  'handshake needed': Place;
  up: { side: number };
  down: { side: number };
}

export type Action = { [Name in keyof Choices]: { act: Name } & Choices[Name] }[keyof Choices];

/** What time advances by: where rules change, and a little before and after. */
const TIMES = [1, 20, 100, 1000, 5000, 10_000, 15_000, 120_000, 165_000, 180_000, 540_000];
const SHIFTS = [0, 0, 0, -1, 1, 333];
const SIZES = [60, 64, 100, 576, 1280, 1420, 1421, 1500];

type Maker = (random: SeededRandom, sides: number) => Action;

const n = (r: SeededRandom) => ({ n: r.below(64) });
const bit = (r: SeededRandom) => ({ at: r.below(200), bit: r.below(8) });
const one = <T>(r: SeededRandom, choices: readonly T[]): T => choices[r.below(choices.length)]!;
const place = (r: SeededRandom, sides: number) => {
  const side = r.below(sides);
  return { side, to: (side + 1 + r.below(sides - 1)) % sides };
};
const time = (r: SeededRandom) => {
  // Short times more often.
  const base = TIMES[Math.min(r.below(TIMES.length), r.below(TIMES.length + 4))]!;
  return { ms: Math.max(1, base + one(r, SHIFTS)) };
};

/** How often, and what. */
const MAKERS: readonly [number, Maker][] = [
  [30, (r, s) => ({ act: 'send', ...place(r, s), size: one(r, SIZES), times: 1 })],
  [
    3,
    (r, s) => ({
      act: 'send',
      ...place(r, s),
      size: 100,
      times: 1,
      flaw: one(r, ['source', 'length', 'route']),
    }),
  ],
  [1, (r, s) => ({ act: 'send', ...place(r, s), size: 60, times: 100 + r.below(60) })],
  [26, (r) => ({ act: 'wait', ...time(r) })],
  [4, (r) => ({ act: 'jump', ...time(r) })],
  [2, (r) => ({ act: 'sleep', ...time(r) })],
  [20, () => ({ act: 'deliver all' })],
  [14, (r) => ({ act: 'deliver', ...n(r) })],
  [5, (r) => ({ act: 'drop', ...n(r) })],
  [2, () => ({ act: 'drop all' })],
  [5, (r) => ({ act: 'duplicate', ...n(r) })],
  [4, (r) => ({ act: 'hold', ...n(r), ...time(r) })],
  [4, (r) => ({ act: 'corrupt', ...n(r), ...bit(r) })],
  [4, (r) => ({ act: 'tamper', ...n(r), ...bit(r) })],
  [2, (r) => ({ act: 'resize', ...n(r), by: r.below(64) - 40 })],
  [8, (r) => ({ act: 'replay', n: r.below(300) })],
  [4, (r) => ({ act: 'spoof', ...n(r) })],
  [2, (r) => ({ act: 'reflect', ...n(r) })],
  [2, (r, s) => ({ act: 'restart', side: r.below(s), keepsTimestamp: one(r, [true, false]) })],
  [1, (r, s) => ({ act: 'new key', side: r.below(s), key: r.below(KEYS_PER_SIDE), tells: r.below(4) > 0 })],
  [1, (r, s) => ({ act: 'psk', ...place(r, s), psk: r.below(3), both: one(r, [true, false]) })],
  [1, (r, s) => ({ act: 'remove', ...place(r, s) })],
  [3, (r, s) => ({ act: 'add', ...place(r, s) })],
  [2, (r, s) => ({ act: 'endpoint', ...place(r, s) })],
  [1, (r, s) => ({ act: 'handshake needed', ...place(r, s) })],
  [2, (r, s) => ({ act: 'keepalive', ...place(r, s), seconds: one(r, [0, 0, 1, 25, 65_535]) })],
  [3, (r, s) => ({ act: 'move', side: r.below(s), notices: one(r, [true, false]) })],
  [1, (r, s) => ({ act: 'down', side: r.below(s) })],
  [3, (r, s) => ({ act: 'up', side: r.below(s) })],
  [12, (r) => ({ act: 'answer', n: r.below(4) })],
  [6, (r) => ({ act: 'calm', on: r.below(3) > 0 })],
  [1, (r) => ({ act: 'set wall clock', ms: one(r, [-3_600_000, -10, 86_400_000]) })],
  [2, (r, s) => ({ act: 'flood', side: r.below(s), n: r.below(2) * r.below(300), times: 1 + r.below(150) })],
  [3, (r, s) => ({ act: 'garbage', side: r.below(s), kind: one(r, KINDS), size: r.below(200) })],
];
const KINDS = ['random', 'reserved', 'static'] as const;
const LAGS = [
  { by: 8128, isLate: true },
  { by: 8129, isLate: true },
  { by: 8192, isLate: false },
];
/** The replay window costs as many packets as it is wide, so its edge is rarely looked at. */
const LAG_ONCE_IN = 4000;
const TOTAL = MAKERS.reduce((sum, [weight]) => sum + weight, 0);

export function makeActions(count: number, random: SeededRandom, sides: number): Action[] {
  return Array.from({ length: count }, () => {
    if (random.below(LAG_ONCE_IN) === 0) return { act: 'lag', ...place(random, sides), ...one(random, LAGS) };
    let left = random.below(TOTAL);
    const [, make] = MAKERS.find(([weight]) => (left -= weight) < 0)!;
    return make(random, sides);
  });
}
