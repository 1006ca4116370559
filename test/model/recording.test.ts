// What two wireguard-go said to each other, our two devices say too when they are given the same packets at the same
// times: the same kinds and sizes in the same order, at the same times but for the jitter.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/core/endpoint.ts';
import { JITTER_MAX } from '../../src/core/wireguard/constants.ts';
import { makePacket, Station } from '../core/wireguard/station.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/random.ts';
import { VirtualLink } from '../support/virtual-link.ts';
import {
  DELAY,
  type RecordedMessage,
  type Recording,
  SCRIPT,
  type ScriptStep,
  type SideName,
} from './recording.ts';

const recording = JSON.parse(
  readFileSync(new URL('../vectors/wireguard-go-recording.json', import.meta.url), 'utf8'),
) as Recording;

/** How late the recorded processes may have been, in milliseconds. */
const LATE = 250;
const ADDRESS = { a: '10.98.0.1', b: '10.98.0.2' } as const;
const ENDPOINT: Record<SideName, Endpoint> = {
  a: { host: '192.0.2.1', port: 1 },
  b: { host: '192.0.2.2', port: 2 },
};

class Replay {
  readonly clock = new FakeClock();
  readonly start = this.clock.now;
  readonly link = new VirtualLink(new SeededRandom(1), { delay: DELAY });
  readonly sides: Record<SideName, Station>;
  readonly messages: RecordedMessage[] = [];
  readonly #late = new Set<SideName>();

  /** The seed decides about the jitters. */
  constructor(seed: number) {
    const makeSide = (seed: number) => new Station(this.clock, { seed });
    this.sides = { a: makeSide(2 * seed), b: makeSide(2 * seed + 1) };
    for (const side of ['a', 'b'] as const) {
      const other = otherOf(side);
      this.sides[side].transmit = (bytes, to) => {
        this.messages.push({
          at: this.clock.now - this.start,
          from: side,
          type: bytes[0]!,
          size: bytes.length,
        });
        if (to !== ENDPOINT[other]) throw new Error('to the wrong place');
        this.link.send(bytes, (copy) => this.sides[other].receive(copy, ENDPOINT[side]), this.clock.now);
      };
    }
    this.sides.a.jitter = this.sides.b.jitter = undefined;
    this.introduce('b', false);
    this.introduce('a', true);
    this.sides.b.device.up(this.clock.now);
    this.sides.a.device.up(this.clock.now);
  }

  introduce(side: SideName, knows: boolean): void {
    const other = otherOf(side);
    this.sides[side].addPeer(this.sides[other].publicKey, {
      routes: `${ADDRESS[other]}/32`,
      ...(knows && { endpoint: ENDPOINT[other] }),
    });
  }

  play({ at, side, act }: ScriptStep): void {
    const station = this.sides[side];
    const other = this.sides[otherOf(side)];
    this.clock.runUntil(this.start + at * 1000, this.link, this.sides.a, this.sides.b);
    if (act === 'cut') this.link.isCut = true;
    else if (act === 'mend') this.link.isCut = false;
    else if (act === 'forget') station.device.removePeer(other.publicKey);
    else if (act === 'introduce') this.#late.add(side);
    else if (typeof act === 'number') this.#say(side, act);
    else {
      const seconds = Number(act.slice('keepalive '.length)) || 0;
      station.device.getPeer(other.publicKey)!.setPersistentKeepalive(seconds, this.clock.now);
    }
  }

  /** Our devices call a peer at once, wireguard-go when there is something to say: so it is introduced then. */
  #say(side: SideName, size: number): void {
    if (this.#late.delete(side)) this.introduce(side, true);
    this.sides[side].send(makePacket(ADDRESS[side], ADDRESS[otherOf(side)], size));
  }
}

function otherOf(side: SideName): SideName {
  return side === 'a' ? 'b' : 'a';
}

/** Two that were sent within a moment by different sides may be either way round. */
function inOrder(messages: readonly RecordedMessage[]): RecordedMessage[] {
  const sorted = [...messages];
  for (let i = 1; i < sorted.length; i++) {
    const [one, two] = [sorted[i - 1]!, sorted[i]!];
    if (two.from < one.from && two.at - one.at < DELAY / 2) [sorted[i - 1], sorted[i]] = [two, one];
  }
  return sorted;
}

const words = ({ from, type, size }: RecordedMessage) => `${from} ${type} ${size}`;

/** What our devices say, with jitters that make the tries that cross cross as often as they did there. */
function play(): RecordedMessage[] {
  let messages: RecordedMessage[] = [];
  for (let seed = 1; seed <= 300; seed++) {
    const replay = new Replay(seed);
    for (const step of SCRIPT) replay.play(step);
    messages = inOrder(replay.messages.filter(({ at }) => at < END));
    if (messages.slice(-CROSSING).map(words).join() === theirs.slice(-CROSSING).map(words).join()) break;
  }
  return messages;
}

/** When the recording ends. */
const END = 714_000;
const theirs = inOrder(recording.messages.filter(({ at }) => at < END));
/** So many messages since both called at once. */
const CROSSING = theirs.filter(({ at }) => at > 690_000).length;

describe('two wireguard-go, recorded', () => {
  // Of two packets three seconds apart the second is answered ten seconds after the first is.
  const isSecondKeepalive = ({ at, from, size }: RecordedMessage) =>
    from === 'b' && size === 32 && Math.abs(at - 60_120) < LATE;
  const all = play();
  const ours = all.filter((message) => !isSecondKeepalive(message));

  it('followed the script that is played here', () => {
    expect(recording.script).toEqual(SCRIPT);
    // All of the timers have had their turn.
    expect(theirs.filter(({ type }) => type === 1).length).toBeGreaterThan(25);
  });

  it('did not send the second passive keepalive, because they cancel the timer that they have just set', () => {
    expect(theirs.filter(isSecondKeepalive)).toEqual([]);
    expect(all.filter(isSecondKeepalive)).toHaveLength(1);
  });

  it('said what our devices say, in the same order', () => {
    expect(ours.map(words)).toEqual(theirs.map(words));
  });

  it('said it at the same times, but for the jitter', () => {
    const wrong = theirs.filter((message, i) => {
      const late = message.at - ours[i]!.at;
      if (Math.abs(late) <= LATE) return false;
      // A chain of retransmissions adds jitter to jitter: then each comes as long after the one before.
      const before = i > 0 ? theirs[i - 1]!.at - ours[i - 1]!.at : 0;
      return Math.abs(late - before) > JITTER_MAX + LATE;
    });
    expect(wrong).toEqual([]);
  });
});
