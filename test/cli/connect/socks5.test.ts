import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Login } from '../../../src/cli/connect/login.ts';
import { socks5Proxy } from '../../../src/cli/connect/socks5.ts';
import { readBytes, readEnvelope, writeEnvelope } from '../../../src/cli/connect/socks5-wire.ts';
import { until } from '../../support/child-process.ts';
import { freeTcpPort } from '../../support/free-port.ts';
import { InnerHost } from './inner-host.ts';

let host: InnerHost;
let port: number;
let guarded: number;
const undo: (() => void)[] = [];

beforeAll(async () => {
  host = await InnerHost.up();
  await host.echo(7000);
  await host.udpEcho(7000);
  port = await open();
  guarded = await open(new Login('alice', 'secret'));
});
afterAll(async () => {
  for (const step of undo) step();
  await host.down();
});

async function open(login?: Login): Promise<number> {
  const door = socks5Proxy(host.pair.us, login);
  undo.push(() => door.close());
  return (await door.open('--socks5', { host: '127.0.0.1', port: await freeTcpPort() })).port;
}

async function client(to = port): Promise<Socket> {
  const socket = connect(to, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const IPV4 = '01 0a080002'; // 10.8.0.2
const IPV6 = '04 fd080000000000000000000000000002';
const PORT = '1b58'; // 7000

/** Sends all of it at once and returns so many bytes of what comes. */
async function say(socket: Socket, text: string, length: number): Promise<string> {
  socket.write(hex(text));
  return (await readBytes(socket, length)).toString('hex');
}

describe('SOCKS5', () => {
  it.each([
    ['an IPv4 address', IPV4],
    ['an IPv6 address', IPV6],
    ['a name', `03 08 ${Buffer.from('10.8.0.2').toString('hex')}`],
  ])('CONNECT to %s leads inside, and what was said too early is not lost', async (_, address) => {
    const socket = await client();
    const answer = await say(socket, `050100 050100 ${address} ${PORT} 68656c6c6f`, 2 + 10 + 5);
    expect(answer).toBe('0500 05000001 00000000 0000 68656c6c6f'.replaceAll(' ', ''));
    socket.destroy();
  });

  it.each([
    ['a port where nobody listens', `050100 050100 ${IPV4} 1b59`, '0500 0505'],
    ['a name that is not known', '050100 050100 03 03 666f6f 0050', '0500 0504'],
    ['a network without a way to it', '050100 050100 01 c0000201 0050', '0500 0503'],
    ['BIND', `050100 050200 ${IPV4} ${PORT}`, '0500 0507'],
    ['a command that there is not', `050100 050900 ${IPV4} ${PORT}`, '0500 0507'],
    ['an address of no type', `050100 050100 05 00000000 0000`, '0500 0508'],
  ])('%s has its reply, and the connection ends', async (_, request, expected) => {
    const socket = await client();
    const answer = await say(socket, request, 12);
    expect(answer.slice(0, 8)).toBe(expected.replace(' ', ''));
    socket.resume();
    await once(socket, 'close');
  });

  it.each([
    ['SOCKS4', '04 01 0050 0a080002 00'],
    ['HTTP, as a page could be made to send it', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex')],
    ['another version in the request', `050100 040100 ${IPV4} ${PORT}`],
  ])('%s gets nothing', async (_, request) => {
    const socket = await client();
    socket.write(hex(request));
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('hex')));
    await once(socket, 'close');
    expect(['', '0500']).toContain(got);
  });

  it('with a login (RFC 1929), nobody else comes in', async () => {
    const login = (user: string, password: string) =>
      Buffer.concat([
        Buffer.of(1, user.length),
        Buffer.from(user),
        Buffer.of(password.length),
        Buffer.from(password),
      ]);
    const right = await client(guarded);
    const request = `${login('alice', 'secret').toString('hex')} 050100 ${IPV4} ${PORT} 21`;
    expect(await say(right, `050102 ${request}`, 2 + 2 + 10 + 1)).toMatch(/^050201000500.*21$/);
    right.destroy();

    const wrong = await client(guarded);
    expect(
      await say(wrong, `050102 ${login('alice', 'wrong').toString('hex')} 050100 ${IPV4} ${PORT}`, 4),
    ).toBe('05020101');
    wrong.resume();
    await once(wrong, 'close');

    const without = await client(guarded);
    expect(await say(without, `050100 050100 ${IPV4} ${PORT}`, 2)).toBe('05ff');
    without.resume();
    await once(without, 'close');
  });
});

describe('SOCKS5 UDP ASSOCIATE', () => {
  async function associate(): Promise<{ control: Socket; relay: number }> {
    const control = await client();
    const answer = Buffer.from(await say(control, '050100 050300 01 00000000 0000', 12), 'hex');
    expect(answer.subarray(0, 10).toString('hex')).toBe('0500050000017f000001');
    return { control, relay: answer.readUInt16BE(10) };
  }

  async function local(): Promise<UdpSocket> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    undo.push(() => socket.close());
    return socket;
  }

  it.each(['10.8.0.2', 'fd08::2'])('datagrams go to %s and come back in their envelopes', async (address) => {
    const { control, relay } = await associate();
    const socket = await local();
    const envelope = writeEnvelope({ host: address, port: 7000 }, Buffer.from('hello'));
    // What is none is dropped, and so is a fragment.
    for (const bad of [
      Buffer.of(),
      Buffer.from('0000'),
      Buffer.concat([hex('000001'), envelope.subarray(3)]),
    ])
      socket.send(bad, relay, '127.0.0.1');
    socket.send(envelope, relay, '127.0.0.1');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    const { remote, dataAt } = readEnvelope(answer)!;
    expect(remote).toEqual({ host: address, port: 7000 });
    expect(String(answer.subarray(dataAt))).toBe('hello');
    control.destroy();
  });

  it('the port is one client’s, and ends with its connection', async () => {
    const { control, relay } = await associate();
    const [first, second] = [await local(), await local()];
    const envelope = writeEnvelope({ host: '10.8.0.2', port: 7000 }, Buffer.from('mine'));
    first.send(envelope, relay, '127.0.0.1');
    await once(first, 'message');
    let heard = 0;
    second.on('message', () => heard++);
    second.send(envelope, relay, '127.0.0.1');
    first.send(envelope, relay, '127.0.0.1');
    await once(first, 'message');
    expect(heard).toBe(0);
    control.destroy();
    await once(control, 'close');
    // Free again: it can be bound.
    await until('the port is free', async () => {
      const probe = createSocket('udp4');
      const isFree = await new Promise<boolean>((resolve) => {
        probe.once('error', () => resolve(false));
        probe.bind(relay, '127.0.0.1', () => resolve(true));
      });
      probe.close();
      return isFree;
    });
  });
});
