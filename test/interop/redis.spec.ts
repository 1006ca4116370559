// A database and its client: answers in turn to many small requests, values of megabytes, requests by the thousand without
// waiting, and a connection that only listens.
import { randomBytes } from 'node:crypto';
import { Child, run } from '../support/child-process.ts';
import { expect, test } from '../support/program-test.ts';
import { INNER } from '../support/real-peer.ts';
import { startRedis } from '../support/redis.ts';

const MIB = 1024 * 1024;

/** RESP, as the client sends it. */
function command(...words: string[]): string {
  return [`*${words.length}`, ...words.flatMap((word) => [`$${Buffer.byteLength(word)}`, word]), ''].join(
    '\r\n',
  );
}

for (const family of [4, 6] as const)
  for (const way of ['directly', 'through the relay'] as const)
    test(`redis-cli over inner IPv${family}, ${way}: values, ten thousand commands at once, a subscription`, async ({
      startPrograms,
    }) => {
      test.setTimeout(120_000);
      const lab = await startPrograms({ way, mtu: 1420 });
      const { namespace } = lab.peer;
      await startRedis(namespace);
      const cli = ['-h', '127.0.0.1', '-p', String(await lab.toPeer(family, 6379))];
      const ask = async (...args: string[]) => (await run('redis-cli', [...cli, ...args])).trimEnd();
      expect(await ask('PING')).toBe('PONG');

      const value = randomBytes(3 * MIB).toString('hex');
      expect(await run('redis-cli', [...cli, '-x', 'SET', 'large'], { input: value })).toBe('OK\n');
      expect((await ask('GET', 'large')) === value, 'six megabytes come back').toBe(true);
      expect(await ask('-r', '200', 'INCR', 'counter')).toMatch(/^1\n2\n3\n[\s\S]*\n200$/);

      const many = Array.from({ length: 10_000 }, (_, i) => command('SET', `key ${i}`, `value ${i}`)).join(
        '',
      );
      expect(await run('redis-cli', [...cli, '--pipe'], { input: many })).toMatch(
        /errors: 0, replies: 10000$/m,
      );
      expect(await ask('DBSIZE')).toBe('10002');
      expect(await ask('GET', 'key 9999')).toBe('value 9999');

      const listener = new Child('redis-cli', [...cli, 'SUBSCRIBE', 'news'], { isInteractive: true });
      lab.keep(listener);
      await listener.saw(/subscribe/);
      const peer = family === 4 ? INNER.peer4 : INNER.peer6;
      for (const text of ['first', 'second'])
        expect(await namespace.exec('redis-cli', '-h', peer, 'PUBLISH', 'news', text)).toBe('1\n');
      await listener.saw(/first[\s\S]*second/);
    });
