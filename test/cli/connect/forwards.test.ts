import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Door } from '../../../src/cli/connect/door.ts';
import { localForward, RemoteForward } from '../../../src/cli/connect/forwards.ts';
import { joinStandardStreams } from '../../../src/cli/connect/stdio.ts';
import { freeTcpPort } from '../../support/free-port.ts';
import { InnerHost } from './inner-host.ts';

let host: InnerHost;
const doors: { close(): void }[] = [];
const complaints: string[] = [];

beforeAll(async () => {
  host = await InnerHost.up();
});
afterAll(async () => {
  for (const door of doors) door.close();
  await host.down();
});

async function open(door: Door): Promise<number> {
  doors.push(door);
  return (await door.open('-L', { host: '127.0.0.1', port: await freeTcpPort() })).port;
}

function lead(port: number, address = host.address): Promise<number> {
  return open(localForward(host.pair.us, { host: address, port }, (sentence) => complaints.push(sentence)));
}

async function call(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

/** All that comes. (What `stream/consumers` offers destroys the stream then, also its other half.) */
async function take(stream: Duplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  await once(stream, 'end');
  return Buffer.concat(parts);
}

/** How it ends: 'end', or the code of its error. */
function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code!));
    socket.once('end', () => resolve('end'));
    socket.resume();
  });
}

describe('-L', () => {
  it.each([4, 6])(
    'a megabyte goes in and comes back over IPv%s; our end is heard before theirs',
    async (family) => {
      const port = 7000 + family;
      await host.serve(port, (socket) => {
        // Answers when it has heard the end, not before.
        void take(socket).then((all) => socket.end(all));
      });
      const client = await call(await lead(port, family === 4 ? host.address : host.address6));
      const bytes = randomBytes(1 << 20);
      client.end(bytes);
      expect((await take(client)).equals(bytes)).toBe(true);
    },
  );

  it('whoever does not read holds the other side back', async () => {
    let taken = 0;
    await host.serve(7010, (socket) => {
      const chunk = Buffer.alloc(64 * 1024);
      const more = () => {
        while (taken < 64 << 20) {
          taken += chunk.length;
          if (!socket.write(chunk)) break;
        }
      };
      socket.on('drain', more);
      more();
    });
    const client = await call(await lead(7010));
    client.pause();
    let before = -1;
    while (before !== taken) {
      before = taken;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(taken).toBeLessThan(32 << 20);
    client.destroy();
  });

  it('a port inside where nobody listens is a reset, and a complaint', async () => {
    const client = await call(await lead(7999));
    expect(await endOf(client)).toBe('ECONNRESET');
    expect(complaints.join()).toMatch(/no connection to 10\.8\.0\.2:7999: /);
  });

  it('what breaks out here is a reset in there, so that half of it never looks whole', async () => {
    const serving = new Promise<Duplex>((resolve) => void host.serve(7011, resolve));
    const client = await call(await lead(7011));
    client.write('half of');
    const inner = await serving;
    await once(inner, 'data');
    const ended = new Promise<string>((resolve) => {
      inner.once('error', () => resolve('reset'));
      inner.once('end', () => resolve('end'));
    });
    client.resetAndDestroy();
    expect(await ended).toBe('reset');
  });

  it('closed, the door ends those whom it let in', async () => {
    await host.echo(7012);
    const door = localForward(host.pair.us, { host: host.address, port: 7012 }, () => {});
    const client = await call(await open(door));
    client.write('x');
    await once(client, 'data');
    door.close();
    expect(['end', 'ECONNRESET']).toContain(await endOf(client));
  });

  it('a port that is taken is told in a sentence', async () => {
    const port = await lead(7013);
    const second = localForward(host.pair.us, { host: host.address, port: 7013 }, () => {});
    await expect(second.open('-L', { host: '127.0.0.1', port })).rejects.toThrow(
      `-L: cannot listen on 127.0.0.1:${port}: another program listens there (EADDRINUSE)`,
    );
  });
});

describe('-R', () => {
  it('whoever connects in there reaches a port out here, with half-closing', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      void take(socket).then((all) => socket.end(all.reverse()));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const forward = new RemoteForward(
      { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      () => {},
    );
    doors.push(forward, server);
    await forward.open(host.pair.us, '-R', { host: '::', port: 7020 });
    for (const address of ['10.8.0.1', 'fd08::1']) {
      const { readable, writable } = await new host.pair.them.TCPSocket(address, 7020).opened;
      const writer = writable.getWriter();
      await writer.write(Buffer.from('abc'));
      await writer.close();
      expect(await new Response(readable).text()).toBe('cba');
    }
  });

  it('a port out here where nobody listens ends the connection in there, with a complaint', async () => {
    const said: string[] = [];
    const port = await freeTcpPort();
    const forward = new RemoteForward({ host: '127.0.0.1', port }, (sentence) => said.push(sentence));
    doors.push(forward);
    await forward.open(host.pair.us, '-R', { host: '::', port: 7021 });
    const { readable } = await new host.pair.them.TCPSocket('10.8.0.1', 7021).opened;
    const text = await new Response(readable).text().catch(() => '');
    expect(text).toBe('');
    expect(said).toEqual([`no connection to 127.0.0.1:${port}: ECONNREFUSED`]);
  });

  it('what breaks out here is a reset in there', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    const forward = new RemoteForward(target, () => {});
    doors.push(forward, server);
    await forward.open(host.pair.us, '-R', { host: '::', port: 7022 });
    const { readable, writable } = await new host.pair.them.TCPSocket('10.8.0.1', 7022).opened;
    await writable.getWriter().write(Buffer.from('abc'));
    const error = await readable
      .getReader()
      .read()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ cause: { code: 'ERR_CONNECTION_RESET' } });
  });

  it('a port inside that is taken is told in a sentence', async () => {
    const forward = new RemoteForward({ host: '127.0.0.1', port: 1 }, () => {});
    await expect(forward.open(host.pair.us, '-R', { host: '::', port: 7020 })).rejects.toThrow(
      /^-R: cannot listen on \[::\]:7020 inside: /,
    );
  });
});

describe('-W', () => {
  it('joins standard input and output with a host inside, until that ends', async () => {
    await host.echo(7030);
    const [stdin, stdout] = [new PassThrough(), new PassThrough()];
    const joined = joinStandardStreams(host.pair.us, { host: host.address, port: 7030 }, { stdin, stdout });
    stdin.end('through and back');
    await joined;
    expect(String(stdout.read())).toBe('through and back');
  });

  it('rejects with the reason when there is no connection', async () => {
    const streams = { stdin: new PassThrough(), stdout: new PassThrough() };
    await expect(
      joinStandardStreams(host.pair.us, { host: host.address, port: 7998 }, streams),
    ).rejects.toMatchObject({ code: 'ERR_CONNECTION_REFUSED' });
  });
});
