// Mutants that no test can notice, because what they change makes no difference; each with the reason. main.ts refuses
// an entry that is no longer found in the code.
import type { Mutant } from './mutants.ts';

export interface Equivalent {
  file: string;
  /** The line, without its indentation. */
  text: string;
  /** Which of equal operators in the line, from 1; by default any. */
  nth?: number;
  before: string;
  after: string;
  reason: string;
}

const REPLAY = 'src/core/wireguard/replay.ts';

export const EQUIVALENT: Equivalent[] = [
  ...['0 → 1', '0 → -1'].map((change) => ({
    ...changing(change),
    file: REPLAY,
    text: '#lastLow = 0;',
    reason:
      'no bit is set yet: wherever the window stands, what comes first is new, and moves it or lies in it',
  })),
  {
    ...changing('0 → -1'),
    file: REPLAY,
    text: '#lastHigh = 0;',
    reason: 'the first counter moves the window and clears it, which is clear',
  },
  {
    ...changing('> → >='),
    file: REPLAY,
    text: 'if (high > this.#lastHigh || (high === this.#lastHigh && low > this.#lastLow)) this.#advance(low, high);',
    nth: 2,
    reason:
      'the greatest counter again: advancing by nothing clears nothing, and its bit is asked next in any case',
  },
  {
    ...changing('0x800_0000 → 134217729'),
    file: REPLAY,
    text: 'const entered = (high - this.#lastHigh) * 0x800_0000 + (low >>> 5) - lastWord;',
    reason:
      'one word more is cleared, which holds counters 8160 and more behind the greatest: none is in the window',
  },
  {
    ...changing('>= → >'),
    file: REPLAY,
    text: 'if (entered >= WORDS) this.#bits.fill(0);',
    reason: 'exactly all words entered: the loop clears them one by one',
  },
  ...['0 → -1', '< → <='].map((change) => ({
    ...changing(change),
    file: 'src/core/wireguard/tai64n.ts',
    text: 'for (let i = 0; i < TIMESTAMP_SIZE; i++) if (a[i] !== b[i]) return a[i]! > b[i]!;',
    reason: 'beyond their ends both are undefined, and so not different',
  })),
  {
    ...changing('> → >='),
    file: 'src/core/wireguard/tai64n.ts',
    text: 'for (let i = 0; i < TIMESTAMP_SIZE; i++) if (a[i] !== b[i]) return a[i]! > b[i]!;',
    reason: 'they were found to differ',
  },
  ...['< → <=', '1e9 → 1000000001', '1e9 → 999999999'].map((change) => ({
    ...changing(change),
    file: 'src/core/wireguard/tai64n.ts',
    text: 'return next < 1e9 ? { seconds, nanoseconds: next } : { seconds: seconds + 1, nanoseconds: 0 };',
    reason: 'a multiple of 2^24, which none of these numbers is',
  })),
  {
    ...changing('< → <='),
    file: 'src/core/wireguard/alarm.ts',
    text: 'if (at < this.#at) this.#at = at;',
    reason: 'what is equal changes nothing',
  },
  {
    ...changing('&& → ||'),
    file: 'src/core/wireguard/allowed-ips.ts',
    text: 'if (node.owner !== undefined || (node.zero && node.one)) return node;',
    reason: 'a fork of which one way is left answers the same, and goes with the last prefix below it',
  },
  {
    ...changing('|| → &&'),
    file: 'src/core/wireguard/device.ts',
    text: 'if (this.#isClosed || staging.suits(mtu)) return;',
    reason:
      'nothing is staged in a closed device, and cutting slots of the same size puts all back where it was',
  },
  {
    ...changing('> → >='),
    file: 'src/core/wireguard/transport.ts',
    text: 'const last = mtu > 0 && length > mtu ? length % mtu : length;',
    nth: 2,
    reason:
      'a packet as long as the MTU: none of it is a rest to be padded, or all of it is padded up to the MTU',
  },
  {
    ...changing('> → >='),
    file: 'src/core/wireguard/transport.ts',
    text: 'if (padding > 0) {',
    reason: 'appends nothing',
  },
  {
    ...changing('< → <='),
    file: 'src/core/wireguard/messages.ts',
    text: 'if (length < 4) return undefined;',
    reason: 'no message has 4 bytes: its type is read, and then it is too short for it',
  },
];

function changing(change: string): { before: string; after: string } {
  const [before, after] = change.split(' → ');
  return { before: before!, after: after! };
}

/** The entry for this mutant. `nth`: it is the nth of those with the same change in the same line. */
export function equivalentOf(mutant: Mutant, nth: number): Equivalent | undefined {
  return EQUIVALENT.find(
    (entry) =>
      entry.file === mutant.file &&
      entry.text === mutant.text &&
      entry.before === mutant.before &&
      entry.after === mutant.after &&
      (entry.nth ?? nth) === nth,
  );
}
