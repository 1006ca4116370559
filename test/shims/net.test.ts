// The same script of calls for Node's own `net` on loopback and for ours through a tunnel to itself; both must tell the same
// events in the same order.
import nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tunnel } from '../../src/client/tunnel.ts';
import * as ourNet from '../../src/shims/net.ts';
import { EventLog } from '../support/event-log.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4 } from '../support/lone-stack.ts';

type Net = typeof nodeNet;

interface Place {
  net: Net;
  host: string;
}

let tick: ReturnType<typeof setInterval>;

beforeEach(() => {
  const engine = new LoneEngine();
  // The engine's clock is the test's: a millisecond each turn, so that its timers run.
  tick = setInterval(() => engine.advance(20), 1);
  ourNet.setDefaultTunnel(engine.asTunnel() as unknown as Tunnel);
});

afterEach(() => {
  clearInterval(tick);
  ourNet.setDefaultTunnel(undefined);
});

const SOCKET_EVENTS = [
  'lookup',
  ...['connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'],
  ...['connect', 'ready', 'data', 'end', 'finish', 'error', 'timeout', 'close'],
];
const SERVER_EVENTS = ['listening', 'connection', 'error', 'drop', 'close'];

type Script = (place: Place, log: EventLog) => Promise<void>;

/** Runs it in both places. Lines of one party are compared in their order. */
async function compare(script: Script): Promise<string[]> {
  const [theirs, ours] = await Promise.all([
    run(script, { net: nodeNet, host: '127.0.0.1' }),
    run(script, { net: ourNet as unknown as Net, host: OUR_V4 }),
  ]);
  for (const who of new Set(theirs.map((line) => line.split(' ')[0])))
    expect(ours.filter((line) => line.startsWith(`${who} `))).toEqual(
      theirs.filter((line) => line.startsWith(`${who} `)),
    );
  return ours;
}

async function run(script: Script, place: Place): Promise<string[]> {
  const log = new EventLog([
    [/\b(127\.0\.0\.1|10\.0\.0\.2)\b/g, 'HOST'],
    [/:\d{4,5}\b|(?<="port":)\d{4,5}|(?<= )\d{4,5}(?= [46]\b)/g, 'PORT'],
  ]);
  await script(place, log);
  return log.lines;
}

function until(
  emitter: { once(event: string, listener: () => void): unknown },
  event: string,
): Promise<void> {
  return new Promise((resolve) => emitter.once(event, resolve));
}

async function listening({ net, host }: Place, log: EventLog, options: nodeNet.ServerOpts = {}) {
  const server = net.createServer(options);
  log.watch('server', server, SERVER_EVENTS);
  server.listen(0, host);
  await until(server, 'listening');
  return { server, port: (server.address() as nodeNet.AddressInfo).port };
}

describe('net beside Node’s own', () => {
  it('connects, says something, hears it and ends', async () => {
    const lines = await compare(async (place, log) => {
      const { server, port } = await listening(place, log);
      server.on('connection', (socket) => {
        log.watch('accepted', socket, SOCKET_EVENTS);
        socket.pipe(socket);
      });
      const socket = place.net.connect(port, place.host, () => log.note('client listener'));
      log.watch('client', socket, SOCKET_EVENTS);
      log.note('client before', socket.connecting, socket.pending, socket.readyState, socket.address());
      socket.write('hel', () => log.note('writer written'));
      await until(socket, 'connect');
      log.note(
        'client after',
        socket.connecting,
        socket.pending,
        socket.readyState,
        socket.remoteAddress,
        socket.remoteFamily,
      );
      await until(socket, 'data');
      socket.end('lo');
      await until(socket, 'close');
      log.note(
        'client at the end',
        socket.bytesRead,
        socket.bytesWritten,
        socket.destroyed,
        socket.readyState,
      );
      server.close(() => log.note('server closed'));
      await until(server, 'close');
    });
    expect(lines).toContain('client close false');
  });

  it('tells who refuses', async () => {
    await compare(async (place, log) => {
      const socket = place.net.connect({ host: place.host, port: 9 });
      log.watch('client', socket, SOCKET_EVENTS);
      await until(socket, 'close');
      log.note('client', socket.destroyed, socket.connecting);
    });
  });

  it('is reset by the other side', async () => {
    await compare(async (place, log) => {
      const { server, port } = await listening(place, log);
      const socket = place.net.connect(port, place.host);
      log.watch('client', socket, SOCKET_EVENTS);
      const [accepted] = await Promise.all([
        new Promise<nodeNet.Socket>((resolve) => server.once('connection', resolve)),
        until(socket, 'ready'),
      ]);
      accepted.on('error', () => {});
      (accepted as { resetAndDestroy(): void }).resetAndDestroy();
      await until(socket, 'close');
      server.close();
      await until(server, 'close');
    });
  });

  it('stays half open where that is allowed, and ends by itself where it is not', async () => {
    for (const allowHalfOpen of [true, false])
      await compare(async (place, log) => {
        const { server, port } = await listening(place, log);
        server.on('connection', (socket) => {
          log.watch('accepted', socket, SOCKET_EVENTS);
          socket.end('bye');
        });
        const socket = place.net.connect({ port, host: place.host, allowHalfOpen } as nodeNet.NetConnectOpts);
        log.watch('client', socket, SOCKET_EVENTS);
        await until(socket, 'end');
        if (allowHalfOpen) {
          log.note('client', socket.writable, socket.readyState);
          socket.end('late');
        }
        await until(socket, 'close');
        server.close();
        await until(server, 'close');
      });
  });

  it('destroys before and after connecting, with and without an error', async () => {
    for (const when of ['before', 'after'])
      for (const error of [undefined, new Error('enough')])
        await compare(async (place, log) => {
          const { server, port } = await listening(place, log);
          server.on('connection', (socket) => socket.on('error', () => {}).resume());
          const socket = place.net.connect(port, place.host);
          log.watch('client', socket, SOCKET_EVENTS);
          const written = new Promise<void>((resolve) =>
            socket.write('lost', (failure) => {
              log.note('writer written', failure?.message ?? 'well');
              resolve();
            }),
          );
          if (when === 'after')
            await Promise.all([until(socket, 'ready'), written, until(server, 'connection')]);
          socket.destroy(error);
          log.note('client after destroy', socket.destroyed);
          await until(socket, 'close');
          server.close();
          await until(server, 'close');
        });
  });

  it('sends what was written before it is destroyed, and what is written in one turn together', async () => {
    await compare(async (place, log) => {
      const { server, port } = await listening(place, log);
      const told: Buffer[] = [];
      const text = () => Buffer.concat(told).toString();
      server.on('connection', (socket) => socket.on('error', () => {}).on('data', (data) => told.push(data)));
      const socket = place.net.connect(port, place.host);
      await Promise.all([until(socket, 'ready'), until(server, 'connection')]);
      for (const part of ['a ', 'message ', 'in parts']) socket.write(part);
      await expect.poll(text).toBe('a message in parts');
      if (place.net !== nodeNet) expect(told).toHaveLength(1);
      socket.write(', and a last word');
      socket.destroy();
      await expect.poll(text).toBe('a message in parts, and a last word');
      server.close();
      await until(server, 'close');
    });
  });

  it('tells of silence, once, and goes on', async () => {
    await compare(async (place, log) => {
      const { server, port } = await listening(place, log);
      const socket = place.net.connect(port, place.host);
      log.watch('client', socket, SOCKET_EVENTS);
      await until(socket, 'connect');
      socket.setTimeout(30, () => log.note('client timeout listener', socket.timeout));
      await until(socket, 'timeout');
      socket.setTimeout(0);
      socket.end();
      await until(socket, 'close');
      server.close();
      await until(server, 'close');
    });
  });

  it('refuses an address in use, and ports and options that are none', async () => {
    await compare(async (place, log) => {
      const { server, port } = await listening(place, log);
      const second = place.net.createServer();
      log.watch('second', second, SERVER_EVENTS);
      second.listen(port, place.host);
      await until(second, 'error');
      second.close((error) => log.note('second closed', error));
      await until(second, 'close');
      for (const wrong of [70_000, -1, 1.5, 'x y'])
        try {
          place.net.connect({ port: wrong as number, host: place.host });
        } catch (error) {
          log.note('mistake', error);
        }
      for (const call of [
        () => place.net.connect({} as nodeNet.NetConnectOpts),
        () => place.net.connect({ port: 1, family: 5 }),
        () => new place.net.Socket().setTimeout('1' as unknown as number),
        () => place.net.createServer('x' as unknown as nodeNet.ServerOpts),
      ])
        try {
          call();
        } catch (error) {
          log.note('mistake', (error as { code: string }).code);
        }
      const nowhere = place.net.connect(0, place.host);
      log.watch('nowhere', nowhere, SOCKET_EVENTS);
      await until(nowhere, 'close');
      server.close();
      await until(server, 'close');
    });
  });

  it('drops what is more than maxConnections, and waits for the others at the end', async () => {
    await compare(async (place, log) => {
      const { server, port } = await listening(place, log);
      server.maxConnections = 1;
      server.on('connection', (socket) => socket.resume());
      const first = place.net.connect(port, place.host);
      await Promise.all([until(first, 'connect'), until(server, 'connection')]);
      const second = place.net.connect(port, place.host);
      second.on('error', () => {});
      await until(second.resume(), 'close');
      log.note(
        'server count',
        await new Promise((resolve) => server.getConnections((_, count) => resolve(count))),
      );
      server.close(() => log.note('server closed'));
      log.note('server after close', server.listening);
      first.end();
      await until(server, 'close');
    });
  });

  it('writes after the end, and without a connection, as Node does', async () => {
    await compare(async (place, log) => {
      const { server, port } = await listening(place, log);
      server.on('connection', (socket) => socket.resume());
      const socket = place.net.connect(port, place.host);
      log.watch('client', socket, SOCKET_EVENTS);
      await Promise.all([until(socket, 'connect'), until(server, 'connection')]);
      socket.end();
      socket.write('late', (error) => log.note('client late', error));
      await until(socket, 'close');
      const loose = new place.net.Socket();
      log.watch('loose', loose, SOCKET_EVENTS);
      loose.write('nowhere', (error) => log.note('loose written', error));
      await until(loose, 'close');
      server.close();
      await until(server, 'close');
    });
  });

  it('reads nothing while paused, and everything afterwards', async () => {
    await compare(async (place, log) => {
      const { server, port } = await listening(place, log, { pauseOnConnect: true });
      server.on('connection', (socket) => {
        socket.on('data', (data) => log.note('accepted data', data.length));
        setTimeout(() => {
          log.note('accepted resumes', socket.isPaused());
          socket.resume();
        }, 30);
      });
      const socket = place.net.connect(port, place.host);
      socket.end('x'.repeat(1000));
      await until(socket.resume(), 'close');
      server.close();
      await until(server, 'close');
    });
  });

  it('moves a megabyte each way with backpressure', async () => {
    const size = 1 << 20;
    const { net, host } = { net: ourNet, host: OUR_V4 };
    const server = net.createServer((socket) => socket.pipe(socket));
    server.listen(4000, host);
    await until(server, 'listening');
    const socket = net.connect(4000, host);
    const sent = Buffer.alloc(size, 'abcdefg');
    const got: Buffer[] = [];
    socket.on('data', (data: Buffer) => got.push(data));
    expect(socket.write(sent)).toBe(false);
    socket.end();
    await until(socket, 'close');
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    expect([socket.bytesRead, socket.bytesWritten]).toEqual([size, size]);
    server.close();
  });

  it('says what to do where there is no tunnel', async () => {
    ourNet.setDefaultTunnel(undefined);
    const socket = ourNet.connect(80, OUR_V4);
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    expect(error.code).toBe('ERR_NO_TUNNEL');
    expect(error.message).toContain('setDefaultTunnel');
  });
});

describe('what net knows of addresses', () => {
  it('tells addresses as Node does', () => {
    for (const text of [
      '1.2.3.4',
      '::1',
      'fe80::1%eth0',
      '1.2.3',
      '',
      '1.2.3.4.5',
      '::ffff:1.2.3.4',
      ' ::1',
      '01.2.3.4',
      'x',
    ])
      expect([text, ourNet.isIP(text), ourNet.isIPv4(text), ourNet.isIPv6(text)]).toEqual([
        text,
        nodeNet.isIP(text),
        nodeNet.isIPv4(text),
        nodeNet.isIPv6(text),
      ]);
  });

  it('keeps block lists as Node does', () => {
    const [ours, theirs] = [new ourNet.BlockList(), new nodeNet.BlockList()];
    for (const list of [ours, theirs] as const) {
      list.addAddress('10.0.0.1');
      list.addRange('10.1.0.0', '10.1.0.9');
      list.addSubnet('fd00::', 16, 'ipv6');
    }
    expect(ours.rules).toEqual(theirs.rules);
    for (const [address, family] of [
      ['10.0.0.1', 'ipv4'],
      ['10.1.0.9', 'ipv4'],
      ['10.1.0.10', 'ipv4'],
      ['fd00::9', 'ipv6'],
      ['fe00::9', 'ipv6'],
      ['::ffff:10.0.0.1', 'ipv6'],
      ['fd00::9', 'ipv4'],
    ] as const)
      expect([address, ours.check(address, family)]).toEqual([address, theirs.check(address, family)]);
  });
});
