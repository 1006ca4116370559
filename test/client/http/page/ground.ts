// In a page: a tunnel of its own for each lab, for it has a jar of cookies.
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { OUR_V4, openAlone } from '../../page/tunnel.ts';
import type { Ground } from '../ground.ts';

const NAMES = ['inside.test', 'other.test', ...Array.from({ length: 40 }, (_, i) => `${i}.test`)];
const HOSTS = Object.fromEntries(NAMES.map((name) => [name, [OUR_V4]]));

/** The server listens where URLs without a port lead, and on 8080. */
export async function reach(server: Server): Promise<Ground> {
  const tunnel = await openAlone({ dns: { hosts: HOSTS } });
  const other = createServer({ allowHalfOpen: true }, (socket: Socket) => server.emit('connection', socket));
  for (const [each, port] of [
    [server, 80],
    [other, 8080],
  ] as const) {
    each.listen({ port, host: OUR_V4, tunnel } as object);
    await once(each, 'listening');
  }
  return {
    client: tunnel,
    end: async () => {
      other.close();
      await tunnel.close({ timeout: 0 });
    },
  };
}
