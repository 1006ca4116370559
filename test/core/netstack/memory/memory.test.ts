import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { churn } from './churn.ts';
import { Crowd } from './crowd.ts';
import { POPULATIONS } from './populations.ts';
import { SOCKET_BOUND } from './sockets.ts';
import { TRAFFIC } from './traffic.ts';
import { memoryInUse } from './weigh.ts';

/** `npm run bench:memory`, one row of it: the heap of a process of its own is the only quiet one. */
function bench(...task: string[]): Promise<string> {
  const main = join(import.meta.dirname, 'main.ts');
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', main, ...task], (error, stdout, stderr) =>
      resolve(error ? `${stdout}${stderr}` : 'ok'),
    );
  });
}

/** Less than three words for each of 20,000 connections, in bytes. */
const GROWTH_BOUND = 450_000;

describe('memory of ten thousand', () => {
  for (const [index, { name, bound }] of POPULATIONS.entries()) {
    it(`${name} is within ${bound >> 20} MiB`, { timeout: 120_000 }, async () => {
      expect(await bench(String(index))).toBe('ok');
    });
  }

  it(`TCP sockets of the API are within ${SOCKET_BOUND} bytes each`, { timeout: 120_000 }, async () => {
    expect(await bench('sockets')).toBe('ok');
  });
});

describe('packets between two stacks', () => {
  for (const [index, { name }] of TRAFFIC.entries()) {
    it(`make no object: TCP ${name}`, { timeout: 60_000 }, async () => {
      expect(await bench('packets', String(index), '50000')).toBe('ok');
    });
  }
});

describe('connections that came and went', () => {
  it('leave nothing behind: 20,000 of them', { timeout: 60_000 }, () => {
    const crowd = new Crowd({ clients: 62_000 });
    churn(crowd, 0, 2000);
    // What they left would be left each time; the compiler's work, which is in the heap as well, is done once.
    let growth = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3 && growth >= GROWTH_BOUND; round++) {
      const before = memoryInUse();
      churn(crowd, 2000 + 20_000 * round, 20_000);
      growth = memoryInUse() - before;
    }
    const { layer } = crowd;
    expect([layer.connectionCount, layer.halfOpenCount, layer.timeWaitCount, layer.pages.used]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(growth).toBeLessThan(GROWTH_BOUND);
  });
});

describe('40,000 connections with one unread byte each (the pages of 32,768 of them)', () => {
  it('fill the pool and break nothing: what found no page comes again when there is one', {
    timeout: 60_000,
  }, () => {
    const crowd = new Crowd({ clients: 40_000 });
    const { layer } = crowd;
    const connections = Array.from({ length: 40_000 }, (_, client) => {
      const connection = crowd.open(client);
      crowd.say(client, 1);
      return connection;
    });
    expect(layer.pages.used).toBe(layer.pages.limit);
    expect(layer.connectionCount).toBe(40_000);
    const withByte = connections.filter((connection) => connection.readableBytes === 1);
    expect(withByte.length).toBe(layer.pages.limit);
    expect(layer.drops.of('tcp_memory')).toBe(40_000 - layer.pages.limit);
    for (const connection of withByte) connection.readInto(new Uint8Array(1));
    crowd.poll();
    expect(layer.pages.used).toBe(0);
    for (const [client, connection] of connections.entries()) {
      if (connection.info().bytesReceived > 0) continue;
      crowd.sayAgain(client, 1);
      expect(connection.readableBytes).toBe(1);
      connection.readInto(new Uint8Array(1));
    }
    expect(connections.every((connection) => connection.info().bytesReceived === 1)).toBe(true);
  });
});
