import { until } from './child-process.ts';
import type { Namespace } from './namespace.ts';

const OPTIONS = { port: '6379', bind: '0.0.0.0 ::', 'protected-mode': 'no', save: '', dir: '/tmp' };

/** Debian's Redis inside a namespace, on port 6379 of IPv4 and IPv6; it ends with the namespace. */
export async function startRedis(namespace: Namespace): Promise<void> {
  const args = Object.entries(OPTIONS).flatMap(([name, value]) => [
    `--${name}`,
    ...(name === 'bind' ? value.split(' ') : [value]),
  ]);
  namespace.start('redis-server', args);
  await until('redis', async () => (await namespace.exec('ss', '-Hltn', 'sport = :6379')) !== '', 20_000);
}
