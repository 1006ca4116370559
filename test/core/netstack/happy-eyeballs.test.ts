// Connections by name (RFC 8305, RFC 6724). Time is the lab's; what leaves us is looked at on the wire.
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import { TunnelError } from '../../../src/core/errors.ts';
import {
  FamilyMemory,
  type HappyEyeballs,
  MAX_REMEMBERED,
  type NamedConnectOptions,
} from '../../../src/core/netstack/happy-eyeballs.ts';
import { DnsLab, replyTo, type Serve } from '../../support/dns-lab.ts';
import { addressRecord, soaRecord } from '../../support/dns-messages.ts';

const SERVER = '10.0.0.53';
const PORT = 8080;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;

interface SentSegment {
  at: number;
  to: string;
  flags: number;
}

/** Host names, their addresses, and what waits there. Answers may take their time, by type. */
class Race {
  readonly lab: DnsLab;
  /** TCP segments of ours, as they left; time counts from the start. */
  readonly segments: SentSegment[] = [];
  start = 0;
  /** Addresses where nothing answers. */
  readonly dead = new Set<string>();

  constructor(
    addresses: string[],
    options: {
      listening?: string[];
      delays?: Partial<Record<'A' | 'AAAA', number>>;
      ours?: string[];
      hasRoute?: (address: IpAddress) => boolean;
    } = {},
  ) {
    const { listening = [], delays = {}, ours, hasRoute } = options;
    const serve: Serve = (query) => {
      const version = query.type === 'AAAA' ? 6 : 4;
      const answers = addresses
        .filter((text) => IpAddress.parse(text)!.version === version)
        .map((text) => addressRecord(query.lower, text));
      const authorities = answers.length > 0 ? [] : [soaRecord('example', 60)];
      return { bytes: replyTo(query, { answers, authorities }), after: delays[query.type as 'A'] ?? 0 };
    };
    this.lab = new DnsLab({
      servers: { [SERVER]: serve },
      theirs: [...new Set(addresses)],
      ...(ours && { ours }),
      ...(hasRoute && { hasRoute }),
    });
    for (const text of listening)
      this.lab.them.stack.listenTcp({ address: IpAddress.parse(text)!, port: PORT }, this.lab.now);
    this.lab.isLost = (packet, isOurs) => this.#watch(packet, isOurs);
  }

  connect(options: NamedConnectOptions = {}, host = 'db.example'): HappyEyeballs {
    this.start = this.lab.now;
    this.segments.length = 0;
    this.lab.queries.length = 0;
    return this.lab.names.connectTcp(host, PORT, options, this.lab.now);
  }

  finish(race: HappyEyeballs, patience = 200_000): HappyEyeballs {
    this.lab.runUntil(() => race.isSettled, patience);
    return race;
  }

  get syns(): [number, string][] {
    return this.segments.filter(({ flags }) => (flags & (SYN | ACK)) === SYN).map(({ at, to }) => [at, to]);
  }

  #watch(packet: Uint8Array, isOurs: boolean): boolean {
    const version = packet[0]! >> 4;
    const [protocol, addresses, header] = version === 4 ? [packet[9], 12, 20] : [packet[6], 8, 40];
    if (protocol !== 6) return false;
    const size = version === 4 ? 4 : 16;
    const from = addresses + (isOurs ? size : 0);
    const peer = new IpAddress(packet.slice(from, from + size)).toString();
    if (isOurs) this.segments.push({ at: this.lab.now - this.start, to: peer, flags: packet[header + 13]! });
    return this.dead.has(peer);
  }
}

describe('a connection by name', () => {
  it('asks for AAAA first and for A at once, and takes what answers', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], { listening: ['fd00::10', '10.0.0.10'] });
    const { connection } = race.finish(race.connect());
    expect(race.lab.queries.map(({ type, at }) => [type, at - race.start])).toEqual([
      ['AAAA', 0],
      ['A', 0],
    ]);
    expect(connection!.remote.address.toString()).toBe('fd00::10');
    expect(connection!.state).toBe('ESTABLISHED');
    expect(race.syns).toEqual([[0, 'fd00::10']]);
  });

  it('waits 50 ms for AAAA where A came first', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], {
      listening: ['fd00::10', '10.0.0.10'],
      delays: { AAAA: 40 },
    });
    race.finish(race.connect());
    expect(race.syns).toEqual([[40, 'fd00::10']]);
    const late = new Race(['fd00::10', '10.0.0.10'], {
      listening: ['fd00::10', '10.0.0.10'],
      delays: { A: 7, AAAA: 90 },
    });
    expect(late.finish(late.connect()).connection!.remote.address.toString()).toBe('10.0.0.10');
    expect(late.syns).toEqual([[57, '10.0.0.10']]);
  });

  it('does not wait where AAAA came first, or where there is none', () => {
    const six = new Race(['fd00::10', '10.0.0.10'], { listening: ['fd00::10'], delays: { A: 3000 } });
    six.finish(six.connect());
    expect(six.syns).toEqual([[0, 'fd00::10']]);
    const four = new Race(['10.0.0.10'], { listening: ['10.0.0.10'] });
    four.finish(four.connect());
    expect(four.syns).toEqual([[0, '10.0.0.10']]);
  });

  it('tries the families by turns, 250 ms apart, in the order of RFC 6724', () => {
    const all = ['fd00::10', 'fd00::11', 'fd00::12', '10.0.0.10', '10.0.0.11'];
    const race = new Race(all, { listening: ['fd00::12'] });
    race.dead.add('fd00::10').add('fd00::11').add('10.0.0.10').add('10.0.0.11');
    const { connection } = race.finish(race.connect());
    expect(race.syns.slice(0, 5)).toEqual([
      [0, 'fd00::10'],
      [250, '10.0.0.10'],
      [500, 'fd00::11'],
      [750, '10.0.0.11'],
      [1000, 'fd00::10'], // TCP's own second try
    ]);
    expect(connection!.remote.address.toString()).toBe('fd00::12');
    expect(race.syns.filter(([, to]) => to === 'fd00::12')).toEqual([[1000, 'fd00::12']]);
  });

  it('goes on at once when an attempt fails', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], { listening: ['10.0.0.10'] });
    const { connection } = race.finish(race.connect());
    expect(connection!.remote.address.toString()).toBe('10.0.0.10');
    expect(race.lab.now).toBe(race.start);
  });

  it('says nothing more to those that lost, whether they answer or not', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], { listening: ['10.0.0.10'] });
    race.dead.add('fd00::10');
    race.finish(race.connect());
    race.lab.run(10_000);
    expect(race.segments.filter(({ to }) => to === 'fd00::10')).toEqual([
      { at: 0, to: 'fd00::10', flags: SYN },
    ]);
    expect(race.lab.us.stack.tcp.connectionCount).toBe(1);
  });

  it('is still one when two answer at the same time', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], { listening: ['fd00::10', '10.0.0.10'] });
    race.lab.delay = 200;
    const { connection } = race.finish(race.connect());
    expect(connection!.remote.address.toString()).toBe('fd00::10');
    race.lab.run(5000);
    expect(race.lab.us.stack.tcp.connectionCount).toBe(1);
    expect(race.segments.filter(({ flags }) => flags & RST).every(({ to }) => to === '10.0.0.10')).toBe(true);
  });

  it('has at most 8 attempts at once', () => {
    const all = Array.from({ length: 12 }, (_, i) => `fd00::${100 + i}`);
    // Something happens, too, while there are eight.
    const race = new Race([...all, '10.0.0.10'], { delays: { A: 3000 } });
    for (const text of all) race.dead.add(text);
    race.connect({ attemptDelay: 100 });
    race.lab.run(60_000);
    expect(new Set(race.syns.map(([, to]) => to)).size).toBe(8);
    expect(race.lab.us.stack.tcp.connectionCount).toBe(8);
  });

  for (const [wanted, effective] of [
    [10, 100],
    [500, 500],
    [9000, 2000],
  ] as const)
    it(`staggered by ${wanted} ms is staggered by ${effective}`, () => {
      const race = new Race(['fd00::10', '10.0.0.10']);
      race.dead.add('fd00::10').add('10.0.0.10');
      race.connect({ attemptDelay: wanted });
      race.lab.run(3000);
      expect(race.syns.find(([, to]) => to === '10.0.0.10')).toEqual([effective, '10.0.0.10']);
    });

  it('keeps to one family where that is asked for', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], { listening: ['fd00::10', '10.0.0.10'] });
    const four = race.finish(race.connect({ dnsQueryType: 'ipv4' }));
    expect(four.connection!.remote.address.toString()).toBe('10.0.0.10');
    expect(race.lab.queries.map(({ type }) => type)).toEqual(['A']);
    race.finish(race.connect({ dnsQueryType: 'ipv6' }, 'other.example'));
    expect(race.lab.queries.map(({ type }) => type)).toEqual(['AAAA']);
    // And remembers nothing of who won alone.
    race.finish(race.connect());
    expect(race.syns).toEqual([[0, 'fd00::10']]);
  });

  it('asks for no AAAA without an IPv6 address of ours', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], { listening: ['10.0.0.10'], ours: ['10.0.0.2/24'] });
    race.finish(race.connect());
    expect(race.lab.queries.map(({ type }) => type)).toEqual(['A']);
    const { error } = race.finish(race.connect({ dnsQueryType: 'ipv6' }));
    expect(error).toMatchObject({
      code: 'ERR_NO_ROUTE',
      message: expect.stringContaining('no IPv6 address'),
    });
    const linkLocal = new Race(['10.0.0.10'], {
      listening: ['10.0.0.10'],
      ours: ['10.0.0.2/24', 'fe80::2/64'],
    });
    linkLocal.finish(linkLocal.connect());
    expect(linkLocal.lab.queries.map(({ type }) => type)).toEqual(['A']);
  });

  it('remembers for 10 minutes which family won', () => {
    const both = ['fd00::10', '10.0.0.10'];
    const race = new Race(both, { listening: both });
    race.dead.add('fd00::10');
    race.finish(race.connect());
    race.dead.clear();
    race.lab.run(9 * 60_000);
    race.finish(race.connect({}, 'DB.example'));
    expect(race.syns).toEqual([[0, '10.0.0.10']]);
    race.lab.run(11 * 60_000);
    race.finish(race.connect());
    expect(race.syns).toEqual([[0, 'fd00::10']]);
  });

  it('remembers 256 hosts, the last ones', () => {
    const memory = new FamilyMemory();
    for (let i = 0; i <= MAX_REMEMBERED; i++) memory.set(`h${i}`, 4, 0);
    expect(memory.size).toBe(256);
    expect([memory.get('h0', 1), memory.get('h1', 1)]).toEqual([undefined, 4]);
  });

  it('that nobody takes says why, address by address', () => {
    const race = new Race(['fd00::10', '10.0.0.10', '10.0.0.11'], {
      hasRoute: (address) => address.toString() !== '10.0.0.11',
    });
    race.dead.add('fd00::10');
    const { error } = race.finish(race.connect({ userTimeout: 5000 }));
    expect(error).toBeInstanceOf(TunnelError);
    expect(error!.message).toBe(
      `No connection to "db.example" port 8080: 10.0.0.10 refused it, 10.0.0.11 is in no peer's AllowedIPs, fd00::10 did not answer.`,
    );
    expect(error).toMatchObject({ code: 'ERR_CONNECTION_REFUSED', retryable: true, leg: 'inside' });
    expect((error!.cause as AggregateError).errors).toHaveLength(3);
  });

  it('to a name without addresses says that', () => {
    const race = new Race([]);
    const { error } = race.finish(race.connect());
    expect(error).toMatchObject({
      code: 'ERR_NAME_NOT_RESOLVED',
      message: '"db.example" exists, but has neither an IPv6 nor an IPv4 address.',
    });
    race.lab.servers.set(SERVER, () => ({ rcode: 3 }));
    expect(race.finish(race.connect({}, 'gone.example')).error!.message).toBe(
      '"gone.example" does not exist, says DNS server 10.0.0.53.',
    );
    race.lab.servers.set(SERVER, ({ type }) => (type === 'A' ? {} : { rcode: 2 }));
    const half = race.finish(race.connect({}, 'half.example')).error!;
    expect(half.message).toMatch(/answered SERVFAIL/);
    expect(half.retryable).toBe(true);
  });

  it('may be cancelled, and nothing is left of it', () => {
    const race = new Race(['fd00::10', '10.0.0.10']);
    race.dead.add('fd00::10').add('10.0.0.10');
    const attempt = race.connect();
    race.lab.run(300);
    expect(race.lab.us.stack.tcp.connectionCount).toBe(2);
    attempt.cancel(race.lab.now);
    const early = race.connect({}, 'early.example');
    early.cancel(race.lab.now);
    race.lab.run(5000);
    expect(race.lab.us.stack.tcp.connectionCount).toBe(0);
    expect(race.lab.names.resolver.questionCount).toBe(0);
    expect(race.segments.filter(({ flags }) => flags & RST)).toEqual([]);
    expect(race.lab.us.stack.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('to localhost, or to an address, asks nobody', () => {
    const race = new Race([]);
    race.lab.us.stack.listenTcp({ port: PORT }, race.lab.now);
    for (const [host, remote] of [
      ['localhost', '::1'],
      ['127.0.0.1', '127.0.0.1'],
      ['fd00::2', 'fd00::2'],
    ] as const) {
      const { connection } = race.finish(race.connect({}, host));
      expect(connection!.remote.address.toString()).toBe(remote);
    }
    expect(race.lab.queries).toEqual([]);
  });
});

it('a name has at most 64 addresses of each family', () => {
  const all = Array.from({ length: 70 }, (_, i) => `10.0.0.${100 + i}`);
  const race = new Race(all, { ours: ['10.0.0.2/24'] });
  const { error } = race.finish(race.connect());
  expect(race.syns).toHaveLength(64);
  expect(error!.message).toMatch(/, and 56 more\.$/);
});

describe('the addresses of a host', () => {
  const settle = (race: Race, host: string, family?: 'ipv4' | 'ipv6') => {
    const lookup = race.lab.names.lookUp(host, family, race.lab.now);
    race.start = race.lab.now;
    race.lab.runUntil(() => lookup.isSettled, 60_000);
    return { addresses: lookup.addresses.map(String), error: lookup.error, took: race.lab.now - race.start };
  };

  it('come in the order of RFC 6724, when both families are known', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], { delays: { A: 300, AAAA: 100 } });
    // IPv4 before ULAs, as the default policy table has it.
    expect(settle(race, 'a.example')).toEqual({
      addresses: ['10.0.0.10', 'fd00::10'],
      error: undefined,
      took: 300,
    });
    expect(settle(race, 'b.example', 'ipv6')).toMatchObject({ addresses: ['fd00::10'], took: 100 });
  });

  it('come without those of a family that takes a second longer', () => {
    const race = new Race(['fd00::10', '10.0.0.10'], { delays: { A: 100, AAAA: 20_000 } });
    expect(settle(race, 'a.example')).toMatchObject({ addresses: ['10.0.0.10'], took: 1100 });
    expect(race.lab.names.resolver.questionCount).toBe(0);
  });

  it('are the host itself if that is an address', () => {
    expect(settle(new Race([]), '192.0.2.1')).toMatchObject({ addresses: ['192.0.2.1'], took: 0 });
  });
});
