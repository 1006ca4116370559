import { describe, expect, it } from 'vitest';
import { classOf, normalizeName, parseAddress, printAddress } from '../../relay/address.ts';
import { type Destination, Policy, type PolicyOptions } from '../../relay/policy.ts';
import { CHANNEL_DENIED, CHANNEL_UNKNOWN } from '../../src/core/wire/relay.ts';
import { RelayConfigError } from '../../src/relay-host/config-error.ts';
import { createResolver } from '../../src/relay-host/resolver.ts';
import { type AllowRule, parseRule } from '../../src/relay-host/rules.ts';

const noDns = () => {
  throw new Error('the resolver must not be asked');
};

function policy(allow: (string | AllowRule)[], options: Partial<PolicyOptions> = {}): Policy {
  return new Policy(
    allow.map((rule) => parseRule(rule)),
    {
      resolve: noDns,
      ownAddresses: () => ['192.0.2.200', '2001:db8::200', '10.9.9.9'],
      listenPorts: () => [8080],
      ...options,
    },
  );
}

/** `address port`, or the code and the operator's reason. */
async function decide(subject: Policy, host: string, port: number): Promise<string> {
  const decision = subject.decide(host, port);
  const final = 'pending' in decision ? await decision.pending : decision;
  if ('destination' in final) return `${final.destination.address} ${final.destination.port}`;
  return `${final.refusal.code} ${final.refusal.detail}`;
}

const dns = (addresses: string[]) => ({ resolve: () => Promise.resolve(addresses) });

describe('address classes', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['2a00:1450::1', 'public'],
    ['0.0.0.0', 'forbidden'],
    ['0.1.2.3', 'forbidden'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'forbidden'],
    ['224.0.0.1', 'forbidden'],
    ['255.255.255.255', 'forbidden'],
    ['240.0.0.1', 'forbidden'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['100.128.0.1', 'public'],
    ['192.0.0.8', 'private'],
    ['198.19.0.1', 'private'],
    ['::', 'forbidden'],
    ['::1', 'loopback'],
    ['::2', 'forbidden'],
    ['fe80::1', 'forbidden'],
    ['ff02::1', 'forbidden'],
    ['fd00:ec2::254', 'forbidden'],
    ['fd20:ce::254', 'forbidden'],
    ['168.63.129.16', 'forbidden'],
    ['fd12::1', 'private'],
    ['fec0::1', 'private'],
    // IPv4 inside IPv6, in every way that a translator or tunnel may take it out
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:8.8.8.8', 'public'],
    ['::127.0.0.1', 'loopback'],
    ['::169.254.169.254', 'forbidden'],
    ['::ffff:0:127.0.0.1', 'loopback'],
    ['::ffff:0:a9fe:a9fe', 'forbidden'],
    ['::ffff:0:8.8.8.8', 'public'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['64:ff9b::808:808', 'public'],
    ['64:ff9b:1::7f00:1', 'forbidden'],
    ['2002:7f00:1::', 'loopback'],
    ['2002:a9fe:a9fe::1', 'forbidden'],
    ['2002:808:808::1', 'public'],
    ['2001:0:7f00:1::', 'forbidden'],
    ['2001:0:808:808:0:0:80ff:fffe', 'loopback'],
    ['2a00::5efe:10.0.0.1', 'private'],
    ['2a00::200:5efe:127.0.0.1', 'loopback'],
  ])('%s is %s', (text, expected) => {
    expect(classOf(parseAddress(text)!)).toBe(expected);
  });

  it.each([
    '127.1',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '127.0.0.01',
    'fe80::1%lo',
    '1.2.3.4/32',
    '[::1]',
    '',
  ])('%j is no address', (text) => expect(parseAddress(text)).toBeUndefined());

  it('an IPv4-mapped address is the IPv4 address', () => {
    expect(printAddress(parseAddress('::ffff:192.0.2.1')!)).toBe('192.0.2.1');
  });
});

describe('rules', () => {
  it.each<[string, object]>([
    ['203.0.113.7', { isLiteral: true, ports: [51820] }],
    ['203.0.113.7:443', {}],
    ['127.0.0.1:40000', { isLiteral: true, ports: [40000] }],
    ['[2001:db8::1]:51821', { isLiteral: true, ports: [51821] }],
    ['2001:db8::1', { isLiteral: true, ports: [51820] }],
    ['203.0.113.0/24', { isLiteral: false, name: undefined, ports: [51820] }],
    ['203.0.113.0/24:51821', { isLiteral: false, name: undefined, ports: [51821] }],
    ['2001:db8::/32', { isLiteral: false, name: undefined }],
    ['[2001:db8::/32]:51821', { isLiteral: false, name: undefined, ports: [51821] }],
    ['hub.example.com', { network: undefined, name: 'hub.example.com', ports: [51820] }],
    ['HUB.example.com.:51821', { network: undefined, name: 'hub.example.com', ports: [51821] }],
  ])('%s', (text, expected) => {
    if (text.endsWith(':443')) expect(() => parseRule(text)).toThrow(/port 443 belongs to another service/);
    else expect(parseRule(text)).toMatchObject(expected);
  });

  it.each<[string | AllowRule, RegExp]>([
    ['', /expected HOST/],
    ['*', /neither an address nor a host name/],
    ['127.1', /neither an address nor a host name/],
    ['2130706433:51820', /neither an address nor a host name/],
    ['host:0', /port 0/],
    ['host:65536', /port 65536/],
    ['host:abc', /expected HOST/],
    ['a b', /expected HOST/],
    ['localhost', /never leads to loopback/],
    ['www.localhost', /never leads to loopback/],
    ['169.254.169.254', /never a WireGuard endpoint/],
    ['0.0.0.0:51820', /never a WireGuard endpoint/],
    ['0.0.0.0/0', /never allowed/],
    ['127.0.0.0/8', /never allowed/],
    ['10.0.0.0/8', /private network/],
    ['203.0.113.0/33', /not a network/],
    ['203.0.113.0/x', /not a network/],
    ['hub.example.com:53', /another service/],
    ['hub.example.com:11211', /another service/],
    [{ host: 'a.example', cidr: '203.0.113.0/24' }, /either host or cidr/],
    [{}, /either host or cidr/],
    [{ host: 'a.example', ports: [] }, /at least one port/],
    [{ cidr: '203.0.113.0/24', alias: 'x' }, /alias needs a host/],
    [{ host: 'a.example', shape: 'off' }, /shape: "off" lets anything through.*dangerous: true/],
  ])('%j is refused', (rule, message) => {
    expect(() => parseRule(rule)).toThrow(RelayConfigError);
    expect(() => parseRule(rule)).toThrow(message);
  });

  it('a shape other than WireGuard’s holds where a rule says so, and the most generous rule counts', () => {
    const shape = (...rules: AllowRule[]) => {
      const decision = policy(rules.map((rule) => ({ host: '203.0.113.7', ...rule }))).decide(
        '203.0.113.7',
        51820,
      );
      return 'destination' in decision && decision.destination.shape;
    };
    expect(shape({})).toBe('wireguard');
    expect(shape({ dangerous: true })).toBe('wireguard');
    expect(shape({}, { shape: 'sized' })).toBe('sized');
    expect(shape({ shape: 'sized' }, { shape: 'off', dangerous: true })).toBe('off');
  });

  it('what is unusual can be spelled out', () => {
    expect(parseRule({ host: 'a.example', ports: [443], unusualPort: true }).ports).toEqual([443]);
    expect(parseRule('a.example:443', true).ports).toEqual([443]);
    expect(parseRule({ cidr: '10.0.0.0/8', private: true })).toMatchObject({
      isLiteral: false,
      allowsPrivate: true,
    });
  });

  it.each([
    ['example.com', 'example.com'],
    ['EXAMPLE.com.', 'example.com'],
    ['a-b.c1', 'a-b.c1'],
    ['-a.b', undefined],
    ['a-.b', undefined],
    ['a..b', undefined],
    ['a_b.c', undefined],
    ['bücher.example', undefined],
    ['a.1', undefined],
    ['a.0x7f', undefined],
    [`${'a'.repeat(64)}.b`, undefined],
    [`${'a.'.repeat(127)}bc`, undefined],
    ['a\r\nb', undefined],
  ])('name %j is %j', (text, expected) => expect(normalizeName(text)).toBe(expected));
});

describe('literal addresses', () => {
  const subject = policy([
    '203.0.113.7',
    '10.0.0.5:51821',
    '127.0.0.1:40000',
    '127.0.0.1:8080',
    '[::1]:40000',
  ]);

  it.each([
    ['203.0.113.7', 51820, '203.0.113.7 51820'],
    ['::ffff:203.0.113.7', 51820, '203.0.113.7 51820'],
    ['10.0.0.5', 51821, '10.0.0.5 51821'],
    ['127.0.0.1', 40000, '127.0.0.1 40000'],
    ['[::1]', 40000, '::1 40000'],
    ['0:0:0:0:0:0:0:1', 40000, '::1 40000'],
    ['203.0.113.7', 53, '4405 not listed'],
    ['203.0.113.8', 51820, '4405 not listed'],
    ['10.0.0.5', 51820, '4405 not listed'],
    ['127.0.0.2', 40000, '4405 not listed'],
    ['127.0.0.1', 8080, '4405 own listener'],
    ['127.1', 40000, '4405 not listed'],
    ['0x7f.1', 40000, '4405 not listed'],
    ['2130706433', 40000, '4405 not listed'],
    ['017700000001', 40000, '4405 not listed'],
    ['localhost', 40000, '4405 not listed'],
    ['::127.0.0.1', 40000, '4405 not listed'],
    ['64:ff9b::7f00:1', 40000, '4405 not listed'],
    ['2002:7f00:1::', 40000, '4405 not listed'],
    ['fe80::1%lo', 40000, '4405 not listed'],
    ['::1%lo', 40000, '4405 not listed'],
    ['', 40000, '4405 not listed'],
    ['a\u0000b', 40000, '4405 not listed'],
  ])('%j port %i: %s', async (host, port, expected) => {
    expect(await decide(subject, host, port)).toBe(expected);
  });
});

describe('networks', () => {
  it('reach public addresses only', async () => {
    const subject = policy(['0.0.0.0/1'.replace('0.0.0.0', '8.0.0.0'), '2000::/3', '192.0.2.0/24']);
    expect(await decide(subject, '8.8.8.8', 51820)).toBe('8.8.8.8 51820');
    expect(await decide(subject, '10.0.0.1', 51820)).toBe('4405 private address');
    expect(await decide(subject, '127.0.0.1', 51820)).toBe('4405 own address');
    expect(await decide(subject, '192.0.2.200', 51820)).toBe('4405 own address');
    expect(await decide(subject, '2002:7f00:1::', 51820)).toBe('4405 own address');
    expect(await decide(subject, '2001:db8::200', 51820)).toBe('4405 own address');
    expect(await decide(subject, '2a00::1', 51820)).toBe('2a00::1 51820');
  });

  it('reach private ones if the rule says so, but never this host', async () => {
    const subject = policy([{ cidr: '10.0.0.0/8', private: true }]);
    expect(await decide(subject, '10.1.1.1', 51820)).toBe('10.1.1.1 51820');
    expect(await decide(subject, '10.9.9.9', 51820)).toBe('4405 own address');
    expect(await decide(subject, '::ffff:10.1.1.1', 51820)).toBe('10.1.1.1 51820');
  });
});

describe('names', () => {
  it('resolve, and every answer is checked', async () => {
    const rules = ['hub.example.com'];
    const ask = (answers: string[]) => decide(policy(rules, dns(answers)), 'HUB.example.com.', 51820);
    expect(await ask(['203.0.113.7'])).toBe('203.0.113.7 51820');
    expect(await ask(['2a00::1', '203.0.113.7'])).toBe('203.0.113.7 51820');
    expect(await ask(['2a00::1'])).toBe('2a00::1 51820');
    expect(await ask(['169.254.169.254'])).toBe('4405 dns_policy: forbidden address');
    expect(await ask(['203.0.113.7', '10.0.0.1'])).toBe('4405 dns_policy: private address');
    expect(await ask(['203.0.113.7', '::1'])).toBe('4405 dns_policy: own address');
    expect(await ask(['203.0.113.7', '192.0.2.200'])).toBe('4405 dns_policy: own address');
    expect(await ask(['203.0.113.7', '::ffff:127.0.0.1'])).toBe('4405 dns_policy: own address');
    expect(await ask(['203.0.113.7', 'fe80::1%eth0'])).toBe('4405 dns_policy: not an address');
    expect(await ask([])).toBe('4405 no address');
  });

  it('with private: true may lead to private addresses, never to loopback', async () => {
    const rules: AllowRule[] = [{ host: 'hub.internal', private: true }];
    expect(await decide(policy(rules, dns(['10.0.0.1'])), 'hub.internal', 51820)).toBe('10.0.0.1 51820');
    expect(await decide(policy(rules, dns(['127.0.0.1'])), 'hub.internal', 51820)).toMatch(/^4405/);
  });

  it('that no rule names are never looked up', async () => {
    const subject = policy(['hub.example.com']);
    expect(await decide(subject, 'evil.example.com', 51820)).toBe('4405 not listed');
    expect(await decide(subject, 'hub.example.com.evil', 51820)).toBe('4405 not listed');
    expect(await decide(subject, 'hub.example.com', 53)).toBe('4405 not listed');
  });

  it('that do not resolve are unknown; the client learns no more than that', async () => {
    const subject = policy(['hub.example.com'], { resolve: () => Promise.reject(new Error('SERVFAIL')) });
    const decision = subject.decide('hub.example.com', 51820);
    expect('pending' in decision && (await decision.pending)).toEqual({
      refusal: { code: CHANNEL_UNKNOWN, reason: 'name_not_resolved', detail: 'dns' },
    });
  });

  it('say the same for "not listed" and "leads somewhere private"', async () => {
    const subject = policy(['hub.example.com'], dns(['10.0.0.1']));
    const listed = subject.decide('hub.example.com', 51820);
    const late = 'pending' in listed ? await listed.pending : listed;
    const unlisted = subject.decide('other.example.com', 51820);
    for (const decision of [late, unlisted])
      expect(decision).toMatchObject({ refusal: { code: CHANNEL_DENIED, reason: 'not_allowed' } });
  });

  it('an alias is asked for with port 0', async () => {
    const subject = policy([{ host: '203.0.113.7', ports: [51999], alias: 'prod' }]);
    expect(await decide(subject, 'prod', 0)).toBe('203.0.113.7 51999');
    expect(await decide(subject, 'test', 0)).toBe('4404 alias');
    expect(await decide(subject, '203.0.113.7', 0)).toBe('4404 alias');
    expect(await decide(subject, 'prod', 51999)).toBe('4405 not listed');
  });
});

describe('a name that goes on with the address it had', () => {
  const subject = () => policy([{ host: 'hub.example.com', ports: [51820], alias: 'prod' }]);

  it.each([
    [
      'hub.example.com',
      51820,
      '203.0.113.9',
      { destination: { address: '203.0.113.9', name: 'hub.example.com' } },
    ],
    ['prod', 0, '203.0.113.9', { destination: { address: '203.0.113.9', port: 51820 } }],
    ['hub.example.com', 51820, '10.0.0.1', { refusal: { detail: 'dns_policy: private address' } }],
    ['hub.example.com', 51820, '169.254.169.254', { refusal: { code: CHANNEL_DENIED } }],
    ['hub.example.com', 51821, '203.0.113.9', { refusal: { detail: 'not listed' } }],
    ['other.example.com', 51820, '203.0.113.9', { refusal: { detail: 'not listed' } }],
  ])('%s %d at %s is judged without asking again', (host, port, pinned, decision) => {
    expect(subject().decide(host, port, undefined, pinned)).toMatchObject(decision);
  });
});

describe('what is open when the rules change', () => {
  const open = {
    family: 4,
    port: 51820,
    mac1s: [],
    allowsListen: false,
    maxSessions: 1,
    shape: 'wireguard',
  } as const;
  const permits = (rules: Policy, destination: Destination) => 'destination' in rules.review(destination);
  const byName = { ...open, address: '203.0.113.9', name: 'hub.example.com' };
  const byAddress = { ...open, address: '10.0.0.5', name: undefined };

  it.each<[string | AllowRule, boolean]>([
    ['hub.example.com', true],
    ['hub.example.com:51821', false],
    ['other.example.com', false],
    ['203.0.113.9', false],
    ['203.0.113.0/24', false],
  ])('a channel asked for by name, with the rule %j: %s', (rule, expected) =>
    expect(permits(policy([rule]), byName)).toBe(expected),
  );

  it('by name: what the name led to is judged again', () => {
    const inside = { ...byName, address: '10.0.0.5' };
    expect(permits(policy(['hub.example.com']), inside)).toBe(false);
    expect(permits(policy([{ host: 'hub.example.com', private: true }]), inside)).toBe(true);
  });

  it.each<[string | AllowRule, boolean]>([
    ['10.0.0.5', true],
    ['10.0.0.5:51821', false],
    [{ cidr: '10.0.0.0/8', private: true }, true],
    ['8.0.0.0/6', false],
    ['hub.example.com', false],
  ])('a channel asked for by address, with the rule %j: %s', (rule, expected) =>
    expect(permits(policy([rule]), byAddress)).toBe(expected),
  );
});

describe('the resolver', () => {
  function subject(ttl = 60) {
    let now = 0;
    const asked: string[] = [];
    let fail = false;
    const resolve = createResolver(
      () => now,
      (name) => {
        asked.push(name);
        return fail ? Promise.reject(new Error('no')) : Promise.resolve({ addresses: ['192.0.2.1'], ttl });
      },
    );
    return {
      asked,
      resolve,
      pass: (ms: number) => {
        now += ms;
      },
      fail: (value: boolean) => {
        fail = value;
      },
    };
  }

  it.each([
    [60, 60_000],
    [0, 30_000],
    [1e9, 300_000],
  ])('keeps an answer with ttl %i for %i ms', async (ttl, lifetime) => {
    const { asked, resolve, pass } = subject(ttl);
    await resolve('a.example');
    pass(lifetime - 1);
    await resolve('a.example');
    expect(asked).toHaveLength(1);
    pass(1);
    await resolve('a.example');
    expect(asked).toHaveLength(2);
  });

  it('keeps a failure for 10 s', async () => {
    const { asked, resolve, pass, fail } = subject();
    fail(true);
    await expect(resolve('a.example')).rejects.toThrow();
    fail(false);
    await expect(resolve('a.example')).rejects.toThrow();
    expect(asked).toHaveLength(1);
    pass(10_000);
    expect(await resolve('a.example')).toEqual(['192.0.2.1']);
  });

  it('asks once for many at the same time, and has at most 64 questions out', async () => {
    let asked = 0;
    const resolve = createResolver(
      () => 0,
      () => {
        asked++;
        return new Promise(() => {});
      },
    );
    for (let i = 0; i < 10; i++) void resolve('same.example');
    expect(asked).toBe(1);
    for (let i = 0; i < 63; i++) void resolve(`host${i}.example`);
    await expect(resolve('one-more.example')).rejects.toThrow('too many');
    expect(asked).toBe(64);
  });
});
