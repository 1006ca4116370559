import { describe, expect, it } from 'vitest';
import { IpAddress, type SocketAddress } from '../../../src/core/address.ts';
import type { TunnelError } from '../../../src/core/errors.ts';
import type { UdpBinding } from '../../../src/core/netstack/udp-binding.ts';
import { NEVER } from '../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import {
  concat,
  counting,
  cut,
  icmpPacket,
  ipPacket,
  ipv4,
  ipv6,
  udp,
  udpPacket,
} from '../../support/packets.ts';

const at = (text: string, port: number): SocketAddress => ({ address: IpAddress.parse(text)!, port });
const ip = (text: string) => IpAddress.parse(text)!;

function messages(binding: UdpBinding): [string, number, number][] {
  const all: [string, number, number][] = [];
  for (let message = binding.receive(); message; message = binding.receive())
    all.push([message.remote.address.toString(), message.remote.port, message.data.length]);
  return all;
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as TunnelError).code ?? (error as Error).name;
  }
  return 'no error';
}

const families = [
  {
    name: 'IPv4',
    us: OUR_V4,
    peer: PEER_V4,
    most: 65_507,
    unreachable: 3,
    portCode: 3,
    softCode: 1,
    header: 20,
  },
  {
    name: 'IPv6',
    us: OUR_V6,
    peer: PEER_V6,
    most: 65_527,
    unreachable: 1,
    portCode: 4,
    softCode: 3,
    header: 40,
  },
] as const;

for (const { name, us, peer, most, unreachable, portCode, softCode, header } of families) {
  const toUs = (sourcePort: number, destinationPort: number, data = counting(5)) =>
    udpPacket({ source: peer, destination: us, sourcePort, destinationPort, data });
  const fromUs = (sourcePort: number, destinationPort: number, data = counting(5)) =>
    udpPacket({ source: us, destination: peer, sourcePort, destinationPort, data });

  describe(`UDP over ${name}`, () => {
    it('delivers what comes, with its sender', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 5353 });
      let readable = 0;
      binding.observer = { readable: () => readable++, failed: () => {} };
      lone.exchange(toUs(4000, 5353), toUs(4001, 5353, new Uint8Array(0)));
      expect(readable).toBe(2);
      const first = binding.receive()!;
      expect([...first.data]).toEqual([0, 1, 2, 3, 4]);
      expect(first.remote.address.toString()).toBe(peer);
      expect(messages(binding)).toEqual([[peer, 4001, 0]]);
      expect(lone.drops).toEqual({});
    });

    it('delivers what came in fragments', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 5353 });
      lone.exchange(...cut(toUs(4000, 5353, counting(4000)), 1360, 7));
      expect(binding.receive()!.data).toEqual(counting(4000));
    });

    it('ignores bytes after the UDP length', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 5353 });
      lone.exchange(concat(toUs(4000, 5353), new Uint8Array(11)));
      expect(messages(binding)).toEqual([[peer, 4000, 5]]);
    });

    it('sends at the next poll, with TTL and TOS', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 5353, ttl: 7, tos: 0xb8 });
      const data = counting(5);
      binding.send(data, at(peer, 53));
      data.fill(0xff);
      expect(lone.take()).toEqual([]);
      expect(lone.stack.pollAt()).toBe(0);
      const [packet, ...more] = lone.exchange();
      expect(more).toEqual([]);
      expect(packet!.slice(header)).toEqual(fromUs(5353, 53).slice(header));
      if (name === 'IPv4') expect([packet![1], packet![8], packet![6]]).toEqual([0xb8, 7, 0x40]);
      else expect([packet![0], packet![1]! & 0xf0, packet![7]]).toEqual([0x6b, 0x80, 7]);
      expect(lone.stack.pollAt()).toBe(NEVER);
    });

    it('sends an empty message', () => {
      const lone = new LoneStack();
      lone.stack.bindUdp({ port: 5353 }).send(new Uint8Array(0), at(peer, 53));
      expect(lone.exchange()[0]!.slice(header)).toEqual(fromUs(5353, 53, new Uint8Array(0)).slice(header));
    });

    it(`sends up to ${most} bytes, in fragments, and refuses one byte more`, () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 5353 });
      binding.send(counting(most), at(peer, 53));
      const packets = lone.exchange();
      expect(packets.length).toBeGreaterThan(46);
      for (const packet of packets) expect(packet.length).toBeLessThanOrEqual(1420);
      expect(codeOf(() => binding.send(counting(most + 1), at(peer, 53)))).toBe('ERR_MESSAGE_TOO_LONG');
    });

    it('gives a packet to the binding that fits it most closely', () => {
      const lone = new LoneStack();
      const wildcard = lone.stack.bindUdp({ port: 53 });
      const bound = lone.stack.bindUdp({ port: 53, address: ip(us) });
      const connected = lone.stack.bindUdp({ port: 53, remote: at(peer, 4000) });
      lone.exchange(toUs(4000, 53), toUs(4001, 53));
      expect(messages(connected)).toEqual([[peer, 4000, 5]]);
      expect(messages(bound)).toEqual([[peer, 4001, 5]]);
      connected.close();
      lone.exchange(toUs(4000, 53));
      expect(messages(bound)).toEqual([[peer, 4000, 5]]);
      bound.close();
      lone.exchange(toUs(4000, 53));
      expect(messages(wildcard)).toEqual([[peer, 4000, 5]]);
      wildcard.close();
      lone.exchange(toUs(4000, 53));
      expect(lone.drops).toEqual({ 'udp-port-closed': 1 });
    });

    it('hears nobody else when it is connected', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53, remote: at(peer, 4000) });
      expect(lone.exchange(toUs(4001, 53))).toHaveLength(1);
      expect(messages(binding)).toEqual([]);
      expect(lone.drops).toEqual({ 'udp-port-closed': 1 });
    });

    it('keeps 256 KiB that nobody reads, and drops the newest', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53 });
      for (let i = 0; i < 300; i++) lone.receive(toUs(i + 1, 53, new Uint8Array(1000)));
      const kept = messages(binding);
      expect(kept).toHaveLength(Math.floor((256 * 1024) / 1032));
      expect(kept.at(-1)![1]).toBe(kept.length);
      expect(lone.drops).toEqual({ 'udp-queue-full': 300 - kept.length });
      lone.receive(toUs(9, 53));
      expect(messages(binding)).toEqual([[peer, 9, 5]]);
    });

    it('counts 32 bytes for an empty message', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53 });
      for (let i = 0; i < 9000; i++) lone.receive(toUs(1, 53, new Uint8Array(0)));
      expect(messages(binding)).toHaveLength(8192);
    });

    it('waits while the way out is full, drops the oldest beyond 64 KiB, then sends the rest in order', () => {
      const lone = new LoneStack();
      lone.congested = true;
      const binding = lone.stack.bindUdp({ port: 53 });
      for (let i = 0; i < 300; i++) binding.send(new Uint8Array(1000), at(peer, i + 1));
      expect(lone.exchange()).toEqual([]);
      expect(lone.stack.pollAt()).toBe(NEVER);
      lone.congested = false;
      expect(lone.stack.pollAt()).toBe(0);
      const ports = lone.exchange().map((packet) => (packet[header + 2]! << 8) | packet[header + 3]!);
      const kept = Math.floor((64 * 1024) / 1032);
      expect(ports).toEqual(Array.from({ length: kept }, (_, i) => 300 - kept + i + 1));
      expect(lone.drops).toEqual({ 'udp-send-queue-full': 300 - kept });
    });

    it('sends what is short although the way out is full, while that takes it', () => {
      const lone = new LoneStack();
      lone.congested = lone.takesShort = true;
      const [voice, bulk] = [lone.stack.bindUdp({ port: 53 }), lone.stack.bindUdp({ port: 54 })];
      bulk.send(new Uint8Array(257), at(peer, 1));
      voice.send(new Uint8Array(256), at(peer, 2));
      expect(lone.stack.pollAt()).toBe(0);
      expect(lone.exchange()).toHaveLength(1);
      expect(lone.stack.pollAt()).toBe(NEVER);
      lone.takesShort = false;
      voice.send(new Uint8Array(1), at(peer, 2));
      expect(lone.stack.pollAt()).toBe(NEVER);
      expect(lone.exchange()).toEqual([]);
      lone.congested = false;
      expect(lone.exchange()).toHaveLength(2);
    });

    const quoting = (packet: Uint8Array, type: number, code: number) =>
      icmpPacket({ source: peer, destination: us, type, code, data: packet });

    it('tells a connected binding once that its remote refuses', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53, remote: at(peer, 4000) });
      const errors: string[] = [];
      binding.observer = { readable: () => {}, failed: (error) => errors.push(error.code) };
      lone.exchange(quoting(fromUs(53, 4000), unreachable, portCode));
      expect(errors).toEqual(['ERR_CONNECTION_REFUSED']);
      expect(lone.drops).toEqual({});
      // It stays usable.
      binding.send(counting(1));
      expect(lone.exchange()).toHaveLength(1);
    });

    it('believes a quote of 8 bytes after the IP header', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53, remote: at(peer, 4000) });
      const errors: string[] = [];
      binding.observer = { readable: () => {}, failed: (error) => errors.push(error.code) };
      const quote = fromUs(53, 4000).slice(0, header + 8);
      lone.exchange(quoting(quote, unreachable, name === 'IPv4' ? 13 : 1));
      expect(errors).toEqual(['ERR_HOST_UNREACHABLE']);
      lone.exchange(quoting(quote.slice(0, header + 7), unreachable, portCode));
      expect(errors).toHaveLength(1);
    });

    it('tells nobody of soft errors, of others’ errors, or if it is not connected', () => {
      const lone = new LoneStack();
      const connected = lone.stack.bindUdp({ port: 53, remote: at(peer, 4000) });
      const open = lone.stack.bindUdp({ port: 54 });
      const errors: string[] = [];
      const observer = { readable: () => {}, failed: (error: TunnelError) => errors.push(error.code) };
      connected.observer = observer;
      open.observer = observer;
      lone.receive(quoting(fromUs(53, 4000), unreachable, softCode));
      lone.receive(quoting(fromUs(54, 4000), unreachable, portCode));
      expect(lone.drops).toEqual({});
      lone.receive(quoting(fromUs(53, 4001), unreachable, portCode));
      lone.receive(quoting(fromUs(55, 4000), unreachable, portCode));
      expect(lone.drops).toEqual({ 'icmp-quote': 2 });
      expect(errors).toEqual([]);
    });
  });
}

describe('binding UDP', () => {
  it('hears both families by default and as ::, one only as 0.0.0.0 or with ipv6Only', () => {
    const packets = [
      udpPacket({ source: PEER_V4, destination: OUR_V4, sourcePort: 1, destinationPort: 53 }),
      udpPacket({ source: PEER_V6, destination: OUR_V6, sourcePort: 1, destinationPort: 53 }),
    ];
    const heard = (options: { address?: IpAddress; ipv6Only?: boolean }) => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53, ...options });
      lone.exchange(...packets);
      return messages(binding).map(([from]) => from);
    };
    expect(heard({})).toEqual([PEER_V4, PEER_V6]);
    expect(heard({ address: ip('::') })).toEqual([PEER_V4, PEER_V6]);
    expect(heard({ address: ip('::'), ipv6Only: true })).toEqual([PEER_V6]);
    expect(heard({ address: ip('0.0.0.0') })).toEqual([PEER_V4]);
    expect(heard({ address: ip(OUR_V6) })).toEqual([PEER_V6]);
    expect(heard({ address: ip(`::ffff:${OUR_V4}`) })).toEqual([PEER_V4]);
  });

  it('refuses a port that is taken, and only that', () => {
    const lone = new LoneStack();
    const bind = (options: Parameters<LoneStack['stack']['bindUdp']>[0]) =>
      codeOf(() => lone.stack.bindUdp({ port: 53, ...options }));
    expect(bind({})).toBe('no error');
    expect(bind({})).toBe('ERR_ADDRESS_IN_USE');
    expect(bind({ address: ip('0.0.0.0') })).toBe('ERR_ADDRESS_IN_USE');
    expect(bind({ address: ip('::'), ipv6Only: true })).toBe('ERR_ADDRESS_IN_USE');
    expect(bind({ address: ip(OUR_V4) })).toBe('no error');
    expect(bind({ address: ip(OUR_V4) })).toBe('ERR_ADDRESS_IN_USE');
    expect(bind({ remote: at(PEER_V4, 9) })).toBe('no error');
    expect(bind({ remote: at(PEER_V4, 9) })).toBe('ERR_ADDRESS_IN_USE');
    expect(bind({ remote: at(PEER_V4, 10) })).toBe('no error');
    expect(bind({ port: 54, address: ip('0.0.0.0') })).toBe('no error');
    expect(bind({ port: 54, address: ip('::'), ipv6Only: true })).toBe('no error');
  });

  it('frees the port when it closes', () => {
    const lone = new LoneStack();
    const binding = lone.stack.bindUdp({ port: 53 });
    binding.send(counting(1), at(PEER_V4, 9));
    binding.close();
    binding.close();
    expect(lone.exchange()).toEqual([]);
    expect(codeOf(() => binding.send(counting(1), at(PEER_V4, 9)))).toBe('ERR_CLOSED');
    expect(codeOf(() => lone.stack.bindUdp({ port: 53 }))).toBe('no error');
  });

  it('chooses ports that differ and cannot be guessed', () => {
    const lone = new LoneStack();
    const ports = Array.from({ length: 100 }, () => lone.stack.bindUdp({}).local.port);
    expect(new Set(ports).size).toBe(100);
    for (const port of ports) expect(port).toBeGreaterThanOrEqual(32_768);
    for (const port of ports) expect(port).toBeLessThanOrEqual(60_999);
    const steps = new Set(ports.slice(1).map((port, i) => port - ports[i]!));
    expect(steps.size).toBeGreaterThan(90);
  });

  it('knows where it is when it is connected', () => {
    const lone = new LoneStack();
    const binding = lone.stack.bindUdp({ remote: at(`::ffff:${PEER_V4}`, 53) });
    expect(binding.local.address.toString()).toBe(OUR_V4);
    expect(binding.remote!.address.toString()).toBe(PEER_V4);
    binding.send(counting(3));
    expect(lone.exchange()).toHaveLength(1);
  });

  it('refuses addresses that are not ours and ways that do not exist', () => {
    const lone = new LoneStack({
      addresses: ['10.0.0.2/24'],
      hasRoute: (address) => address.bytes[0] === 10,
    });
    const bind = (options: Parameters<LoneStack['stack']['bindUdp']>[0]) =>
      codeOf(() => lone.stack.bindUdp(options));
    expect(bind({ address: ip('10.0.0.3') })).toBe('ERR_NO_ROUTE');
    expect(bind({ remote: at('8.8.8.8', 53) })).toBe('ERR_NO_ROUTE');
    expect(bind({ remote: at('fd00::1', 53) })).toBe('ERR_NO_ROUTE');
    expect(bind({ address: ip('::1'), remote: at('10.0.0.1', 53) })).toBe('ERR_NO_ROUTE');
    const binding = lone.stack.bindUdp({});
    expect(codeOf(() => binding.send(counting(1), at('8.8.8.8', 53)))).toBe('ERR_NO_ROUTE');
    expect(codeOf(() => binding.send(counting(1), at('fd00::1', 53)))).toBe('ERR_NO_ROUTE');
    expect(codeOf(() => binding.send(counting(1), at('10.0.0.1', 53)))).toBe('no error');
  });

  it('tells a caller of mistakes', () => {
    const lone = new LoneStack();
    expect(codeOf(() => lone.stack.bindUdp({ port: 65_536 }))).toBe('RangeError');
    expect(codeOf(() => lone.stack.bindUdp({ ttl: 0 }))).toBe('RangeError');
    expect(codeOf(() => lone.stack.bindUdp({ remote: at(PEER_V4, 0) }))).toBe('RangeError');
    expect(codeOf(() => lone.stack.bindUdp({}).send(counting(1)))).toBe('TypeError');
    expect(codeOf(() => lone.stack.bindUdp({}).send(counting(1), at(PEER_V4, 0)))).toBe('RangeError');
    const connected = lone.stack.bindUdp({ remote: at(PEER_V4, 9) });
    expect(codeOf(() => connected.send(counting(1), at(PEER_V4, 9)))).toBe('TypeError');
  });

  it('gives a broadcast to every binding that hears all addresses', () => {
    const lone = new LoneStack();
    const one = lone.stack.bindUdp({ port: 53 });
    const bound = lone.stack.bindUdp({ port: 53, address: ip(OUR_V4) });
    const packet = (destination: string) =>
      udpPacket({ source: PEER_V4, destination, sourcePort: 1, destinationPort: 53 });
    lone.exchange(packet('10.0.0.255'), packet('255.255.255.255'));
    expect(messages(one)).toHaveLength(2);
    expect(messages(bound)).toHaveLength(0);
  });

  it('sends to a broadcast address only if it is meant, and hears it, too', () => {
    const lone = new LoneStack();
    const shy = lone.stack.bindUdp({ port: 53 });
    for (const address of ['255.255.255.255', '10.0.0.255']) {
      expect(codeOf(() => shy.send(counting(1), at(address, 53)))).toBe('ERR_NOT_ALLOWED');
      expect(codeOf(() => lone.stack.bindUdp({ remote: at(address, 53) }))).toBe('ERR_NOT_ALLOWED');
    }
    const bold = lone.stack.bindUdp({ port: 54, broadcast: true });
    bold.send(counting(1), at('10.0.0.255', 53));
    expect(lone.exchange()).toHaveLength(1);
    expect(messages(shy)).toEqual([[OUR_V4, 54, 1]]);
  });

  it('tells TTL and TOS of what it hears', () => {
    const lone = new LoneStack();
    const binding = lone.stack.bindUdp({ port: 53 });
    const common = { source: PEER_V4, destination: OUR_V4 };
    const payload = udp({ ...common, sourcePort: 1, destinationPort: 53 });
    lone.exchange(ipv4({ ...common, protocol: 17, ttl: 9, tos: 0xb9, payload }));
    const common6 = { source: PEER_V6, destination: OUR_V6 };
    const payload6 = udp({ ...common6, sourcePort: 1, destinationPort: 53 });
    lone.exchange(ipv6({ ...common6, nextHeader: 17, hopLimit: 7, trafficClass: 0x2e, payload: payload6 }));
    expect(binding.receive()).toMatchObject({ ttl: 9, tos: 0xb9 });
    expect(binding.receive()).toMatchObject({ ttl: 7, tos: 0x2e });
  });

  it('marks single messages otherwise', () => {
    const lone = new LoneStack();
    const binding = lone.stack.bindUdp({ port: 53, ttl: 30 });
    binding.send(counting(1), at(PEER_V4, 9), { ttl: 3, tos: 0x20 });
    binding.send(counting(1), at(PEER_V4, 9));
    expect(lone.exchange().map((packet) => [packet[8], packet[1]])).toEqual([
      [3, 0x20],
      [30, 0],
    ]);
    expect(codeOf(() => binding.send(counting(1), at(PEER_V4, 9), { ttl: 0 }))).toBe('RangeError');
  });

  it('reports every error to those who ask, connected or not', () => {
    const lone = new LoneStack();
    const binding = lone.stack.bindUdp({ port: 53 });
    const reports: unknown[] = [];
    binding.observer = { readable: () => {}, failed: () => {}, reported: (report) => reports.push(report) };
    binding.send(counting(1), at(PEER_V4, 9));
    const [packet] = lone.exchange();
    const error = (type: number, code: number) =>
      icmpPacket({ source: '10.0.0.9', destination: OUR_V4, type, code, data: packet! });
    lone.exchange(error(11, 0), error(3, 3), error(3, 13), error(12, 0));
    const common = { from: ip('10.0.0.9'), remote: at(PEER_V4, 9), at: 1000 };
    expect(reports).toEqual([
      { kind: 'time-exceeded', type: 11, code: 0, ...common },
      { kind: 'refused', type: 3, code: 3, ...common },
      { kind: 'prohibited', type: 3, code: 13, ...common },
      { kind: 'parameter-problem', type: 12, code: 0, ...common },
    ]);
  });

  it('reports ICMPv6 errors that nobody knows yet, and drops other unknown messages', () => {
    const lone = new LoneStack();
    const binding = lone.stack.bindUdp({ port: 53 });
    const kinds: string[] = [];
    binding.observer = { readable: () => {}, failed: () => {}, reported: ({ kind }) => kinds.push(kind) };
    binding.send(counting(1), at(PEER_V6, 9));
    const [packet] = lone.exchange();
    const say = (type: number) =>
      lone.exchange(icmpPacket({ source: PEER_V6, destination: OUR_V6, type, data: packet! }));
    for (const type of [5, 100, 127, 161, 200, 255]) expect(say(type)).toEqual([]);
    expect(kinds).toEqual(['other', 'other', 'other']);
    expect(lone.drops).toEqual({ 'icmp-ignored': 3 });
  });

  it('marks a flow of IPv6 with one label, other flows with others', () => {
    const lone = new LoneStack();
    const labelOf = (packet: Uint8Array) => new DataView(packet.buffer).getUint32(0) & 0xfffff;
    const one = lone.stack.bindUdp({ port: 53 });
    const other = lone.stack.bindUdp({ port: 54 });
    one.send(counting(1), at(PEER_V6, 9));
    one.send(counting(2000), at(PEER_V6, 9));
    other.send(counting(1), at(PEER_V6, 9));
    one.send(counting(1), at(PEER_V6, 10));
    const labels = lone.exchange().map(labelOf);
    expect(labels).toHaveLength(5);
    expect(new Set(labels).size).toBe(3);
    expect(labels).not.toContain(0);
    const tcp = lone.stack.connectTcp(at(PEER_V6, 80), {}, lone.now);
    const [syn] = lone.exchange();
    lone.now += 1000;
    lone.poll();
    const [again] = lone.exchange();
    expect(labelOf(again!)).toBe(labelOf(syn!));
    expect(labelOf(syn!)).not.toBe(0);
    tcp.abort();
  });
});

describe('UDP multicast', () => {
  for (const { name, us, peer, group, other, header } of [
    { name: 'IPv4', us: OUR_V4, peer: PEER_V4, group: '239.1.2.3', other: '239.1.2.4', header: 20 },
    { name: 'IPv6', us: OUR_V6, peer: PEER_V6, group: 'ff05::1:3', other: 'ff05::1:4', header: 40 },
  ]) {
    const to = (destination: string) =>
      udpPacket({ source: peer, destination, sourcePort: 1, destinationPort: 53 });

    it(`of ${name} reaches every socket that joined the group, and no other`, () => {
      const lone = new LoneStack();
      const a = lone.stack.bindUdp({ port: 53, sharesAddress: true });
      const b = lone.stack.bindUdp({ port: 53, sharesAddress: true });
      const c = lone.stack.bindUdp({ port: 53, sharesAddress: true });
      lone.exchange(to(group));
      expect(lone.drops).toEqual({ 'ip-destination': 1 });
      a.joinGroup(ip(group));
      b.joinGroup(ip(group));
      c.joinGroup(ip(other));
      lone.exchange(to(group));
      expect([a, b, c].map((binding) => messages(binding).length)).toEqual([1, 1, 0]);
      a.leaveGroup(ip(group));
      lone.exchange(to(group));
      expect([a, b, c].map((binding) => messages(binding).length)).toEqual([0, 1, 0]);
      b.close();
      lone.exchange(to(group), to(other));
      expect([a, c].map((binding) => messages(binding).length)).toEqual([0, 1]);
      expect(lone.drops).toEqual({ 'ip-destination': 2 });
    });

    it(`of ${name} that was joined for one source is heard from that one only`, () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53 });
      const stranger = ip(header === 20 ? '192.0.2.9' : '2001:db8::9');
      binding.joinGroup(ip(group), stranger);
      lone.exchange(to(group));
      expect(lone.drops).toEqual({ 'udp-port-closed': 1 });
      binding.joinGroup(ip(group), ip(peer));
      expect(codeOf(() => binding.joinGroup(ip(group), ip(peer)))).toBe('ERR_ADDRESS_IN_USE');
      lone.exchange(to(group));
      expect(messages(binding)).toHaveLength(1);
      expect(codeOf(() => binding.leaveGroup(ip(group)))).toBe('TypeError');
      binding.leaveGroup(ip(group), ip(peer));
      lone.exchange(to(group));
      expect(messages(binding)).toHaveLength(0);
      binding.leaveGroup(ip(group), stranger);
      lone.exchange(to(group));
      expect(lone.drops).toEqual({ 'udp-port-closed': 2, 'ip-destination': 1 });
    });

    it(`of ${name} that nobody hears is not answered`, () => {
      const lone = new LoneStack();
      lone.stack.bindUdp({ port: 54 }).joinGroup(ip(group));
      expect(lone.exchange(to(group))).toEqual([]);
      expect(lone.drops).toEqual({ 'udp-port-closed': 1 });
    });

    it(`of ${name} goes one hop unless told otherwise, and is heard by members here`, () => {
      const lone = new LoneStack();
      const sender = lone.stack.bindUdp({ port: 9 });
      const quiet = lone.stack.bindUdp({ port: 10, multicastLoopback: false, multicastTtl: 5 });
      const homebody = lone.stack.bindUdp({ port: 11, multicastTtl: 0 });
      const member = lone.stack.bindUdp({ port: 53 });
      member.joinGroup(ip(group));
      sender.send(counting(3), at(group, 53));
      quiet.send(counting(4), at(group, 53));
      homebody.send(counting(5), at(group, 53));
      sender.send(counting(6), at(other, 53));
      const ttls = lone.exchange().map((packet) => packet[header === 20 ? 8 : 7]);
      expect(ttls).toEqual([1, 5, 1]);
      expect(messages(member)).toEqual([
        [us, 9, 3],
        [us, 11, 5],
      ]);
    });

    it(`to and beside ${name} are sent as the socket was told since`, () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 9 });
      const member = lone.stack.bindUdp({ port: 53 });
      member.joinGroup(ip(group));
      const hopLimits = () => {
        for (const to of [peer, group]) binding.send(counting(3), at(to, 53));
        return lone.exchange().map((packet) => packet[header === 20 ? 8 : 7]);
      };
      binding.setOptions({ ttl: 9, multicastLoopback: false });
      expect(hopLimits()).toEqual([9, 1]);
      expect(messages(member)).toEqual([]);
      binding.setOptions({ multicastTtl: 7, multicastLoopback: true, ttl: undefined });
      expect(hopLimits()).toEqual([9, 7]);
      expect(messages(member)).toHaveLength(1);
      for (const wrong of [{ ttl: 0 }, { ttl: 256 }, { multicastTtl: -1 }, { multicastTtl: 1.5 }])
        expect(codeOf(() => binding.setOptions(wrong))).toBe('RangeError');
    });

    it(`of ${name} is joined within bounds, and once by each socket`, () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53 });
      const nth = (i: number) => ip(header === 20 ? `239.0.${i >> 8}.${i & 255}` : `ff05::${i.toString(16)}`);
      expect(codeOf(() => binding.joinGroup(ip(peer)))).toBe('TypeError');
      expect(codeOf(() => binding.leaveGroup(ip(group)))).toBe('TypeError');
      for (let i = 0; i < 20; i++) binding.joinGroup(nth(i));
      expect(codeOf(() => binding.joinGroup(nth(3)))).toBe('ERR_ADDRESS_IN_USE');
      expect(codeOf(() => binding.joinGroup(nth(20)))).toBe('ERR_LIMIT');
      let joined = 20;
      for (let port = 100; port < 120; port++) {
        const more = lone.stack.bindUdp({ port });
        for (let i = 0; i < 20; i++)
          if (codeOf(() => more.joinGroup(nth(port * 20 + i))) === 'no error') joined++;
      }
      expect(joined).toBe(256);
      binding.close();
      const last = lone.stack.bindUdp({ port: 53 });
      expect(codeOf(() => last.joinGroup(nth(9)))).toBe('no error');
      last.close();
      expect(codeOf(() => last.joinGroup(nth(9)))).toBe('ERR_CLOSED');
    });
  }

  it('of a family that the socket does not hear cannot be joined', () => {
    const lone = new LoneStack();
    const four = lone.stack.bindUdp({ address: ip('0.0.0.0') });
    const six = lone.stack.bindUdp({ address: ip('::'), ipv6Only: true });
    expect(codeOf(() => four.joinGroup(ip('ff05::1')))).toBe('TypeError');
    expect(codeOf(() => six.joinGroup(ip('239.0.0.1')))).toBe('TypeError');
  });

  it('of the interface alone does not come out of the tunnel, joined or not', () => {
    const lone = new LoneStack();
    const binding = lone.stack.bindUdp({ port: 53 });
    binding.joinGroup(ip('ff01::9'));
    const packet = udpPacket({ source: PEER_V6, destination: 'ff01::9', sourcePort: 1, destinationPort: 53 });
    lone.exchange(packet);
    expect(lone.drops).toEqual({ 'ip-destination': 1 });
    lone.stack.bindUdp({ port: 1 }).send(counting(1), at('ff01::9', 53));
    lone.exchange();
    expect(messages(binding)).toHaveLength(1);
  });

  it('is no business of TCP, and an echo request to it is answered in IPv6 only', () => {
    const lone = new LoneStack();
    const binding = lone.stack.bindUdp({ port: 53 });
    binding.joinGroup(ip('239.1.2.3'));
    binding.joinGroup(ip('ff05::1:3'));
    const four = { source: PEER_V4, destination: '239.1.2.3' };
    const six = { source: PEER_V6, destination: 'ff05::1:3' };
    expect(lone.exchange(ipPacket(PEER_V4, '239.1.2.3', 6, counting(20)))).toEqual([]);
    expect(lone.exchange(ipPacket(PEER_V6, 'ff05::1:3', 6, counting(20)))).toEqual([]);
    expect(lone.exchange(icmpPacket({ ...four, type: 8 }))).toEqual([]);
    expect(lone.drops).toEqual({ 'protocol-to-group': 3 });
    const [answer] = lone.exchange(icmpPacket({ ...six, type: 128 }));
    expect(answer!.slice(8, 24)).toEqual(ip(OUR_V6).bytes);
  });
});
