// The real resolver, against name servers on loopback that do what a test says.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type Answer, decode, encode, type Packet } from '@leichtgewicht/dns-packet';
import { afterEach, describe, expect, it } from 'vitest';
import { createResolver, queryServers } from '../../src/relay-host/resolver.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Kind = 'A' | 'AAAA';
/** Records, an RCODE, or nothing at all. `tries`: how often this type was asked for before. */
type Serve = (type: Kind, tries: number, over: 'udp' | 'tcp') => Answer[] | number | 'cut' | undefined;

/** A name server over UDP and TCP at one port. */
async function serve(answer: Serve) {
  const asked: string[] = [];
  const replyTo = (bytes: Buffer, over: 'udp' | 'tcp'): Uint8Array | undefined => {
    const { id = 0, questions = [] } = decode(bytes) as Packet;
    const type = questions[0]!.type as Kind;
    const tries = asked.filter((each) => each === type).length;
    asked.push(type);
    const found = answer(type, tries, over);
    if (found === undefined) return undefined;
    const cut = found === 'cut' ? 0x0200 : 0;
    const flags = 0x8180 | cut | (typeof found === 'number' ? found : 0);
    const answers = Array.isArray(found) ? found : [];
    return encode({ type: 'response', id, flags: flags & 0x7fff, questions, answers } as Packet);
  };
  const udp = createSocket('udp4');
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const reply = replyTo(bytes.subarray(2), 'tcp');
      if (reply === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      socket.write(Buffer.concat([length, reply]));
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  udp.on('message', (bytes, from) => {
    const reply = replyTo(bytes, 'udp');
    if (reply !== undefined) udp.send(reply, from.port, from.address);
  });
  cleanups.push(
    () => udp.close(),
    () => tcp.close(),
  );
  return { asked, query: queryServers([`127.0.0.1:${port}`]) };
}

const a = (data: string, ttl = 60): Answer => ({ type: 'A', name: 'hub.example.com', ttl, data });
const aaaa = (data: string, ttl = 60): Answer => ({ type: 'AAAA', name: 'hub.example.com', ttl, data });
const both = (type: Kind) => (type === 'A' ? [a('192.0.2.1', 90)] : [aaaa('2001:db8::1', 45)]);
const many = (count: number) =>
  Array.from({ length: count }, (_, n) => a(`192.0.${2 + (n >> 8)}.${n & 255}`));

const [SERVFAIL, NXDOMAIN] = [2, 3];

describe('the real resolver', () => {
  it('asks for both families once, and keeps what it hears for the shorter time', async () => {
    const { query, asked } = await serve(both);
    expect(await query('hub.example.com')).toEqual({ addresses: ['192.0.2.1', '2001:db8::1'], ttl: 45 });
    expect(asked.sort()).toEqual(['A', 'AAAA']);
  });

  it.each<[string, Serve, string[]]>([
    ['one family is enough', (type) => (type === 'A' ? [a('192.0.2.1')] : []), ['192.0.2.1']],
    ['also the other', (type) => (type === 'A' ? NXDOMAIN : [aaaa('2001:db8::1')]), ['2001:db8::1']],
    [
      'a question that got lost is asked again',
      (type, tries) => (tries === 0 ? undefined : both(type)),
      ['192.0.2.1', '2001:db8::1'],
    ],
    [
      'what is cut is asked for over TCP',
      (type, _, over) => (over === 'udp' ? 'cut' : both(type)),
      ['192.0.2.1', '2001:db8::1'],
    ],
    [
      '64 addresses are some',
      (type) => (type === 'A' ? many(64) : []),
      many(64).map(({ data }) => data as string),
    ],
  ])('%s', async (_, answer, addresses) => {
    const { query } = await serve(answer);
    expect((await query('hub.example.com')).addresses.sort()).toEqual([...addresses].sort());
  });

  it.each<[string, Serve, string]>([
    ['a name that is not there', () => NXDOMAIN, 'no address'],
    ['a name without addresses', () => [], 'no address'],
    ['a server that fails', () => SERVFAIL, 'no address'],
    ['65 addresses', (type) => (type === 'A' ? many(65) : []), 'too many addresses'],
    [
      'a thousand addresses',
      (type, _, over) => (type === 'AAAA' ? [] : over === 'udp' ? 'cut' : many(1000)),
      'too many addresses',
    ],
  ])('%s: no', async (_, answer, message) => {
    const { query, asked } = await serve(answer);
    await expect(query('hub.example.com')).rejects.toThrow(message);
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  it('a server that says nothing is asked twice, and given up within seven seconds', async () => {
    const { query, asked } = await serve(() => undefined);
    const took: number[] = [];
    const resolve = createResolver(
      () => performance.now(),
      query,
      (ms) => took.push(ms),
    );
    await expect(resolve('hub.example.com')).rejects.toThrow('no address');
    expect(asked.sort()).toEqual(['A', 'A', 'AAAA', 'AAAA']);
    expect(took[0]).toBeGreaterThan(3500);
    expect(took[0]).toBeLessThan(8000);
  }, 15_000);
});
