// The same DNS server for Node's own resolver on loopback and for ours inside a tunnel: what both make of its answers.
import nodeDgram from 'node:dgram';
import nodeDns from 'node:dns';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Tunnel } from '../../src/client/tunnel.ts';
import * as ourDns from '../../src/shims/dns.ts';
import { asReply, type ReplyFields, readQuery, type SeenQuery } from '../support/dns-lab.ts';
import {
  addressRecord,
  aliasRecord,
  ascii,
  characterString,
  type DnsRecordFields,
  dnsName,
  soaRecord,
  textRecord,
} from '../support/dns-messages.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { concat, u16 } from '../support/packets.ts';

const RECORDS: Record<string, (name: string) => DnsRecordFields[]> = {
  A: (name) => [addressRecord(name, '10.0.0.1'), addressRecord(name, '10.0.0.2')],
  AAAA: (name) => [addressRecord(name, 'fd00::1')],
  CNAME: (name) => [aliasRecord(name, 'real.test')],
  NS: (name) => ['ns1.test', 'ns2.test'].map((server) => ({ name, type: 'NS', data: dnsName(server) })),
  PTR: (name) => [{ name, type: 'PTR', data: dnsName('host.test') }],
  MX: (name) => [{ name, type: 'MX', data: concat(u16(5), dnsName('mail.test')) }],
  SOA: (name) => [soaRecord(name.toLowerCase(), 300)],
  TXT: (name) => [textRecord(name, 'one', 'two'), textRecord(name, 'grüß'), textRecord(name, '')],
  SRV: (name) => [{ name, type: 'SRV', data: concat(u16(1), u16(2), u16(8080), dnsName('srv.test')) }],
  CAA: (name) => [
    { name, type: 'CAA', data: concat(Uint8Array.of(0), characterString('issue'), ascii('ca.test')) },
    { name, type: 'CAA', data: concat(Uint8Array.of(128), characterString('iodef'), ascii('mailto:a@b')) },
  ],
  NAPTR: (name) => [
    {
      name,
      type: 'NAPTR',
      data: concat(
        ...[u16(30), u16(100), characterString('s'), characterString('SIP+D2U'), characterString('')],
        dnsName('_sip._udp.test'),
      ),
    },
    {
      name,
      type: 'NAPTR',
      data: concat(
        ...[u16(40), u16(10), characterString('u'), characterString('E2U+sip')],
        ...[characterString('!^.*$!sip:info@test!'), dnsName('')],
      ),
    },
  ],
};

const RCODES: Record<string, number> = {
  'format-error.test': 1,
  'server-failure.test': 2,
  'no-such-name.test': 3,
  'not-implemented.test': 4,
  'refused.test': 5,
};

function serve({ name, lower, type }: SeenQuery): ReplyFields | undefined {
  if (lower === 'mute.test') return undefined;
  if (RCODES[lower]) return { rcode: RCODES[lower] };
  if (lower === 'empty.test') return { authorities: [soaRecord('test', 60)] };
  if (lower === 'alias.test' && type !== 'CNAME')
    return { answers: [aliasRecord(name, 'real.test'), ...(RECORDS[type]?.('real.test') ?? [])] };
  if (type === 'ANY')
    return {
      answers: ['A', 'AAAA', 'NS', 'MX', 'TXT', 'SOA', 'NAPTR'].flatMap((each) => RECORDS[each]!(name)),
    };
  return { answers: RECORDS[type]?.(name) ?? [] };
}

const server = nodeDgram.createSocket('udp4');
const theirs = new nodeDns.promises.Resolver({ timeout: 100, tries: 1 });

beforeAll(async () => {
  server.on('message', (bytes, { port, address }) => {
    const query = readQuery(bytes, { server: address, port, over: 'udp', at: 0 });
    const reply = serve(query);
    if (reply) server.send(asReply(query, reply).bytes, port, address);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  theirs.setServers([`127.0.0.1:${server.address().port}`]);
});

afterAll(() => server.close());

let tick: ReturnType<typeof setInterval>;
let ours: ourDns.promises.Resolver;

beforeEach(() => {
  const engine = new LoneEngine();
  engine.serveNames(serve);
  tick = setInterval(() => engine.advance(20), 1);
  ours = new ourDns.promises.Resolver({ tunnel: engine.asTunnel() as unknown as Tunnel });
});

afterEach(() => clearInterval(tick));

type Ask = (resolver: nodeDns.promises.Resolver) => Promise<unknown>;

async function told(ask: Ask, resolver: unknown): Promise<unknown> {
  try {
    return await ask(resolver as nodeDns.promises.Resolver);
  } catch (error) {
    const { message, code, syscall, hostname, errno } = error as NodeJS.ErrnoException & { hostname: string };
    return { message, code, syscall, hostname, errno };
  }
}

/** What Node says; ours must say the same. */
async function compare(ask: Ask): Promise<unknown> {
  const expected = await told(ask, theirs);
  expect(await told(ask, ours)).toEqual(expected);
  return expected;
}

describe('a resolver beside Node’s own', () => {
  it.each(Object.keys(RECORDS).filter((type) => type !== 'PTR'))('shows %s records', async (type) => {
    const method = `resolve${type[0]}${type.slice(1).toLowerCase()}` as 'resolveNs';
    const name = { A: 'resolve4', AAAA: 'resolve6' }[type] ?? method;
    const records = await compare((resolver) => resolver[name as 'resolveNs']('here.test'));
    expect(records).not.toHaveProperty('code');
    expect(await compare((resolver) => resolver.resolve('here.test', type))).toEqual(records);
  });

  it('shows TTLs to who wants them', async () => {
    await compare((resolver) => resolver.resolve4('here.test', { ttl: true }));
    await compare((resolver) => resolver.resolve6('here.test', { ttl: true }));
  });

  it('shows all that a name has', async () => {
    const records = (await compare((resolver) => resolver.resolveAny('here.test'))) as object[];
    expect(records.length).toBeGreaterThan(8);
  });

  it('follows a name to where it leads', async () => {
    expect(await compare((resolver) => resolver.resolve4('alias.test'))).toEqual(['10.0.0.1', '10.0.0.2']);
    for (const type of ['MX', 'TXT', 'SRV', 'NAPTR', 'CAA'])
      await compare((resolver) => resolver.resolve('alias.test', type));
    await compare((resolver) => resolver.resolveCname('alias.test'));
  });

  it('names the hosts of addresses', async () => {
    for (const address of ['10.0.0.1', 'fd00::1', 'no address'])
      await compare((resolver) => resolver.reverse(address));
    await compare((resolver) => resolver.resolvePtr('1.0.0.10.in-addr.arpa'));
  });

  it.each([
    ['format-error.test', 'EFORMERR'],
    ['server-failure.test', 'ESERVFAIL'],
    ['no-such-name.test', 'ENOTFOUND'],
    ['not-implemented.test', 'ENOTIMP'],
    ['refused.test', 'EREFUSED'],
    ['empty.test', 'ENODATA'],
    ['mute.test', 'ETIMEOUT'],
    [`${'x'.repeat(64)}.test`, 'EBADNAME'],
    ['two..dots.test', 'EBADNAME'],
  ])('says of %s that it is %s', async (name, code) => {
    expect(await compare((resolver) => resolver.resolve4(name))).toMatchObject({ code });
    await compare((resolver) => resolver.resolveCaa(name));
  });
});

describe('who gets no answer', () => {
  it('waits as long as Node would, twice as long with each try', async () => {
    const engine = new LoneEngine();
    engine.serveNames(() => undefined);
    for (const [tries, patience] of [
      [1, 40],
      [2, 120],
      [3, 280],
    ] as const) {
      const began = performance.now();
      const resolver = new ourDns.promises.Resolver({
        ...{ timeout: 40, tries, tunnel: engine.asTunnel() as unknown as Tunnel },
      });
      await expect(resolver.resolve4('mute.test')).rejects.toMatchObject({ code: 'ETIMEOUT' });
      expect(performance.now() - began).toBeGreaterThanOrEqual(patience - 2);
      expect(performance.now() - began).toBeLessThan(2 * patience + 150);
    }
  });

  it('says as Node does which numbers are none', () => {
    const mistake = (dns: typeof nodeDns, options: object) => {
      try {
        new dns.Resolver(options);
      } catch (error) {
        const { message, code } = error as NodeJS.ErrnoException;
        return { message, code };
      }
      return 'no mistake';
    };
    for (const options of [
      ...[{ tries: 0 }, { tries: 1.5 }, { tries: '2' }, { tries: 2 ** 31 }, { tries: 9 }],
      ...[{ timeout: 'x' }, { timeout: -2 }, { timeout: 1.5 }, { timeout: 0 }],
    ])
      expect(mistake(ourDns as unknown as typeof nodeDns, options)).toEqual(mistake(nodeDns, options));
  });
});
