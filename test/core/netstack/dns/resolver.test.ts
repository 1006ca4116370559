// The resolver against servers that do what servers do. Time is the lab's.
import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../../src/core/address.ts';
import { TunnelError } from '../../../../src/core/errors.ts';
import type { Resolution } from '../../../../src/core/netstack/dns/resolution.ts';
import { DnsLab, replyTo, type SeenQuery, type Serve } from '../../../support/dns-lab.ts';
import {
  addressRecord,
  aliasRecord,
  type DnsMessageFields,
  optRecord,
  soaRecord,
  textRecord,
} from '../../../support/dns-messages.ts';

const FIRST = '10.0.0.53';
const SECOND = '10.0.0.54';

/** Gives every A question the same address. */
const giving =
  (address: string, ttl = 300): Serve =>
  ({ lower }) => ({ answers: [addressRecord(lower, address, ttl)] });
const silent: Serve = () => undefined;
const failing =
  (rcode: number): Serve =>
  () => ({ rcode });

function expectError(result: unknown, code: string, message: string | RegExp, retryable: boolean): void {
  expect(result).toBeInstanceOf(TunnelError);
  const error = result as TunnelError;
  expect(error.message).toMatch(message);
  expect({ code: error.code, retryable: error.retryable, leg: error.leg }).toEqual({
    code,
    retryable,
    leg: 'inside',
  });
}

describe('a question', () => {
  it('is asked of the first server and answered', () => {
    const lab = new DnsLab({ servers: { [FIRST]: giving('192.0.2.1'), [SECOND]: silent } });
    expect(lab.lookUp('www.example')).toEqual(['192.0.2.1']);
    expect(lab.queries).toMatchObject([
      { lower: 'www.example', type: 'A', edns: 1232, over: 'udp', server: FIRST },
    ]);
    // recursion desired, nothing else
    expect(lab.queries[0]!.bytes.slice(2, 4)).toEqual(Uint8Array.of(1, 0));
  });

  it('comes from another port, with another ID and in other letters each time', () => {
    const lab = new DnsLab({ servers: { [FIRST]: giving('192.0.2.1', 0) } });
    for (let i = 0; i < 400; i++) lab.lookUp('www.averylongname.example');
    const distinct = (values: unknown[]) => new Set(values).size;
    expect(distinct(lab.queries.map(({ port }) => port))).toBeGreaterThan(390);
    expect(distinct(lab.queries.map(({ id }) => id))).toBeGreaterThan(390);
    expect(distinct(lab.queries.map(({ name }) => name))).toBeGreaterThan(390);
    const ports = lab.queries.map(({ port }) => port);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024);
    // Uniform over 1024–65535: each eighth has its share of 50, and none is empty.
    for (let part = 0; part < 8; part++) {
      const within = ports.filter((port) => Math.floor((port - 1024) / 8064) === part).length;
      expect(within, `eighth ${part}`).toBeGreaterThan(20);
      expect(within, `eighth ${part}`).toBeLessThan(90);
    }
  });

  it('is answered in its own letters, where names in the answer point at it', () => {
    const pointing: Serve = ({ type }) =>
      type === 'A'
        ? { answers: [{ name: Uint8Array.of(0xc0, 12), type, data: Uint8Array.of(192, 0, 2, 1) }] }
        : {
            answers: [
              { name: Uint8Array.of(0xc0, 12), type, data: Uint8Array.of(0, 1, 2, 77, 88, 0xc0, 12) },
            ],
          };
    const lab = new DnsLab({ servers: { [FIRST]: pointing } });
    for (let i = 0; i < 20; i++) {
      const name = `averylongname${i}.example`;
      const { outcome } = settled(lab, lab.resolve(name));
      expect(outcome).toMatchObject({ records: [{ name }] });
      expect(lab.lookUp(name, 'MX')).toMatchObject([{ name, exchange: `MX.${name}` }]);
    }
  });

  it('is asked once, whoever else wants to know meanwhile', () => {
    const lab = new DnsLab({ servers: { [FIRST]: giving('192.0.2.1', 0) } });
    lab.delay = 10;
    const resolutions = ['db.example', 'DB.example', 'db.example.'].map((name) => lab.resolve(name));
    lab.run(100);
    for (const { outcome } of resolutions) expect(outcome).toHaveProperty('records');
    expect(lab.queries).toHaveLength(1);
  });

  it('is one of at most 512', () => {
    const lab = new DnsLab({ servers: { [FIRST]: silent } });
    const resolutions = Array.from({ length: 513 }, (_, i) => lab.resolve(`host${i}.example`));
    expect(lab.names.resolver.questionCount).toBe(512);
    const { outcome } = resolutions[512]!;
    expectError(
      outcome && 'error' in outcome && outcome.error,
      'ERR_LIMIT',
      /512 names are being looked up/,
      true,
    );
    lab.run(20_000);
    expect(lab.names.resolver.questionCount).toBe(0);
  });

  it('is dropped when nobody wants to know any more', () => {
    const lab = new DnsLab({ servers: { [FIRST]: silent } });
    const [one, other] = [lab.resolve('a.example'), lab.resolve('a.example')];
    one.cancel(lab.now);
    expect(lab.names.resolver.questionCount).toBe(1);
    other.cancel(lab.now);
    expect(lab.names.resolver.questionCount).toBe(0);
    lab.run(20_000);
    expect(lab.queries).toHaveLength(1);
    expect(one.outcome).toBeUndefined();
  });

  it('without any server fails at once', () => {
    const lab = new DnsLab();
    expectError(lab.lookUp('db'), 'ERR_NAME_NOT_RESOLVED', /^"db" cannot be looked up: .*DNS = …/, false);
  });
});

describe('patience', () => {
  it('with one server is 1, 2, 4 and 4 seconds, 12 in all', () => {
    const lab = new DnsLab({ servers: { [FIRST]: silent } });
    const start = lab.now;
    const result = lab.lookUp('a.example');
    expect(lab.queries.map(({ at }) => at - start)).toEqual([0, 1000, 3000, 7000, 11_000]);
    expect(lab.now - start).toBe(12_000);
    expectError(
      result,
      'ERR_NAME_NOT_RESOLVED',
      `"a.example" could not be looked up: DNS server ${FIRST} did not answer.`,
      true,
    );
  });

  it('with several goes round', () => {
    const lab = new DnsLab({ servers: { [FIRST]: silent, [SECOND]: silent } });
    const start = lab.now;
    lab.lookUp('a.example');
    expect(lab.queries.map(({ at, server }) => [at - start, server])).toEqual([
      [0, FIRST],
      [1000, SECOND],
      [2000, FIRST],
      [4000, SECOND],
      [6000, FIRST],
      [10_000, SECOND],
    ]);
    expect(lab.now - start).toBe(12_000);
  });

  it('grows with the round trips of a server', () => {
    const lab = new DnsLab({ servers: { [FIRST]: giving('192.0.2.1', 0) } });
    lab.delay = 450;
    lab.lookUp('a.example');
    lab.delay = 0;
    lab.servers.set(FIRST, silent);
    const start = lab.now;
    lab.queries.length = 0;
    lab.lookUp('b.example');
    expect(lab.queries[1]!.at - start).toBe(1800);
  });

  it('still hears a server whose answer came late', () => {
    const slow: Serve = (query) => {
      const bytes = replyOf(query, '192.0.2.7');
      return { bytes, after: 1700 };
    };
    const lab = new DnsLab({ servers: { [FIRST]: slow, [SECOND]: silent } });
    const start = lab.now;
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.7']);
    expect(lab.now - start).toBe(1700);
    expect(lab.queries.map(({ server }) => server)).toEqual([FIRST, SECOND]);
  });

  it('is shorter with a server that has not answered of late: others come first', () => {
    const lab = new DnsLab({ servers: { [FIRST]: silent, [SECOND]: giving('192.0.2.1', 0) } });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    lab.queries.length = 0;
    expect(lab.lookUp('b.example')).toEqual(['192.0.2.1']);
    expect(lab.queries.map(({ server }) => server)).toEqual([SECOND]);
    lab.run(5000);
    lab.queries.length = 0;
    lab.servers.set(FIRST, giving('192.0.2.2', 0));
    expect(lab.lookUp('c.example')).toEqual(['192.0.2.2']);
  });

  it('is not needed where ICMP says that there is no server', () => {
    const lab = new DnsLab({ servers: { [SECOND]: giving('192.0.2.1') }, theirs: [FIRST] });
    lab.configure({ servers: [FIRST, SECOND].map(address) });
    const start = lab.now;
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expect(lab.now).toBe(start);
    lab.configure({ servers: [address(FIRST)] });
    expectError(
      lab.lookUp('a.example'),
      'ERR_NAME_NOT_RESOLVED',
      /10\.0\.0\.53 has no DNS server: its port 53 is closed\.$/,
      true,
    );
    expect(lab.now).toBe(start);
  });

  it('is not needed with a server in nobody’s allowed IPs', () => {
    const lab = new DnsLab({ servers: { [FIRST]: silent }, hasRoute: () => false });
    const start = lab.now;
    const message = /10\.0\.0\.53 is in no peer's AllowedIPs\.$/;
    expectError(lab.lookUp('a.example'), 'ERR_NAME_NOT_RESOLVED', message, false);
    expect(lab.now).toBe(start);
  });

  for (const [name, rcode] of Object.entries({ SERVFAIL: 2, REFUSED: 5 })) {
    it(`is not needed after ${name}: the next server is asked`, () => {
      const lab = new DnsLab({ servers: { [FIRST]: failing(rcode), [SECOND]: giving('192.0.2.1') } });
      const start = lab.now;
      expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
      expect(lab.now).toBe(start);
      lab.configure({ servers: [address(FIRST)] });
      expectError(lab.lookUp('a.example'), 'ERR_NAME_NOT_RESOLVED', `10.0.0.53 answered ${name}.`, true);
      expect(lab.now).toBe(start);
    });
  }

  it('is not needed after a referral to other servers', () => {
    const referral: Serve = () => ({
      recursionAvailable: false,
      authorities: [{ name: 'example', type: 'NS', data: Uint8Array.of(2, 110, 115, 0) }],
    });
    const lab = new DnsLab({ servers: { [FIRST]: referral, [SECOND]: giving('192.0.2.1') } });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
  });
});

describe('EDNS', () => {
  for (const [what, reply] of [
    ['FORMERR', { rcode: 1 }],
    ['NOTIMP', { rcode: 4 }],
    ['FORMERR without a question', { rcode: 1, questions: [] }],
    ['BADVERS', { additionals: [optRecord(1)] }],
  ] as const) {
    it(`is left out for 15 minutes after ${what}`, () => {
      const old: Serve = ({ lower, edns }) =>
        edns === undefined ? { answers: [addressRecord(lower, '192.0.2.1', 0)] } : { ...reply };
      const lab = new DnsLab({ servers: { [FIRST]: old } });
      const start = lab.now;
      expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
      expect(lab.now).toBe(start);
      expect(lab.lookUp('b.example')).toEqual(['192.0.2.1']);
      lab.run(15 * 60_000);
      expect(lab.lookUp('c.example')).toEqual(['192.0.2.1']);
      expect(lab.queries.map(({ edns }) => edns)).toEqual([1232, undefined, undefined, 1232, undefined]);
    });
  }

  it('left out and still not understood is a failure of the server', () => {
    const lab = new DnsLab({ servers: { [FIRST]: failing(1) } });
    expectError(lab.lookUp('a.example'), 'ERR_NAME_NOT_RESOLVED', /answered FORMERR/, true);
    expect(lab.queries).toHaveLength(2);
  });
});

describe('TCP', () => {
  /** Truncated over UDP. */
  const large: Serve = ({ over, lower }) =>
    over === 'udp'
      ? { truncated: true, answers: [addressRecord(lower, '192.0.2.66', 0)] }
      : { answers: Array.from({ length: 60 }, (_, i) => addressRecord(lower, `192.0.2.${i}`, 0)) };
  const all = Array.from({ length: 60 }, (_, i) => `192.0.2.${i}`);

  it('carries what is too large for UDP; a truncated answer is never taken', () => {
    const lab = new DnsLab({ servers: { [FIRST]: large } });
    expect(lab.lookUp('a.example')).toEqual(all);
    expect(lab.queries.map(({ over }) => over)).toEqual(['udp', 'tcp']);
  });

  it('is asked once, however often the server says that it is needed', () => {
    const insisting: Serve = (query) =>
      query.over === 'udp'
        ? [
            replyOf(query, '192.0.2.66', { truncated: true }),
            replyOf(query, '192.0.2.66', { truncated: true }),
          ]
        : { bytes: replyOf(query, '192.0.2.1'), after: 100 };
    const lab = new DnsLab({ servers: { [FIRST]: insisting } });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expect(lab.queries.map(({ over }) => over)).toEqual(['udp', 'tcp']);
  });

  it('is asked without EDNS, too, where that is not understood', () => {
    const old: Serve = (query) => {
      if (query.over === 'udp') return { truncated: true };
      return query.edns ? { rcode: 1 } : { answers: [addressRecord(query.lower, '192.0.2.1')] };
    };
    const lab = new DnsLab({ servers: { [FIRST]: old } });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expect(lab.queries.map(({ over, edns }) => [over, edns])).toEqual([
      ['udp', 1232],
      ['tcp', 1232],
      ['tcp', undefined],
    ]);
  });

  it('on which nothing came in time is left for a new connection', () => {
    const lab = new DnsLab({
      servers: {
        [FIRST]: (query) => (query.over === 'tcp' && query.lower[0] === 'a' ? undefined : large(query)),
      },
    });
    expectError(lab.lookUp('a.example'), 'ERR_NAME_NOT_RESOLVED', /did not answer over TCP/, true);
    expect(lab.lookUp('b.example')).toEqual(all);
    expect(lab.tcpConnections).toBe(2);
  });

  it('is used again within 5 seconds, and closed after them', () => {
    const lab = new DnsLab({ servers: { [FIRST]: large } });
    lab.lookUp('a.example');
    lab.run(4000);
    lab.lookUp('b.example');
    expect(lab.tcpConnections).toBe(1);
    lab.run(4900);
    expect(lab.them.stack.tcp.connectionCount).toBe(1);
    lab.run(200);
    expect(lab.them.stack.tcp.connectionCount).toBe(0);
    lab.lookUp('c.example');
    expect(lab.tcpConnections).toBe(2);
  });

  it('may bring its answers in pieces', () => {
    const lab = new DnsLab({ servers: { [FIRST]: large } });
    lab.pieceBytes = 7;
    expect(lab.lookUp('a.example')).toEqual(all);
  });

  it('may bring several answers in another order than they were asked for', () => {
    const unordered: Serve = (query) => {
      if (query.over === 'udp') return { truncated: true };
      const host = Number(query.lower[0]);
      return { bytes: replyOf(query, `192.0.2.${host}`), after: 100 - host };
    };
    const lab = new DnsLab({ servers: { [FIRST]: unordered } });
    const resolutions = Array.from({ length: 9 }, (_, i) => lab.resolve(`${i}.example`));
    lab.run(200);
    expect(lab.tcpConnections).toBe(1);
    const addresses = resolutions.map(({ outcome }) => outcome && 'records' in outcome && outcome.records[0]);
    expect(addresses.map((record) => record && 'address' in record && `${record.address}`)).toEqual(
      Array.from({ length: 9 }, (_, i) => `192.0.2.${i}`),
    );
  });

  it('is opened anew where the server closed it behind an answer', () => {
    const lab = new DnsLab({ servers: { [FIRST]: large } });
    lab.answersPerConnection = 1;
    const resolutions = ['a', 'b', 'c'].map((name) => lab.resolve(`${name}.example`));
    lab.run(500);
    for (const { outcome } of resolutions.slice(0, 2)) expect(outcome).toHaveProperty('records');
    expect(lab.tcpConnections).toBeGreaterThan(1);
  });

  it('refused or silent means the next server', () => {
    const truncating: Serve = () => ({ truncated: true });
    const lab = new DnsLab({
      servers: { [FIRST]: truncating, [SECOND]: giving('192.0.2.1', 0) },
      tcp: false,
    });
    const start = lab.now;
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expect(lab.now).toBe(start);
    lab.isLost = (packet) => packet[9] === 6;
    expect(lab.lookUp('b.example')).toEqual(['192.0.2.1']);
    expect(lab.now - start).toBe(4000);
    lab.configure({ servers: [address(FIRST)] });
    lab.isLost = () => false;
    expectError(lab.lookUp('c.example'), 'ERR_NAME_NOT_RESOLVED', '10.0.0.53 refuses TCP.', true);
  });

  it('takes no longer than the whole question may', () => {
    const truncating: Serve = ({ over }) => (over === 'udp' ? { truncated: true } : undefined);
    const addresses = [FIRST, SECOND, '10.0.0.55', '10.0.0.56'];
    const lab = new DnsLab({ servers: Object.fromEntries(addresses.map((text) => [text, truncating])) });
    const start = lab.now;
    lab.lookUp('a.example');
    expect(lab.now - start).toBe(12_000);
    expect(lab.queries.filter(({ over }) => over === 'udp').map(({ server }) => server)).toEqual(
      addresses.slice(0, 3),
    );
  });

  it('with an answer that is truncated too means the next server', () => {
    const truncating: Serve = () => ({ truncated: true });
    const lab = new DnsLab({ servers: { [FIRST]: truncating, [SECOND]: giving('192.0.2.1') } });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
  });
});

describe('an alias', () => {
  it('is followed by names, whatever else is in the answer and in which order', () => {
    const serve: Serve = () => ({
      answers: [
        addressRecord('evil.example', '192.0.2.66'),
        addressRecord('c.example', '192.0.2.1'),
        aliasRecord('b.example', 'C.Example'),
        aliasRecord('x.example', 'evil.example'),
        aliasRecord('a.example', 'b.example'),
      ],
    });
    const lab = new DnsLab({ servers: { [FIRST]: serve } });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expect(lab.queries).toHaveLength(1);
  });

  it('that leads out of the answer is asked for', () => {
    const serve: Serve = ({ lower }) =>
      lower === 'a.example'
        ? { answers: [aliasRecord('a.example', 'b.other')] }
        : { answers: [addressRecord(lower, '192.0.2.1')] };
    const lab = new DnsLab({ servers: { [FIRST]: serve } });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expect(lab.queries.map(({ lower }) => lower)).toEqual(['a.example', 'b.other']);
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expect(lab.queries).toHaveLength(2);
  });

  it('is an answer itself where a CNAME record is asked for', () => {
    const lab = new DnsLab({
      servers: { [FIRST]: () => ({ answers: [aliasRecord('a.example', 'b.example')] }) },
    });
    expect(lab.lookUp('a.example', 'CNAME')).toEqual([
      { type: 'CNAME', name: 'a.example', target: 'b.example', ttl: 300 },
    ]);
  });

  it('may go through 16 others, not more', () => {
    const chain =
      (length: number): Serve =>
      () => ({
        answers: [
          ...Array.from({ length }, (_, i) => aliasRecord(`a${i}.example`, `a${i + 1}.example`)),
          addressRecord(`a${length}.example`, '192.0.2.1'),
        ],
      });
    expect(new DnsLab({ servers: { [FIRST]: chain(16) } }).lookUp('a0.example')).toEqual(['192.0.2.1']);
    const error = new DnsLab({ servers: { [FIRST]: chain(17) } }).lookUp('a0.example');
    expectError(error, 'ERR_NAME_NOT_RESOLVED', /leads in a circle, or through more than 16/, false);
  });

  it('may go through 16 others also when each is asked for', () => {
    const chain: Serve = ({ lower }) => {
      const i = Number(/^a(\d+)/.exec(lower)![1]);
      return i === 16
        ? { answers: [addressRecord(lower, '192.0.2.1')] }
        : { answers: [aliasRecord(lower, `a${i + 1}.example`)] };
    };
    const lab = new DnsLab({ servers: { [FIRST]: chain } });
    expect(lab.lookUp('a0.example')).toEqual(['192.0.2.1']);
    expect(lab.queries).toHaveLength(17);
    lab.servers.set(FIRST, ({ lower }) => ({ answers: [aliasRecord(lower, `b${lower}`.slice(0, 200))] }));
    expectError(lab.lookUp('endless.example'), 'ERR_NAME_NOT_RESOLVED', /circle/, false);
  });

  it('in a circle over several answers is an error', () => {
    const serve: Serve = ({ lower }) => ({
      answers: [aliasRecord(lower, lower === 'a.example' ? 'b.example' : 'a.example', 0)],
    });
    const lab = new DnsLab({ servers: { [FIRST]: serve } });
    expectError(lab.lookUp('a.example'), 'ERR_NAME_NOT_RESOLVED', /circle/, false);
    expect(lab.queries).toHaveLength(3);
  });

  it('of a name without such a record is not asked for again where the answer has the zone’s SOA record', () => {
    const serve: Serve = () => ({
      answers: [aliasRecord('a.example', 'b.example')],
      authorities: [soaRecord('example', 60)],
    });
    const lab = new DnsLab({ servers: { [FIRST]: serve } });
    expectError(lab.lookUp('a.example'), 'ERR_NAME_NOT_RESOLVED', '"b.example" has no A record', false);
    expect(lab.queries).toHaveLength(1);
    lab.lookUp('a.example');
    lab.lookUp('b.example');
    expect(lab.queries).toHaveLength(1);
  });

  it('of a name that does not exist is final', () => {
    const serve: Serve = () => ({
      rcode: 3,
      answers: [aliasRecord('a.example', 'gone.example')],
      authorities: [soaRecord('example', 60)],
    });
    const lab = new DnsLab({ servers: { [FIRST]: serve }, config: { searchDomains: ['corp.example'] } });
    expectError(
      lab.lookUp('a.example'),
      'ERR_NAME_NOT_RESOLVED',
      /does not exist, says DNS server 10\.0\.0\.53/,
      false,
    );
    expect(lab.queries).toHaveLength(1);
    // And the name behind it is known not to exist, whatever is asked of it.
    expectError(lab.lookUp('gone.example.', 'TXT'), 'ERR_NAME_NOT_RESOLVED', /does not exist/, false);
    expect(lab.queries).toHaveLength(1);
  });
});

describe('what is known', () => {
  it('is not asked again until its time is over, and shows how much is left', () => {
    const lab = new DnsLab({ servers: { [FIRST]: ({ lower }) => ({ answers: [textRecord(lower, 'x')] }) } });
    lab.lookUp('a.example', 'TXT');
    lab.run(200_500);
    expect(lab.lookUp('A.Example', 'TXT')).toMatchObject([{ ttl: 100 }]);
    expect(lab.queries).toHaveLength(1);
    lab.run(99_500);
    expect(lab.lookUp('a.example', 'TXT')).toMatchObject([{ ttl: 300 }]);
    expect(lab.queries).toHaveLength(2);
  });

  it('is one type’s alone', () => {
    const lab = new DnsLab({ servers: { [FIRST]: giving('192.0.2.1') } });
    lab.lookUp('a.example');
    lab.lookUp('a.example', 'AAAA');
    expect(lab.queries).toHaveLength(2);
  });

  it('holds as long as the shortest TTL on the way, a day at most, and not at all with TTL 0', () => {
    const lab = new DnsLab({
      servers: {
        [FIRST]: ({ lower }) => ({
          answers: [aliasRecord(lower, 'b.example', 10), addressRecord('b.example', '192.0.2.1', 100)],
        }),
      },
    });
    lab.lookUp('a.example');
    lab.run(10_000);
    lab.lookUp('a.example');
    expect(lab.queries).toHaveLength(2);
    lab.servers.set(FIRST, giving('192.0.2.1', 1_000_000));
    lab.lookUp('day.example');
    lab.run(86_399_000);
    lab.lookUp('day.example');
    expect(lab.queries).toHaveLength(3);
    lab.run(1000);
    lab.lookUp('day.example');
    expect(lab.queries).toHaveLength(4);
    lab.servers.set(FIRST, giving('192.0.2.1', 2 ** 31 + 1));
    lab.lookUp('zero.example');
    lab.lookUp('zero.example');
    expect(lab.queries).toHaveLength(6);
  });

  it('includes names that do not exist, for all types and all names below', () => {
    const serve: Serve = () => ({ rcode: 3, authorities: [soaRecord('example', 60, 3600)] });
    const lab = new DnsLab({ servers: { [FIRST]: serve } });
    expectError(
      lab.lookUp('gone.example'),
      'ERR_NAME_NOT_RESOLVED',
      '"gone.example" does not exist, says DNS server 10.0.0.53.',
      false,
    );
    lab.lookUp('gone.example', 'TXT');
    expectError(
      lab.lookUp('deep.below.gone.example', 'AAAA'),
      'ERR_NAME_NOT_RESOLVED',
      /does not exist/,
      false,
    );
    expect(lab.queries).toHaveLength(1);
    lab.lookUp('notgone.example');
    expect(lab.queries).toHaveLength(2);
    lab.run(60_000);
    lab.lookUp('gone.example');
    expect(lab.queries).toHaveLength(3);
  });

  it('does not include what is below a top-level name alone', () => {
    const serve: Serve = ({ lower }) =>
      lower === 'corp'
        ? { rcode: 3, authorities: [soaRecord('.', 86_400, 86_400)] }
        : { answers: [addressRecord(lower, '192.0.2.1')] };
    const lab = new DnsLab({ servers: { [FIRST]: serve } });
    expectError(lab.lookUp('corp'), 'ERR_NAME_NOT_RESOLVED', /does not exist/, false);
    expect(lab.lookUp('db.corp')).toEqual(['192.0.2.1']);
  });

  it('includes that a name has no such record, for an hour at most', () => {
    const serve: Serve = () => ({ authorities: [soaRecord('example', 86_400, 86_400)] });
    const lab = new DnsLab({ servers: { [FIRST]: serve } });
    expectError(
      lab.lookUp('a.example', 'AAAA'),
      'ERR_NAME_NOT_RESOLVED',
      '"a.example" has no AAAA record, says DNS server 10.0.0.53.',
      false,
    );
    lab.run(3_599_000);
    lab.lookUp('a.example', 'AAAA');
    expect(lab.queries).toHaveLength(1);
    lab.lookUp('a.example', 'A');
    expect(lab.queries).toHaveLength(2);
    lab.run(1000);
    lab.lookUp('a.example', 'AAAA');
    expect(lab.queries).toHaveLength(3);
  });

  it('includes nothing of that without an SOA record of the zone', () => {
    const lab = new DnsLab({ servers: { [FIRST]: failing(3) } });
    lab.lookUp('a.example');
    lab.lookUp('a.example');
    lab.servers.set(FIRST, () => ({ rcode: 3, authorities: [soaRecord('other', 60)] }));
    lab.lookUp('a.example');
    lab.lookUp('a.example');
    expect(lab.queries).toHaveLength(4);
  });

  it('includes that a server fails, for 5 seconds at first and 5 minutes at last', () => {
    const lab = new DnsLab({ servers: { [FIRST]: failing(2) } });
    const times: number[] = [];
    for (let i = 0; i < 9; i++) {
      const before = lab.now;
      lab.lookUp('a.example');
      while (lab.queries.length === i + 1) {
        lab.run(1000);
        expectError(lab.lookUp('a.example'), 'ERR_NAME_NOT_RESOLVED', /answered SERVFAIL/, true);
      }
      times.push((lab.now - before) / 1000);
    }
    expect(times).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
    lab.lookUp('b.example');
    expect(lab.queries.at(-1)!.lower).toBe('b.example');
    // An answer makes up for all of it.
    lab.run(300_000);
    lab.servers.set(FIRST, giving('192.0.2.1', 0));
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    lab.servers.set(FIRST, failing(2));
    lab.lookUp('a.example');
    lab.run(5000);
    const { length } = lab.queries;
    lab.lookUp('a.example');
    expect(lab.queries).toHaveLength(length + 1);
  });

  it('is forgotten with the configuration, and what is being asked is asked of the new servers', () => {
    const lab = new DnsLab({ servers: { [FIRST]: giving('192.0.2.1'), [SECOND]: giving('192.0.2.2') } });
    lab.configure({ servers: [address(FIRST)] });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    lab.servers.set(FIRST, silent);
    const waiting = lab.resolve('b.example');
    lab.run(100);
    lab.configure({ servers: [address(SECOND)] });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.2']);
    expect(waiting.outcome).toMatchObject({ records: [{ name: 'b.example' }] });
    const last = lab.resolve('c.example');
    lab.configure({ servers: [] });
    expectError(
      last.outcome && 'error' in last.outcome && last.outcome.error,
      'ERR_NAME_NOT_RESOLVED',
      /no DNS server/,
      false,
    );
  });

  it('has no failures in it after the network has changed', () => {
    const lab = new DnsLab({ servers: { [FIRST]: failing(2) } });
    lab.lookUp('a.example');
    lab.us.stack.reconnected(lab.now);
    lab.servers.set(FIRST, giving('192.0.2.1'));
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
  });
});

describe('a name', () => {
  /** Only the names that are listed exist. */
  const knowing =
    (...names: string[]): Serve =>
    ({ lower }) =>
      names.includes(lower) ? { answers: [addressRecord(lower, '192.0.2.1')] } : { rcode: 3 };
  const asked = (lab: DnsLab) => lab.queries.map(({ lower }) => lower);

  it('without a dot is looked for in the search domains first, then as it is', () => {
    const lab = new DnsLab({
      servers: { [FIRST]: knowing('db') },
      config: { searchDomains: ['Corp.Example', 'example'] },
    });
    expect(lab.lookUp('db')).toEqual(['192.0.2.1']);
    expect(asked(lab)).toEqual(['db.corp.example', 'db.example', 'db']);
  });

  it('with a dot is looked for as it is first', () => {
    const lab = new DnsLab({
      servers: { [FIRST]: knowing('db.eu.corp') },
      config: { searchDomains: ['corp'] },
    });
    expect(lab.lookUp('db.eu')).toEqual(['192.0.2.1']);
    expect(asked(lab)).toEqual(['db.eu', 'db.eu.corp']);
  });

  it('with a dot at its end is nothing but itself', () => {
    const lab = new DnsLab({ servers: { [FIRST]: knowing() }, config: { searchDomains: ['corp'] } });
    expectError(
      lab.lookUp('db.'),
      'ERR_NAME_NOT_RESOLVED',
      /^"db\." does not exist, says DNS server 10\.0\.0\.53\.$/,
      false,
    );
    expect(asked(lab)).toEqual(['db']);
  });

  it('that exists nowhere says what was asked for', () => {
    const lab = new DnsLab({ servers: { [FIRST]: knowing() }, config: { searchDomains: ['corp'] } });
    expectError(lab.lookUp('db'), 'ERR_NAME_NOT_RESOLVED', /\(asked for: db\.corp, db\)\.$/, false);
  });

  it('is looked for in 6 domains at most, and in none that would make it too long', () => {
    const long = ['x'.repeat(63), 'x'.repeat(63), 'x'.repeat(63), 'x'.repeat(60)].join('.');
    const searchDomains = [long, ...Array.from({ length: 9 }, (_, i) => `d${i}`)];
    const lab = new DnsLab({ servers: { [FIRST]: knowing() }, config: { searchDomains } });
    lab.lookUp('db');
    expect(asked(lab)).toEqual(['db.d0', 'db.d1', 'db.d2', 'db.d3', 'db.d4', 'db']);
  });

  it('that exists without such a record is not looked for elsewhere', () => {
    const lab = new DnsLab({ servers: { [FIRST]: () => ({}) }, config: { searchDomains: ['corp'] } });
    expectError(lab.lookUp('db'), 'ERR_NAME_NOT_RESOLVED', '"db.corp" has no A record', false);
    expect(asked(lab)).toEqual(['db.corp']);
  });

  it('whose server fails is not looked for elsewhere', () => {
    const lab = new DnsLab({ servers: { [FIRST]: failing(2) }, config: { searchDomains: ['corp'] } });
    expectError(lab.lookUp('db'), 'ERR_NAME_NOT_RESOLVED', '"db.corp" could not be looked up', true);
    expect(asked(lab)).toEqual(['db.corp']);
  });

  it('that is an address is its own answer', () => {
    const lab = new DnsLab({ servers: { [FIRST]: silent } });
    expect(lab.lookUp('192.0.2.9')).toEqual(['192.0.2.9']);
    expect(lab.lookUp('fd00::9', 'AAAA')).toEqual(['fd00::9']);
    expectError(
      lab.lookUp('192.0.2.9', 'AAAA'),
      'ERR_NAME_NOT_RESOLVED',
      '"192.0.2.9" has no AAAA record.',
      false,
    );
    expect(lab.queries).toEqual([]);
  });

  it('of an address is where RFC 1035 and RFC 3596 have it', () => {
    const lab = new DnsLab({ servers: { [FIRST]: failing(3) }, config: { searchDomains: ['corp'] } });
    lab.lookUp('192.0.2.9', 'PTR');
    lab.lookUp('fd00::1:9', 'PTR');
    expect(asked(lab)).toEqual([
      '9.2.0.192.in-addr.arpa',
      '9.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa',
    ]);
  });

  it('localhost, or below it, is this host', () => {
    const lab = new DnsLab({ servers: { [FIRST]: silent }, config: { searchDomains: ['corp'] } });
    for (const name of ['localhost', 'LOCALHOST.', 'foo.localhost']) {
      expect(lab.lookUp(name)).toEqual(['127.0.0.1']);
      expect(lab.lookUp(name, 'AAAA')).toEqual(['::1']);
      expectError(lab.lookUp(name, 'MX'), 'ERR_NAME_NOT_RESOLVED', /has no MX record/, false);
    }
    expect(lab.queries).toEqual([]);
  });

  for (const name of ['a.invalid', 'service.onion', 'onion', 'printer.local.'])
    it(`${name} is never asked for, nor searched for`, () => {
      const lab = new DnsLab({ servers: { [FIRST]: silent }, config: { searchDomains: ['corp'] } });
      expectError(
        lab.lookUp(name),
        'ERR_NAME_NOT_RESOLVED',
        /is not looked up: names under .* \(RFC \d+\)\.$/,
        false,
      );
      expect(lab.queries).toEqual([]);
    });

  it('under .local is asked for where the network’s own domain is there', () => {
    const lab = new DnsLab({
      servers: { [FIRST]: knowing('db.corp.local') },
      config: { searchDomains: ['corp.local'] },
    });
    expect(lab.lookUp('db')).toEqual(['192.0.2.1']);
    expect(lab.lookUp('db.corp.local')).toEqual(['192.0.2.1']);
    expectError(lab.lookUp('printer.local'), 'ERR_NAME_NOT_RESOLVED', /multicast DNS/, false);
  });

  it('may be known without asking', () => {
    const hosts = new Map([['Db.Corp', [address('10.1.2.3')]]]);
    const lab = new DnsLab({ servers: { [FIRST]: silent }, config: { hosts } });
    expect(lab.lookUp('db.corp')).toEqual(['10.1.2.3']);
    expectError(lab.lookUp('db.corp', 'AAAA'), 'ERR_NAME_NOT_RESOLVED', /has no AAAA record/, false);
    expect(lab.queries).toEqual([]);
  });

  it('has the addresses that our policy lets servers give it', () => {
    const lab = new DnsLab({
      servers: {
        [FIRST]: ({ lower }) => ({
          answers: (lower === 'evil.example' ? ['127.0.0.1'] : ['192.0.2.1', '127.0.0.1']).map((text) =>
            addressRecord(lower, text),
          ),
        }),
      },
    });
    expect(lab.lookUp('evil.example')).toEqual(['127.0.0.1']);
    const accepts = (name: string, { bytes }: IpAddress) => name.endsWith('.example') && bytes[0] !== 127;
    lab.configure({ servers: [address(FIRST)], accepts });
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expect(lab.lookUp('a.example')).toEqual(['192.0.2.1']);
    expectError(lab.lookUp('evil.example'), 'ERR_NAME_NOT_RESOLVED', /has no A record/, false);
    expect(lab.lookUp('localhost')).toEqual(['127.0.0.1']);
  });

  it('is judged by the name that was asked for, whatever it is an alias of', () => {
    const target = (lower: string) => (lower === 'evil.example' ? 'db.corp' : 'localhost');
    const lab = new DnsLab({
      servers: {
        [FIRST]: ({ lower }) => ({
          answers:
            lower === 'db.corp' ? [addressRecord(lower, '10.0.0.5')] : [aliasRecord(lower, target(lower))],
        }),
      },
    });
    const accepts = (name: string) => name.endsWith('.corp');
    lab.configure({ servers: [address(FIRST)], accepts });
    expect(lab.lookUp('db.corp')).toEqual(['10.0.0.5']);
    // Its alias is known by now, and believed where it is asked for itself.
    expectError(lab.lookUp('evil.example'), 'ERR_NAME_NOT_RESOLVED', /has no A record/, false);
    expectError(lab.lookUp('here.example'), 'ERR_NAME_NOT_RESOLVED', /has no A record/, false);
    expect(lab.lookUp('db.corp')).toEqual(['10.0.0.5']);
  });

  for (const [name, fault] of [
    ['', 'there is nothing before, after or between its dots'],
    ['a..b', 'there is nothing before, after or between its dots'],
    ['x'.repeat(64), 'longer than 63'],
    [`${'x.'.repeat(127)}x`, 'longer than 253'],
    ['http://db', 'it contains ":"'],
    ['db:5432', 'it contains ":"'],
    ['a b', 'it contains " "'],
    ['käse.example', 'it contains "ä"'],
    ['10.0.0.300', 'it ends in a number'],
    ['10.0.0', 'it ends in a number'],
  ] as const)
    it(`may not be ${JSON.stringify(name.slice(0, 20))}`, () => {
      const lab = new DnsLab({ servers: { [FIRST]: silent } });
      expectError(lab.lookUp(name), 'ERR_NAME_NOT_RESOLVED', fault, false);
      expect(lab.queries).toEqual([]);
    });
});

describe('hostile input, rows 60 to 62', () => {
  it('60: wrong ID, wrong port, wrong question, changed case and QR=0 are ignored, and the query goes on', () => {
    const forging: Serve = (query) => {
      const forged = (fields: object) => replyOf(query, '192.0.2.66', fields);
      return [
        forged({ id: query.id ^ 1 }),
        forged({ questions: [{ name: 'other.example' }] }),
        forged({ questions: [{ name: query.name, type: 'AAAA' }] }),
        forged({ questions: [{ name: query.name, class: 3 }] }),
        forged({ questions: [] }),
        forged({ questions: [{ name: query.name }, { name: query.name }] }),
        forged({ response: false }),
        forged({ opcode: 5 }),
        { bytes: replyOf(query, '192.0.2.1'), after: 300 },
      ];
    };
    const lab = new DnsLab({ servers: { [FIRST]: forging }, theirs: ['10.0.0.99'] });
    const resolution = lab.resolve('www.example');
    lab.run(100);
    // From another address, and to another port.
    const { port, id } = lab.queries[0]!;
    for (const [from, to] of [
      ['10.0.0.99', port],
      [FIRST, port ^ 1],
    ] as const)
      lab.them.stack
        .bindUdp({ address: address(from), port: from === FIRST ? 5353 : 53 })
        .send(replyOf({ ...lab.queries[0]!, id }, '192.0.2.66'), { address: address('10.0.0.2'), port: to });
    lab.run(1000);
    expect(resolution.outcome).toMatchObject({ records: [{ address: address('192.0.2.1') }] });
    expect(lab.queries).toHaveLength(1);
    expect(lab.us.drops).toMatchObject({ 'dns-unexpected': 8 });
  });

  it('60: an answer in other letters is asked for again over TCP', () => {
    const lower: Serve = (query) =>
      query.over === 'udp'
        ? replyOf(query, '192.0.2.66', {
            questions: [{ name: query.name === query.lower ? query.name.toUpperCase() : query.lower }],
          })
        : replyOf(query, '192.0.2.1', { questions: [{ name: query.lower }] });
    const lab = new DnsLab({ servers: { [FIRST]: lower } });
    expect(lab.lookUp('www.example')).toEqual(['192.0.2.1']);
    expect(lab.queries.map(({ over }) => over)).toEqual(['udp', 'tcp']);
    expect(lab.us.drops).toMatchObject({ 'dns-case': 1 });
  });

  it('61: what is no message is ignored, and the query goes on', () => {
    const header = (query: { id: number }) => Uint8Array.of(query.id >> 8, query.id & 255, 0x81, 0x80);
    const broken: Serve = (query) => [
      new Uint8Array(0),
      Uint8Array.of(...header(query), ...new Uint8Array(8).fill(255)),
      replyOf(query, '192.0.2.66', { questions: [{ name: Uint8Array.of(0xc0, 12) }] }),
      replyOf(query, '192.0.2.66', { questions: [{ name: Uint8Array.of(0xc0, 40) }] }),
      replyOf(query, '192.0.2.66', { questions: [{ name: Uint8Array.of(64, ...new Uint8Array(65)) }] }),
      replyOf(query, '192.0.2.66').slice(0, -1),
      { bytes: replyOf(query, '192.0.2.1'), after: 300 },
    ];
    const lab = new DnsLab({ servers: { [FIRST]: broken } });
    expect(lab.lookUp('www.example')).toEqual(['192.0.2.1']);
    expect(lab.queries).toHaveLength(1);
    expect(lab.us.drops).toMatchObject({ 'dns-malformed': 6 });
  });

  it('62: a circle of aliases and a chain of 100 are errors, TTL 2³¹+1 is 0, an empty TXT is fine', () => {
    const lab = new DnsLab({
      servers: { [FIRST]: () => ({ answers: [aliasRecord('a.example', 'a.example')] }) },
    });
    expectError(lab.lookUp('a.example'), 'ERR_NAME_NOT_RESOLVED', /circle/, false);
    lab.servers.set(FIRST, () => ({
      answers: Array.from({ length: 100 }, (_, i) => aliasRecord(`h${i}.x`, `h${i + 1}.x`)),
    }));
    expectError(lab.lookUp('h0.x'), 'ERR_NAME_NOT_RESOLVED', /more than 16/, false);
    lab.servers.set(FIRST, ({ lower }) => ({ answers: [{ ...textRecord(lower, ''), ttl: 2 ** 31 + 1 }] }));
    expect(lab.lookUp('t.example', 'TXT')).toEqual([
      { type: 'TXT', name: 't.example', ttl: 0, data: [new Uint8Array(0)] },
    ]);
  });

  it('late answers meet an open socket for 2 seconds, and no ICMP error', () => {
    const twice: Serve = (query) => [
      replyOf(query, '192.0.2.1'),
      { bytes: replyOf(query, '192.0.2.66'), after: 1900 },
      { bytes: replyOf(query, '192.0.2.66'), after: 2100 },
    ];
    const lab = new DnsLab({ servers: { [FIRST]: twice } });
    const errors: number[] = [];
    lab.isLost = (packet, isOurs) => {
      if (isOurs && packet[9] === 1) errors.push(lab.now);
      return false;
    };
    const start = lab.now;
    lab.lookUp('a.example');
    lab.run(2000);
    expect(errors).toEqual([]);
    expect(lab.us.drops).toEqual({ 'dns-late': 1 });
    lab.run(1000);
    expect(errors).toEqual([start + 2100]);
  });
});

function settled(lab: DnsLab, resolution: Resolution): Resolution {
  lab.runUntil(() => resolution.outcome !== undefined, 60_000);
  return resolution;
}

function address(text: string): IpAddress {
  return IpAddress.parse(text)!;
}

function replyOf(query: SeenQuery, text: string, fields: DnsMessageFields = {}): Uint8Array {
  return replyTo(query, { answers: [addressRecord(query.lower, text, 0)], ...fields });
}
