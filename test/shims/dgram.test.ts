// The same script of calls for Node's own `dgram` on loopback and for ours through a tunnel to itself.
import nodeDgram from 'node:dgram';
import type { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tunnel } from '../../src/client/tunnel.ts';
import * as ourDgram from '../../src/shims/dgram.ts';
import { EventLog } from '../support/event-log.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4, PEER_V4 } from '../support/lone-stack.ts';

type Dgram = typeof nodeDgram;
type Script = (place: Place, log: EventLog) => Promise<void>;

interface Place {
  dgram: Dgram;
  host: string;
  /** All hosts of its network. */
  broadcast: string;
}

const NODES: Place = { dgram: nodeDgram, host: '127.0.0.1', broadcast: '127.255.255.255' };
const OURS: Place = { dgram: ourDgram as unknown as Dgram, host: OUR_V4, broadcast: '10.0.0.255' };

const EVENTS = ['listening', 'message', 'connect', 'error', 'close'];

let tick: ReturnType<typeof setInterval>;
let engine: LoneEngine;

beforeEach(() => {
  engine = new LoneEngine();
  tick = setInterval(() => engine.advance(20), 1);
  ourDgram.setDefaultTunnel(engine.asTunnel() as unknown as Tunnel);
});

afterEach(() => {
  clearInterval(tick);
  ourDgram.setDefaultTunnel(undefined);
});

async function compare(script: Script): Promise<string[]> {
  const [theirs, ours] = await Promise.all([run(script, NODES), run(script, OURS)]);
  // Of one party in order: who of two is first, chance says.
  for (const who of new Set(theirs.map((line) => line.split(' ')[0])))
    expect(ours.filter((line) => line.startsWith(`${who} `))).toEqual(
      theirs.filter((line) => line.startsWith(`${who} `)),
    );
  return ours;
}

async function run(script: Script, place: Place): Promise<string[]> {
  const log = new EventLog([
    [/\b(127\.0\.0\.1|10\.0\.0\.2)\b/g, 'HOST'],
    [/\b(127\.255\.255\.255|10\.0\.0\.255)\b/g, 'BROADCAST'],
    [/:\d{4,5}\b|(?<="port":)\d{4,5}/g, 'PORT'],
  ]);
  await script(place, log);
  return log.lines;
}

function until(emitter: EventEmitter, event: string): Promise<void> {
  return new Promise((resolve) => emitter.once(event, () => resolve()));
}

async function bound(dgram: Dgram, host: string, log: EventLog): Promise<[nodeDgram.Socket, number]> {
  const socket = dgram.createSocket('udp4');
  log.watch('server', socket, EVENTS);
  socket.bind(0, host, () => log.note('server listener', socket.address()));
  await until(socket, 'listening');
  return [socket, socket.address().port];
}

it('sends what it is given, in every way of saying it, and hears it', async () => {
  const lines = await compare(async ({ dgram, host }, log) => {
    const [server, port] = await bound(dgram, host, log);
    const socket = dgram.createSocket('udp4');
    const bytes = Buffer.from('0123456789');
    const sends: ((done: (error: Error | null, length: number) => void) => void)[] = [
      (done) => socket.send('text', port, host, done),
      (done) => socket.send(bytes, port, host, done),
      (done) => socket.send(bytes, 2, 3, port, host, done),
      (done) => socket.send([bytes, 'and', new Uint8Array([33])], port, host, done),
      (done) => socket.send('', port, host, done),
    ];
    for (const send of sends) {
      const arrived = until(server, 'message');
      const sent = new Promise<void>((resolve) =>
        send((error, length) => {
          log.note('sent', error, length);
          resolve();
        }),
      );
      await sent;
      await arrived;
    }
    socket.close(() => log.note('client closed'));
    await until(socket, 'close');
    server.close();
    await until(server, 'close');
  });
  expect(lines.filter((line) => line.includes('<234>'))).toHaveLength(1);
});

it('answers whoever asks', async () => {
  await compare(async ({ dgram, host }, log) => {
    const [server, port] = await bound(dgram, host, log);
    server.on('message', (message, { port: to, address }) => server.send(message, to, address));
    const socket = dgram.createSocket({ type: 'udp4' }, () => log.note('client heard'));
    log.watch('client', socket, EVENTS);
    socket.send('ping', port, host);
    await until(socket, 'message');
    server.close();
    socket.close();
    await Promise.all([until(server, 'close'), until(socket, 'close')]);
  });
});

it('connects, and hears nobody else', async () => {
  await compare(async ({ dgram, host }, log) => {
    const [server, port] = await bound(dgram, host, log);
    const socket = dgram.createSocket('udp4');
    log.watch('client', socket, EVENTS);
    try {
      socket.remoteAddress();
    } catch (error) {
      log.note('mistake', error);
    }
    socket.connect(port, host, () => log.note('connected', socket.remoteAddress()));
    await until(socket, 'connect');
    const heard = until(server, 'message');
    socket.send('to whom I am connected');
    await heard;
    for (const mistake of [() => socket.send('x', port, host), () => socket.connect(port)])
      try {
        mistake();
      } catch (error) {
        log.note('mistake', error);
      }
    const stranger = dgram.createSocket('udp4');
    await new Promise<void>((resolve) =>
      stranger.send('stranger', socket.address().port, host, () => resolve()),
    );
    server.send('friend', socket.address().port, host);
    await until(socket, 'message');
    socket.disconnect();
    for (const each of [socket, stranger, server]) each.close();
    await until(server, 'close');
  });
});

it('says what is wrong as Node does', async () => {
  await compare(async ({ dgram, host }, log) => {
    const [server, port] = await bound(dgram, host, log);
    const second = dgram.createSocket('udp4');
    log.watch('second', second, EVENTS);
    second.bind(port, host);
    await until(second, 'error');
    const third = dgram.createSocket('udp4');
    await new Promise<void>((resolve) =>
      third.send(Buffer.alloc(65_508), port, host, (error) => {
        log.note('too long', error);
        resolve();
      }),
    );
    third.close();
    for (const mistake of [
      () => dgram.createSocket('udp5' as 'udp4'),
      () => server.bind(1),
      () => server.send('x', 0, host),
      () => server.send('x', 70_000, host),
      () => server.send(1 as unknown as string, port, host),
      () => server.disconnect(),
      () => third.send('x', port, host),
      () => third.close(),
      () => dgram.createSocket('udp4').address(),
    ])
      try {
        mistake();
        log.note('no mistake');
      } catch (error) {
        log.note('mistake', (error as { code: string }).code);
      }
    server.close();
    await until(server, 'close');
  });
});

describe('what may be changed', () => {
  type Call = (socket: nodeDgram.Socket) => unknown;
  const calls: Call[] = [
    (socket) => socket.setBroadcast(true),
    ...[1, 64.5, 255, 0, 256, -1, Number.NaN, '7' as unknown as number].flatMap((ttl): Call[] => [
      (socket) => socket.setTTL(ttl),
      (socket) => socket.setMulticastTTL(ttl),
    ]),
    ...[true, 0 as unknown as boolean].map(
      (flag): Call =>
        (socket) =>
          socket.setMulticastLoopback(flag),
    ),
    ...['0.0.0.0', 'no address', 1 as unknown as string].map(
      (address): Call =>
        (socket) =>
          socket.setMulticastInterface(address),
    ),
    (socket) => socket.getSendQueueSize(),
    (socket) => typeof socket.getRecvBufferSize(),
    (socket) => typeof socket.getSendBufferSize(),
    (socket) => socket.setRecvBufferSize(10_000),
    (socket) => socket.setSendBufferSize(0.5),
  ];

  it.each(['udp4', 'udp6'] as const)(
    'of an %s socket is so once it is bound, and EBADF before',
    async (type) => {
      const lines = await compare(async ({ dgram }, log) => {
        const socket = dgram.createSocket(type);
        const attempt = (when: string) => {
          for (const call of calls)
            try {
              log.note(when, call(socket));
            } catch (error) {
              log.note(when, error);
            }
        };
        attempt('new');
        socket.bind(0);
        attempt('binding');
        await until(socket, 'listening');
        attempt('bound');
        socket.close();
      });
      expect(lines.filter((line) => line.includes('EBADF'))).toHaveLength(30);
    },
  );

  it('has everybody hear a broadcast that was meant', async () => {
    await compare(async ({ dgram, host, broadcast }, log) => {
      const listener = dgram.createSocket('udp4');
      listener.bind(0);
      await until(listener, 'listening');
      listener.on('message', (message) => log.note('listener', message));
      const { port } = listener.address();
      const socket = dgram.createSocket('udp4');
      socket.bind(0, host);
      await until(socket, 'listening');
      const send = (text: string) =>
        new Promise<void>((resolve) =>
          socket.send(text, port, broadcast, (error) => resolve(log.note('sent', error))),
        );
      await send('not meant');
      socket.setBroadcast(true);
      const heard = until(listener, 'message');
      await send('meant');
      await heard;
      socket.setBroadcast(false);
      await send('no longer');
      for (const each of [socket, listener]) each.close();
    });
  });

  it('is in the packets from then on', async () => {
    const socket = ourDgram.createSocket('udp4');
    socket.bind(0);
    await new Promise<void>((resolve) => socket.once('listening', resolve));
    const hopLimits = async () => {
      engine.lone.take();
      for (const to of [PEER_V4, '239.1.2.3'])
        await new Promise((resolve) => socket.send('x', 5000, to, resolve));
      engine.advance(1);
      return engine.lone.take().map((packet) => packet[8]);
    };
    expect(await hopLimits()).toEqual([64, 1]);
    socket.setTTL(9);
    expect(await hopLimits()).toEqual([9, 1]);
    socket.setMulticastTTL(33);
    expect(await hopLimits()).toEqual([9, 33]);
    socket.setMulticastTTL(0);
    expect(await hopLimits()).toEqual([9]);
    socket.close();
  });
});

describe('a connected socket', () => {
  it('hears that nobody listens there, and may go on', async () => {
    const lines = await compare(async ({ dgram, host }, log) => {
      const [server, port] = await bound(dgram, host, log);
      server.close();
      await until(server, 'close');
      const socket = dgram.createSocket('udp4');
      log.watch('client', socket, EVENTS);
      socket.connect(port, host);
      await until(socket, 'connect');
      for (const text of ['one', 'two']) {
        const refused = until(socket, 'error');
        socket.send(text);
        await refused;
      }
      const again = dgram.createSocket('udp4');
      again.bind(port, host);
      await until(again, 'listening');
      const heard = until(again, 'message');
      socket.send('three');
      await heard;
      again.send('four', socket.address().port, host);
      await until(socket, 'message');
      again.close();
      socket.disconnect();
      socket.send('five', port, host, (error) => log.note('sent', error));
      await new Promise((resolve) => setTimeout(resolve, 30));
      socket.close();
      await until(socket, 'close');
    });
    expect(lines.filter((line) => line.includes('recvmsg ECONNREFUSED'))).toHaveLength(2);
  });

  it.each([undefined, 'connected'])('hears IPv4 as a part of IPv6 (%s)', async (how) => {
    const lines = await compare(async ({ dgram, host }, log) => {
      const [four, port] = await bound(dgram, host, log);
      const dual = dgram.createSocket('udp6');
      log.watch('dual', dual, EVENTS);
      dual.bind(0);
      await until(dual, 'listening');
      if (how) dual.connect(port, `::ffff:${host}`, () => log.note('remote', dual.remoteAddress()));
      if (how) await until(dual, 'connect');
      const heard = until(dual, 'message');
      four.send('hello', dual.address().port, host);
      await heard;
      for (const each of [dual, four]) each.close();
      await until(four, 'close');
    });
    expect(lines.join()).toContain('::ffff:HOST');
  });

  it('knows its remote however that is written', async () => {
    const lines = await compare(async ({ dgram, host }, log) => {
      const ours = host === OUR_V4 ? ['FD00:0::0:2', 'fd00::2'] : ['0:0::0:1', '::1'];
      const [written, proper] = ours as [string, string];
      const server = dgram.createSocket('udp6');
      server.bind(0, proper);
      await until(server, 'listening');
      server.on('message', (message, { address, port }) => server.send(message, port, address));
      const socket = dgram.createSocket('udp6');
      socket.connect(server.address().port, written);
      await until(socket, 'connect');
      log.note('proper', socket.remoteAddress().address === proper);
      socket.send('echo');
      const [message] = await new Promise<unknown[]>((resolve) =>
        socket.once('message', (...heard) => resolve(heard)),
      );
      log.note('heard', message);
      for (const each of [socket, server]) each.close();
    });
    expect(lines).toEqual(['proper true', 'heard <echo>']);
  });
});

describe('multicast groups', () => {
  const GROUP = '239.1.2.3';

  async function member(): Promise<nodeDgram.Socket> {
    const socket = ourDgram.createSocket('udp4') as unknown as nodeDgram.Socket;
    socket.bind(5000, '0.0.0.0');
    await until(socket, 'listening');
    return socket;
  }

  const failure = (socket: nodeDgram.Socket) =>
    new Promise<unknown>((resolve) =>
      socket.once('error', ({ code, syscall }: NodeJS.ErrnoException) => resolve([syscall, code])),
    );

  it('are heard by their members, of all sources or of one', async () => {
    const socket = await member();
    const heard: string[] = [];
    socket.on('message', (message) => heard.push(message.toString()));
    const say = (text: string) => new Promise((resolve) => socket.send(text, 5000, GROUP, resolve));
    await say('nobody is a member');
    socket.addMembership(GROUP);
    await say('all sources');
    socket.dropMembership(GROUP);
    socket.addSourceSpecificMembership('10.9.9.9', GROUP);
    await say('not that source');
    socket.addSourceSpecificMembership(OUR_V4, GROUP);
    await say('one source');
    socket.dropSourceSpecificMembership(OUR_V4, GROUP);
    await say('no longer');
    socket.send('the end', 5000, OUR_V4);
    while (!heard.includes('the end')) await until(socket, 'message');
    expect(heard).toEqual(['all sources', 'one source', 'the end']);
    socket.close();
  });

  it('are not heard on this host by what is not for it', async () => {
    const socket = await member();
    const heard: string[] = [];
    socket.on('message', (message) => heard.push(message.toString()));
    socket.addMembership(GROUP);
    const say = (text: string) => new Promise((resolve) => socket.send(text, 5000, GROUP, resolve));
    socket.setMulticastLoopback(false);
    await say('for others');
    socket.setMulticastLoopback(true);
    await say('for all');
    while (!heard.includes('for all')) await until(socket, 'message');
    expect(heard).toEqual(['for all']);
    socket.close();
  });

  it('that cannot be joined or left are told as Linux has it, by the interface', async () => {
    const lines = await compare(async ({ dgram, host }, log) => {
      const bound = dgram.createSocket('udp4');
      bound.bind(0);
      await until(bound, 'listening');
      const fresh = dgram.createSocket('udp4');
      const source = '10.9.9.9';
      const calls: ((one: nodeDgram.Socket) => void)[] = [
        (one) => one.dropMembership(GROUP, host),
        ...[1, 2].map(() => (one: nodeDgram.Socket) => one.addMembership(GROUP, host)),
        ...[1, 2].map(() => (one: nodeDgram.Socket) => one.dropMembership(GROUP, host)),
        (one) => one.addMembership(GROUP, host),
        ...[1, 2].map(() => (one: nodeDgram.Socket) => one.dropMembership(GROUP)),
        ...['10.0.0.1', 'ff02::1', 'no address'].map(
          (group) => (one: nodeDgram.Socket) => one.addMembership(group, host),
        ),
        (one) => one.addMembership(GROUP, 'no address'),
        ...[1, 2].map(
          () => (one: nodeDgram.Socket) => one.addSourceSpecificMembership(source, '239.4.5.6', host),
        ),
        ...[1, 2].map(
          () => (one: nodeDgram.Socket) => one.dropSourceSpecificMembership(source, '239.4.5.6', host),
        ),
        (one) => one.addSourceSpecificMembership('no address', GROUP, host),
      ];
      for (const one of [bound, fresh])
        for (const call of calls)
          try {
            call(one);
            log.note('done');
          } catch (error) {
            log.note('mistake', error);
          }
      for (const one of [bound, fresh]) one.close();
    });
    expect(lines.filter((line) => line === 'done')).toHaveLength(10);
  });

  it('are heard while one interface of those that were named has them', async () => {
    const socket = await member();
    const heard: string[] = [];
    socket.on('message', (message) => heard.push(message.toString()));
    const say = (text: string) => new Promise((resolve) => socket.send(text, 5000, GROUP, resolve));
    for (const on of ['10.0.0.2', '127.0.0.1']) socket.addMembership(GROUP, on);
    socket.dropMembership(GROUP, '127.0.0.1');
    await say('still heard');
    socket.dropMembership(GROUP, '10.0.0.2');
    await say('no longer');
    socket.send('the end', 5000, OUR_V4);
    while (!heard.includes('the end')) await until(socket, 'message');
    expect(heard).toEqual(['still heard', 'the end']);
    socket.close();
  });

  it('that are too many are an error, and mistakes are Node’s', async () => {
    const socket = await member();
    for (let i = 0; i <= 20; i++) socket.addMembership(`239.0.0.${i}`);
    expect(await failure(socket)).toEqual(['addMembership', 'ENOBUFS']);
    const mistakes: ((one: nodeDgram.Socket) => void)[] = [
      (one) => one.addMembership(''),
      (one) => one.dropMembership(undefined as unknown as string),
      (one) => one.addSourceSpecificMembership(1 as unknown as string, GROUP),
      (one) => one.dropSourceSpecificMembership(OUR_V4, undefined as unknown as string),
    ];
    const theirs = nodeDgram.createSocket('udp4');
    for (const mistake of mistakes) {
      const codes = [socket, theirs].map((one) => {
        try {
          mistake(one);
        } catch (error) {
          return (error as { code: string }).code;
        }
        return 'no mistake';
      });
      expect(codes[0]).toBe(codes[1]);
    }
    theirs.close();
    socket.close();
  });
});
