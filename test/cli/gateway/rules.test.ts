import { describe, expect, it } from 'vitest';
import { GatewayRules, readRule } from '../../../src/cli/gateway/rules.ts';

const rules = (...texts: string[]) => new GatewayRules(texts.map(readRule));

describe('--allow', () => {
  it('without any, nothing is allowed', () => {
    expect(rules().permits('tcp', '10.0.0.1', 80)).toBe(false);
  });

  it.each([
    ['10.0.0.0/24', 'tcp', '10.0.0.9', 80, true],
    ['10.0.0.0/24', 'udp', '10.0.0.9', 65_535, true],
    ['10.0.0.0/24', 'ping', '10.0.0.9', 7, true],
    ['10.0.0.0/24', 'tcp', '10.0.1.9', 80, false],
    ['10.0.0.0/24', 'tcp', 'fd00::1', 80, false],
    ['10.0.0.5:443', 'tcp', '10.0.0.5', 443, true],
    ['10.0.0.5:443', 'udp', '10.0.0.5', 443, true],
    ['10.0.0.5:443', 'tcp', '10.0.0.5', 444, false],
    ['10.0.0.5:443', 'ping', '10.0.0.5', 443, false],
    ['10.0.0.5:443', 'tcp', '10.0.0.6', 443, false],
    ['10.0.0.0/8:80,8000-8999', 'tcp', '10.200.0.1', 8999, true],
    ['10.0.0.0/8:80,8000-8999', 'tcp', '10.200.0.1', 9000, false],
    ['10.0.0.5:53/udp,ping', 'udp', '10.0.0.5', 53, true],
    ['10.0.0.5:53/udp,ping', 'tcp', '10.0.0.5', 53, false],
    ['10.0.0.5:53/udp,ping', 'ping', '10.0.0.5', 0, true],
    ['fd00::/8', 'tcp', 'fd12::1', 22, true],
    ['[fd00::/8]:22/tcp', 'tcp', 'fd12::1', 22, true],
    ['[fd00::/8]:22/tcp', 'tcp', 'fd12::1', 23, false],
    ['[2001:db8::1]', 'ping', '2001:db8::1', 0, true],
    ['::/0', 'tcp', '2001:db8::1', 1, true],
    ['::/0', 'tcp', '10.0.0.1', 1, false],
  ] as const)('%s lets %s to %s port %i go: %s', (rule, protocol, address, port, goes) => {
    expect(rules(rule).permits(protocol, address, port)).toBe(goes);
  });

  it.each([
    ['127.0.0.1', '127.0.0.2'],
    ['169.254.169.254', '169.254.1.1'],
    ['0.0.0.1', '0.0.0.2'],
    ['::1', '::2'],
    ['fe80::1', 'fe80::2'],
    ['fd00:ec2::254', 'fe80::3'],
    // IPv6 addresses that a translator takes for these.
    ['64:ff9b::7f00:1', '64:ff9b::7f00:2'],
    ['64:ff9b::a9fe:a9fe', '64:ff9b::a9fe:a9ff'],
    ['2002:7f00:1::1', '2002:7f00:1::2'],
  ])('%s is reached by a rule that names it and by no other', (named, neighbour) => {
    const everything = rules('0.0.0.0/0', '::/0', '0.0.0.0/1', '::/1');
    expect(everything.permits('tcp', named, 80)).toBe(false);
    expect(everything.permits('ping', named, 0)).toBe(false);
    expect(rules(named).permits('tcp', named, 80)).toBe(true);
    expect(rules(named).permits('tcp', neighbour, 80)).toBe(false);
  });

  it('a private network needs no word of its own: a gateway is for those', () => {
    for (const address of ['10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1'])
      expect(rules('0.0.0.0/0', '::/0').permits('udp', address, 53)).toBe(true);
  });

  it('an IPv4 address is the same however it is written', () => {
    expect(rules('::ffff:10.0.0.5').permits('tcp', '10.0.0.5', 80)).toBe(true);
  });

  it.each([
    ['', /expected ADDRESS or CIDR/],
    ['db.internal', /names addresses.*look the name up/],
    ['10.0.0.0/33', /expected ADDRESS or CIDR/],
    ['10.0.0.5/24', /bits are set behind the prefix; 10\.0\.0\.0\/24 is the network/],
    ['[fd00::5/64]:80', /fd00::\/64 is the network/],
    ['10.0.0.5:', /"" is no port/],
    ['10.0.0.5:0', /"0" is no range within 1–65535/],
    ['10.0.0.5:90-80', /"90-80" is no range/],
    ['10.0.0.5:70000', /no range/],
    ['10.0.0.5:http', /"http" is no port/],
    ['10.0.0.5:80/icmp', /"80\/icmp" is no port/],
    ['127.0.0.0/8', /only where one is named by itself/],
    ['169.254.0.0/16', /only where one is named by itself/],
    ['fe80::/10', /only where one is named by itself/],
    ['[::1', /expected ADDRESS or CIDR/],
    ['127.1', /expected ADDRESS or CIDR/],
    ['0x7f000001', /names addresses|expected ADDRESS/],
  ])('"%s" is refused in a sentence', (text, sentence) => {
    expect(() => readRule(text)).toThrow(sentence);
    expect(() => readRule(text)).toThrow(/^--allow "/);
  });
});
