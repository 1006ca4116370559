// That keys are gone, looked for in the very memory that they were in.
import { beforeEach, describe, expect, it } from 'vitest';
import { WasmSuite } from '../../../src/core/crypto/wasm-suite.ts';
import { SECOND } from '../../../src/core/time.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { Opponent, type Session } from './opponent.ts';
import { kindOf, makePacket, Station } from './station.ts';

const outgoing = makePacket('10.0.0.2', '10.0.0.1', 200, 0xb7);

let clock: FakeClock;
let suite: WasmSuite;
let station: Station;
let opponent: Opponent;
/** Every session key that was imported, in order: each session's two. */
let keys: Uint8Array[];

beforeEach(async () => {
  clock = new FakeClock();
  clock.moveTo(Math.ceil(clock.now));
  suite = new WasmSuite(await loadAssembly());
  keys = [];
  const importKey = suite.importKey.bind(suite);
  suite.importKey = (key) => {
    keys.push(key.slice());
    return importKey(key);
  };
  station = new Station(clock, { crypto: suite });
  opponent = new Opponent(station.publicKey);
  opponent.presharedKey.fill(0).set(new TextEncoder().encode('a preshared key of 32 characters'));
  station.addPeer(opponent.publicKey, {
    endpoint: opponent.endpoint,
    presharedKey: opponent.presharedKey,
  });
  station.device.up(clock.now);
});

/** Which of the session keys are in the engine's memory. */
const present = () => keys.map((key) => holds(key));
const holds = (bytes: Uint8Array) => Buffer.from(suite.memory.bytes.buffer).includes(Buffer.from(bytes));

function connect(): Session {
  station.send(outgoing);
  const initiation = station
    .takeSent()
    .filter((sent) => kindOf(sent) === 'initiation')
    .at(-1)!;
  const { message, session } = opponent.answer(initiation.bytes);
  station.receive(message, opponent.endpoint);
  station.takeSent();
  return session;
}

describe('session keys', () => {
  it('are in memory 539 s after the session began and not after 541 s', () => {
    connect();
    const start = clock.now;
    station.runUntil(start + 539 * SECOND);
    expect(present()).toEqual([true, true]);
    station.runUntil(start + 541 * SECOND);
    expect(present()).toEqual([false, false]);
  });

  it('are gone to the millisecond at 540 s', () => {
    connect();
    const start = clock.now;
    station.runUntil(start + 540 * SECOND - 1);
    expect(present()).toEqual([true, true]);
    station.runUntil(start + 540 * SECOND);
    expect(present()).toEqual([false, false]);
  });

  it('of a session that two newer ones pushed out are gone at once', () => {
    for (const wanted of [
      [true, true],
      [true, true, true, true],
      [false, false, true, true, true, true],
    ]) {
      clock.advance(121 * SECOND);
      connect();
      expect(present()).toEqual(wanted);
    }
  });

  it('of an offered session are gone when another is offered', () => {
    for (const wanted of [
      [true, true],
      [false, false, true, true],
    ]) {
      clock.advance(SECOND);
      station.receive(opponent.initiate().message, opponent.endpoint);
      expect(present()).toEqual(wanted);
    }
  });

  it('are gone at once after a sleep of more than 180 s', () => {
    connect();
    clock.advance(181 * SECOND);
    station.poll(clock.now);
    expect(present()).toEqual([false, false]);
  });

  it.each([
    ['the peer is removed', () => station.device.removePeer(opponent.publicKey)],
    ['the device goes down', () => station.device.down()],
    ['the device is closed', () => station.device.close()],
  ])('are gone when %s', (_when, end) => {
    connect();
    end();
    expect(present()).toEqual([false, false]);
  });
});

describe('after the end', () => {
  it('there is no key of ours, no packet and no trace of a handshake in memory', () => {
    const session = connect();
    station.receive(opponent.seal(session, outgoing), opponent.endpoint);
    station.send(outgoing);
    station.device.down();
    station.device.up(clock.now);
    clock.advance(SECOND);
    // One waits for the next session.
    station.send(outgoing);
    expect(holds(outgoing.slice(20))).toBe(true);
    const { privateKey } = station;
    station.device.close();
    suite.wipe();
    expect(present()).toEqual([false, false]);
    expect(holds(privateKey)).toBe(false);
    expect(holds(opponent.presharedKey)).toBe(false);
    const slots = Buffer.from(suite.memory.bytes.buffer, suite.memory.slots.start);
    expect(slots.includes(Buffer.from(outgoing.slice(20)))).toBe(false);
  });
});
