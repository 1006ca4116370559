import { beforeEach, describe, expect, it } from 'vitest';
import { importPrivate } from '../../src/bridge/crypto-key.ts';
import type { Clock } from '../../src/core/clock.ts';
import { RawIdentity } from '../../src/core/crypto/identity.ts';
import { CryptoKeyIdentity } from '../../src/service/crypto-key-identity.ts';
import { NobleSuite } from '../reference/noble-suite.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/random.ts';

const random = new SeededRandom(3);
const suite = new NobleSuite();

let fake: FakeClock;
let clock: Clock;
let bytes: Uint8Array;
let raw: RawIdentity;
let identity: CryptoKeyIdentity;
let later: CryptoKeyIdentity;
/** What `answered` was called with, as it came. */
let answered: unknown[][];

beforeEach(async () => {
  fake = new FakeClock();
  clock = { now: () => fake.now, wakeAt: () => {} };
  bytes = random.bytes(32);
  raw = new RawIdentity(bytes, suite);
  answered = [];
  identity = await CryptoKeyIdentity.of(await importPrivate(bytes), clock, (...args) => {
    answered.push(args);
  });
  later = await CryptoKeyIdentity.of(await importPrivate(random.bytes(32)), clock, () => {});
});

/** Until WebCrypto has nothing more to do for us: it has answered others, who asked later, several times over. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++)
    await new Promise<unknown>((resolve) => later.dh(raw.publicKey, 0, resolve));
}

function rawAnswer(publicKey: Uint8Array): Uint8Array | undefined {
  let result: Uint8Array | undefined;
  raw.dh(publicKey, 0, (shared) => {
    result = shared;
  });
  return result;
}

describe('an identity in WebCrypto', () => {
  it('has the public key and the answers of its bytes', async () => {
    expect(identity.publicKey).toEqual(raw.publicKey);
    const points = Array.from({ length: 8 }, () => random.bytes(32));
    const answers = await Promise.all(
      points.map((point) => new Promise((resolve) => identity.dh(point, 0, resolve))),
    );
    expect(answers).toEqual(points.map(rawAnswer));
    expect(answers).not.toContain(undefined);
  });

  it('gives nothing for a point of low order', async () => {
    const answers: unknown[] = [];
    for (const point of [new Uint8Array(32), Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))])
      identity.dh(point, 0, (shared) => answers.push(shared));
    await settled();
    expect(answers).toEqual([undefined, undefined]);
    expect(answered).toEqual([[], []]);
  });

  it('answers in a later turn, with the time that it is then, and says that it has', async () => {
    const events: unknown[] = [];
    identity.dh(raw.publicKey, fake.now, (_shared, now) => events.push({ now, answered: answered.length }));
    expect(events).toEqual([]);
    fake.advance(77);
    await settled();
    expect(events).toEqual([{ now: fake.now, answered: 0 }]);
    expect(answered).toEqual([[]]);
  });

  it('asks with the key as it was: the caller may change it afterwards', async () => {
    const point = random.bytes(32);
    const expected = rawAnswer(point);
    let shared: Uint8Array | undefined;
    identity.dh(point, 0, (answer) => {
      shared = answer;
    });
    point.fill(9);
    await settled();
    expect(shared).toEqual(expected);
  });

  it('answers nothing after destroy(), neither what was asked before nor after', async () => {
    const answers: unknown[] = [];
    identity.dh(random.bytes(32), 0, (shared) => answers.push(shared));
    identity.destroy();
    identity.dh(random.bytes(32), 0, (shared) => answers.push(shared));
    await settled();
    expect({ answers, answered }).toEqual({ answers: [], answered: [] });
  });

  it('reports what is thrown inside an answer, and goes on', async () => {
    const mistake = new Error('a mistake of ours');
    identity.dh(random.bytes(32), 0, () => {
      throw mistake;
    });
    await settled();
    expect(answered).toEqual([[mistake]]);
    const next = await new Promise((resolve) => identity.dh(raw.publicKey, 0, resolve));
    expect(next).toEqual(rawAnswer(raw.publicKey));
  });

  it('answers also when WebCrypto fails, because whoever asked keeps count; and reports that', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'X25519' }, false, ['deriveBits']);
    const { privateKey } = pair as CryptoKeyPair;
    const broken = await CryptoKeyIdentity.of(privateKey, clock, (...args) => answered.push(args));
    const answers: unknown[] = [];
    broken.dh(new Uint8Array(31), 0, (...answer) => answers.push(answer));
    await settled();
    expect(answers).toEqual([[undefined, fake.now]]);
    expect(answered).toEqual([[expect.any(Error)]]);
  });
});
