import { describe, expect, it } from 'vitest';
import type { EngineNames } from '../../src/bridge/api.ts';
import { engineNamesOf } from '../../src/client/dns-options.ts';
import { IpAddress } from '../../src/core/address.ts';
import { checkNames, namePolicyOf } from '../../src/service/name-policy.ts';

function accepts(allowPrivate: EngineNames['allowPrivate'], name: string, address: string): boolean {
  const policy = namePolicyOf({ hosts: [], allowPrivate });
  return policy.accepts?.(name, IpAddress.parse(address)!) ?? true;
}

describe('allowPrivate: false', () => {
  for (const address of [
    '0.0.0.1',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
  ])
    it(`${address} is private`, () => {
      expect(accepts(false, 'a.example', address)).toBe(false);
      expect(accepts(true, 'a.example', address)).toBe(true);
    });
  for (const address of [
    '9.255.255.255',
    '11.0.0.0',
    '100.128.0.0',
    '172.32.0.0',
    '192.169.0.0',
    '2001:db8::1',
    '::2',
    'fe00::1',
  ])
    it(`${address} is not`, () => expect(accepts(false, 'a.example', address)).toBe(true));
});

it('a list of domains lets the names in them, and no others, be private', () => {
  const domains = ['Corp.Example', 'home.'];
  for (const name of ['corp.example', 'db.corp.example', 'nas.home'])
    expect(accepts(domains, name, '10.0.0.1'), name).toBe(true);
  for (const name of ['evilcorp.example', 'example', 'corp.example.evil', 'home.evil'])
    expect(accepts(domains, name, '10.0.0.1'), name).toBe(false);
  expect(accepts(domains, 'a.evil', '192.0.2.1')).toBe(true);
});

describe('what is no such option is refused with one sentence', () => {
  const cases: [unknown, string][] = [
    [{ hosts: { 'a b': '10.0.0.1' } }, 'dns.hosts: "a b" is not a name: it contains " ".'],
    [{ hosts: { '': '10.0.0.1' } }, 'dns.hosts: "" is not a name: '],
    [{ hosts: { db: ['10.0.0.1', '10.0.0'] } }, 'dns.hosts: "10.0.0", of db, is not an IP address.'],
    [
      { hosts: ['db'] },
      'dns.hosts must be an object whose keys are names and whose values are IP addresses.',
    ],
    [{ allowPrivate: ['a..b'] }, 'dns.allowPrivate: "a..b" is not a name: '],
    [{ allowPrivate: 'corp' }, 'dns.allowPrivate must be true, false or a list of domains.'],
  ];
  for (const [options, sentence] of cases)
    it(JSON.stringify(options), () => {
      let failure: unknown;
      try {
        checkNames(engineNamesOf(options as object)!);
      } catch (error) {
        failure = error;
      }
      expect(failure).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringContaining(sentence) });
    });
});

it('names that are not ASCII become what DNS knows them as', () => {
  expect(engineNamesOf({ hosts: { 'käse.example': '10.0.0.1' }, allowPrivate: ['bücher'] })).toEqual({
    hosts: [['xn--kse-qla.example', ['10.0.0.1']]],
    allowPrivate: ['xn--bcher-kva'],
  });
});
