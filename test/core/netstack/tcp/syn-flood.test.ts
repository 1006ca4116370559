import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../support/random.ts';
import { Crowd } from '../memory/crowd.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const FORGED = 100_000;

describe('100,000 SYNs from forged sources (hostile input 36)', () => {
  const crowd = new Crowd({ clients: FORGED + 1, listen: { backlog: 4096 } });
  crowd.syn(FORGED);
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  for (let client = 0; client < FORGED; client++) {
    crowd.syn(client);
    crowd.now += 0.01;
  }

  it('cost what the backlog allows and no more', () => {
    expect(crowd.layer.halfOpenCount).toBe(4096);
    expect(crowd.layer.connectionCount).toBe(0);
    collectGarbage();
    const after = process.memoryUsage();
    // 4,096 records are a third of a MiB; the rest is what a collector and a compiler may keep.
    expect(after.heapUsed - heapUsed + after.arrayBuffers - arrayBuffers).toBeLessThan(2 << 20);
  });

  it('are each answered by one segment that is not much larger', () => {
    expect(crowd.sent).toBe(FORGED + 1);
    expect(crowd.layer.cookies.sent).toBe(FORGED + 1 - 4096);
  });

  it('keep no real client out: it connects with window scaling and SACK', () => {
    const connection = crowd.open(FORGED);
    expect(connection.info()).toMatchObject({
      state: 'ESTABLISHED',
      sack: true,
      timestamps: true,
      windowScale: { send: 7, receive: 9 },
    });
    const bytes = Uint8Array.of(1, 2, 3);
    crowd.talk(FORGED, connection, bytes);
    expect(connection.info()).toMatchObject({ bytesReceived: 3, bytesAcknowledged: 3 });
  });

  it('are forgotten after 63 s', () => {
    for (let second = 0; second < 64; second++) {
      crowd.now += 1000;
      crowd.poll();
    }
    expect(crowd.layer.halfOpenCount).toBe(0);
    // Each was asked six times in all.
    expect(crowd.sent).toBeLessThan(FORGED + 5 * 4096 + 10);
  });
});

describe('a flood of ACKs with guessed cookies (hostile input 37)', () => {
  it('opens nothing, and is answered by no more resets than the limit allows', () => {
    const crowd = new Crowd({ clients: 100_000, listen: { backlog: 1 } });
    const random = new SeededRandom(3);
    // One is remembered, one is given a cookie: cookies are asked for now.
    crowd.syn(0);
    crowd.syn(1);
    expect(crowd.layer.cookies.sent).toBe(1);
    const { sent } = crowd;
    for (let client = 2; client < 100_000; client++) crowd.guess(client, random.next() | 0);
    expect(crowd.layer.cookies.accepted).toBe(0);
    expect(crowd.layer.connectionCount).toBe(0);
    expect(crowd.layer.drops.of('tcp_bad_cookie')).toBe(99_998);
    expect(crowd.sent - sent).toBe(200);
  });
});
