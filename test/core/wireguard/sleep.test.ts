// A device by the clock of a machine that sleeps, is set, and whose timers come too early or too late.
import { beforeEach, describe, expect, it } from 'vitest';
import { SleepAwareClock } from '../../../src/core/clock.ts';
import { MINUTE, NEVER, SECOND } from '../../../src/core/time.ts';
import { isLaterTimestamp } from '../../../src/core/wireguard/tai64n.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeMachine } from '../../support/fake-machine.ts';
import { Opponent, type Session } from './opponent.ts';
import { kindOf, makePacket, Station } from './station.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1');
const incoming = makePacket('10.0.0.1', '10.0.0.2');

/** A machine, its clock, and a device that is polled when a timer fires and after each call, as the driver does it. */
class Tab {
  readonly machine = new FakeMachine();
  readonly clock = new SleepAwareClock(this.machine);
  /** What the station takes for the time: the clock's, looked at before each call. */
  readonly #time = new FakeClock();
  readonly station = new Station(this.#time);
  readonly opponent = new Opponent(this.station.publicKey);

  constructor(persistentKeepalive = 0) {
    const { station, opponent } = this;
    this.#look();
    station.device.up(this.#time.now);
    station.addPeer(opponent.publicKey, { endpoint: opponent.endpoint, persistentKeepalive });
    this.settle();
  }

  #look(): void {
    this.#time.now = this.clock.now();
    this.#time.wall = this.machine.date;
  }

  readonly settle = (): void => {
    this.#look();
    this.station.poll(this.#time.now);
    this.clock.wakeAt(this.station.pollAt(), this.settle);
  };

  /** Time goes by, and timers fire when they should. */
  pass(ms: number): void {
    const { machine } = this;
    const end = machine.performance + ms;
    for (;;) {
      const [timer] = machine.timers;
      if (!timer || timer.at > end) break;
      machine.pass(Math.max(0, timer.at - machine.performance));
      machine.fire();
    }
    machine.pass(end - machine.performance);
  }

  send(): string {
    this.#look();
    const verdict = this.station.send(outgoing);
    this.settle();
    return verdict;
  }

  receive(bytes: Uint8Array): void {
    this.#look();
    this.station.receive(bytes, this.opponent.endpoint);
    this.settle();
  }

  /** Answers the newest initiation. */
  connect(): Session {
    const initiation = this.station
      .takeSent()
      .filter((sent) => kindOf(sent) === 'initiation')
      .at(-1)!;
    const { message, session } = this.opponent.answer(initiation.bytes);
    this.receive(message);
    this.station.takeSent();
    return session;
  }

  kinds(): string[] {
    return this.station.takeSent().map(kindOf);
  }

  expectEcho(session: Session): void {
    const before = this.station.delivered.length;
    this.receive(this.opponent.seal(session, incoming));
    expect(this.station.delivered).toHaveLength(before + 1);
    this.station.takeSent();
    expect(this.send()).toBe('sent');
    this.opponent.open(session, this.station.takeSent()[0]!.bytes);
  }
}

let tab: Tab;
let session: Session;
beforeEach(() => {
  tab = new Tab();
  session = tab.connect();
  tab.pass(SECOND);
});

describe('sleep', () => {
  it('of ten minutes, in which the monotonic clock stood still: sessions are dead, and there is one initiation', () => {
    const { station, machine, opponent } = tab;
    const before = station.device.lastTimestamp!;
    machine.sleep(10 * MINUTE);
    tab.receive(opponent.seal(session, incoming));
    expect(station.delivered).toEqual([]);
    expect(station.drops()).toEqual({ unknown_index: 1 });
    expect(station.crypto.keyCount).toBe(0);
    for (let n = 0; n < 3; n++) expect(tab.send()).toBe('staged');
    const [initiation, ...rest] = station.takeSent();
    expect(rest).toEqual([]);
    const { timestamp } = opponent.read(initiation!.bytes);
    expect(isLaterTimestamp(timestamp, before)).toBe(true);
    expect(new DataView(timestamp.buffer).getUint32(4)).toBe(Math.floor(machine.date / 1000) + 10);
    const { message, session: renewed } = opponent.answer(initiation!.bytes);
    tab.receive(message);
    expect(tab.kinds()).toEqual(['data', 'data', 'data']);
    tab.expectEcho(renewed);
  });

  it('of ten minutes, with a persistent keepalive: one initiation, by itself, at the first timer after it', () => {
    tab = new Tab(25);
    tab.connect();
    tab.machine.sleep(10 * MINUTE);
    tab.pass(24.9 * SECOND);
    tab.station.takeSent();
    tab.pass(0.2 * SECOND);
    // Whether or not the browser lets the timer fire at once, no burst follows.
    tab.settle();
    expect(tab.station.events.filter(({ type }) => type === 'handshake-attempt')).toHaveLength(2 + 4);
  });

  it('of two minutes counts as age: the next packet renews the session', () => {
    tab.machine.sleep(2 * MINUTE);
    expect(tab.send()).toBe('sent');
    expect(tab.kinds()).toEqual(['data', 'initiation']);
  });

  it('of three minutes is the end of the session', () => {
    tab.machine.sleep(3 * MINUTE);
    expect(tab.send()).toBe('staged');
    expect(tab.kinds()).toEqual(['initiation']);
  });

  it('of a second, as a busy machine takes, is none', () => {
    for (let n = 0; n < 100; n++) {
      tab.machine.sleep(SECOND);
      tab.pass(10);
      tab.settle();
    }
    tab.expectEcho(session);
  });
});

describe('a wall clock that is set', () => {
  it('an hour ahead, without sleep: sessions end early, and the next handshake is as good as any', () => {
    const { station, machine, opponent } = tab;
    const before = station.device.lastTimestamp!;
    machine.sleep(60 * MINUTE);
    expect(tab.send()).toBe('staged');
    const [initiation] = station.takeSent();
    expect(isLaterTimestamp(opponent.read(initiation!.bytes).timestamp, before)).toBe(true);
    const { message, session: renewed } = opponent.answer(initiation!.bytes);
    tab.receive(message);
    tab.expectEcho(renewed);
    // And back: nothing.
    machine.sleep(-60 * MINUTE);
    tab.expectEcho(renewed);
    expect(station.drops()).toEqual({});
  });

  it('an hour back: nothing; deadlines stay where they were, and timestamps go on', () => {
    const { station, machine, opponent } = tab;
    const before = station.device.lastTimestamp!;
    tab.receive(opponent.seal(session, incoming));
    machine.sleep(-60 * MINUTE);
    tab.pass(9.999 * SECOND);
    expect(tab.kinds()).toEqual([]);
    tab.pass(2);
    expect(tab.kinds()).toEqual(['keepalive']);
    tab.expectEcho(session);
    tab.pass(110 * SECOND);
    tab.send();
    const [, initiation] = station.takeSent();
    expect(isLaterTimestamp(opponent.read(initiation!.bytes).timestamp, before)).toBe(true);
    expect(station.drops()).toEqual({});
  });
});

describe('timers of the system', () => {
  /** In the middle of trying: the next is due in 5 s. */
  function unanswered(): Tab {
    tab = new Tab();
    expect(tab.kinds()).toEqual(['initiation']);
    return tab;
  }

  it('that fire 0.4 ms early lose no retransmission', () => {
    const { machine } = unanswered();
    machine.pass(4999.6);
    machine.fire();
    expect(tab.kinds()).toEqual([]);
    expect(machine.timers).toHaveLength(1);
    machine.pass(0.4);
    machine.fire();
    expect(tab.kinds()).toEqual(['initiation']);
  });

  it('that fire a minute late make one initiation, not twelve', () => {
    const { machine } = unanswered();
    machine.pass(65 * SECOND);
    machine.fire();
    // A timer that was held up lets what came meanwhile go first.
    machine.fire();
    expect(tab.kinds()).toEqual(['initiation']);
    tab.pass(4.9 * SECOND);
    expect(tab.kinds()).toEqual([]);
  });

  it('are not asked for more than 2^31 − 1 ms, and a keepalive of 65,535 s comes on time', () => {
    tab = new Tab(65_535);
    session = tab.connect();
    const { machine } = tab;
    let longest = 0;
    const setTimer = machine.setTimer.bind(machine);
    machine.setTimer = (run, delay) => {
      longest = Math.max(longest, delay);
      return setTimer(run, delay);
    };
    tab.receive(tab.opponent.seal(session));
    tab.pass(65_534 * SECOND);
    expect(tab.kinds()).toEqual([]);
    tab.pass(2 * SECOND);
    expect(tab.kinds()).toEqual(['initiation']);
    expect(longest).toBeLessThan(2 ** 31);
    expect(longest).toBeGreaterThan(6e7);
  });

  it('are none when nothing is to be done', () => {
    tab.pass(30 * MINUTE);
    expect(tab.station.pollAt()).toBe(NEVER);
    expect(tab.machine.timers).toEqual([]);
  });
});
