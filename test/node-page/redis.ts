import { once } from 'node:events';
import { Redis } from 'ioredis';
import { pattern, sha256 } from './bytes.ts';

/** A value of a megabyte, a thousand commands at once, a channel that another connection speaks on, an error. */
export async function redis(host: string) {
  const client = new Redis({ host, port: 6379, lazyConnect: true });
  await client.connect();
  const pong = await client.ping();
  const value = pattern(1_000_003);
  await client.set('large', value);
  const isWhole = sha256((await client.getBuffer('large'))!) === sha256(value);
  const pipeline = client.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.incr('counter');
  const last = (await pipeline.exec())!.at(-1)![1];
  const listener = client.duplicate();
  await listener.connect();
  await listener.subscribe('news');
  const told = once(listener, 'message');
  await client.publish('news', 'grüß Gott');
  const message = await told;
  const error = await client.call('NONSENSE').catch((reason: Error) => reason.message);
  await Promise.all([client.quit(), listener.quit()]);
  return { pong, isWhole, last, message, error };
}

/** What the package says where nobody listens. */
export async function redisRefused(host: string) {
  const client = new Redis({ host, port: 6380, lazyConnect: true, retryStrategy: () => null });
  const told = once(client, 'error');
  await client.connect().catch(() => {});
  const [error] = (await told) as [Error & { code: string; syscall: string }];
  return { code: error.code, syscall: error.syscall, message: error.message };
}
