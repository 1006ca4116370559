import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import type { TunnelError } from '../../../src/core/errors.ts';
import type { PingFailure, PingReply, PingSocket } from '../../../src/core/netstack/ping.ts';
import { NEVER } from '../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { counting, icmp, icmpPacket, ipv4 } from '../../support/packets.ts';

function observe(ping: PingSocket): { replies: PingReply[]; errors: PingFailure[] } {
  const seen = { replies: [] as PingReply[], errors: [] as PingFailure[] };
  ping.observer = {
    reply: (reply) => seen.replies.push(reply),
    error: (failure) => seen.errors.push(failure),
  };
  return seen;
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
    router: '10.0.0.9',
    request: 8,
    reply: 0,
    unreachable: 3,
    exceeded: 11,
    header: 20,
    most: 65_507,
  },
  {
    name: 'IPv6',
    us: OUR_V6,
    peer: PEER_V6,
    router: 'fd00::9',
    request: 128,
    reply: 129,
    unreachable: 1,
    exceeded: 3,
    header: 40,
    most: 65_527,
  },
] as const;

for (const { name, us, peer, router, request, reply, unreachable, exceeded, header, most } of families) {
  describe(`ping over ${name}`, () => {
    const remote = IpAddress.parse(peer)!;
    const answer = (ping: PingSocket, sequence: number, size: number, source: string = peer) =>
      icmpPacket({
        source,
        destination: us,
        type: reply,
        rest: (ping.identifier << 16) | sequence,
        data: counting(size),
      });

    it('sends a request at the next poll', () => {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(remote);
      ping.send(3, 56, { ttl: 9 }, lone.now);
      expect(lone.take()).toEqual([]);
      expect(lone.stack.pollAt()).toBe(0);
      const [packet, ...more] = lone.exchange();
      expect(more).toEqual([]);
      expect(packet!.slice(header)).toEqual(
        icmp({
          source: us,
          destination: peer,
          type: request,
          rest: ((ping.identifier << 16) | 3) >>> 0,
          data: counting(56),
        }),
      );
      expect(packet![name === 'IPv4' ? 8 : 7]).toBe(9);
      expect(lone.stack.pollAt()).toBe(NEVER);
    });

    it('tells of the reply, how long it took, and of duplicates', () => {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(remote);
      const seen = observe(ping);
      ping.send(1, 20, {}, lone.now);
      lone.exchange();
      lone.now += 12.5;
      lone.exchange(answer(ping, 1, 20));
      lone.now += 1;
      lone.exchange(answer(ping, 1, 20));
      const common = { sequence: 1, bytes: 20, ttl: 64, from: remote, isIntact: true };
      expect(seen.replies).toEqual([
        { ...common, rtt: 12.5, isDuplicate: false },
        { ...common, rtt: 13.5, isDuplicate: true },
      ]);
      expect(lone.drops).toEqual({});
    });

    it('does not take another’s reply, another sequence, or one from elsewhere', () => {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(remote);
      const seen = observe(ping);
      ping.send(1, 20, {}, lone.now);
      lone.exchange();
      lone.receive(answer(ping, 2, 20));
      lone.receive(answer(ping, 1, 20, router));
      lone.receive(
        icmpPacket({ source: peer, destination: us, type: reply, rest: ((ping.identifier ^ 1) << 16) | 1 }),
      );
      expect(seen.replies).toEqual([]);
      expect(lone.drops).toEqual({ 'echo-reply-unknown': 3 });
    });

    it('tells of errors that quote a request', () => {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(remote);
      const seen = observe(ping);
      ping.send(1, 20, { ttl: 1 }, lone.now);
      const [packet] = lone.exchange();
      const from = IpAddress.parse(router)!;
      lone.receive(icmpPacket({ source: router, destination: us, type: exceeded, data: packet! }));
      lone.receive(
        icmpPacket({
          source: router,
          destination: us,
          type: unreachable,
          data: packet!.slice(0, header + 8),
        }),
      );
      expect(seen.errors).toEqual([
        { sequence: 1, kind: 'time-exceeded', type: exceeded, code: 0, mtu: 0, from, rtt: 0 },
        { sequence: 1, kind: 'unreachable', type: unreachable, code: 0, mtu: 0, from, rtt: 0 },
      ]);
      expect(lone.drops).toEqual({});
    });

    it('is not misled by a quote to elsewhere or of a sequence it did not send', () => {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(remote);
      const seen = observe(ping);
      ping.send(1, 20, { ttl: 1 }, lone.now);
      lone.exchange();
      const quoted = (destination: string, sequence: number) =>
        icmpPacket({ source: us, destination, type: request, rest: (ping.identifier << 16) | sequence });
      lone.receive(icmpPacket({ source: router, destination: us, type: exceeded, data: quoted(router, 1) }));
      lone.receive(icmpPacket({ source: router, destination: us, type: exceeded, data: quoted(peer, 2) }));
      expect(seen.errors).toEqual([]);
      expect(lone.drops).toEqual({ 'icmp-quote': 2 });
    });

    it(`carries 0 to ${most} bytes`, () => {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(remote);
      ping.send(1, 0, {}, lone.now);
      ping.send(2, most, {}, lone.now);
      const packets = lone.exchange();
      expect(packets[0]).toHaveLength(header + 8);
      expect(packets.length).toBeGreaterThan(46);
      expect(codeOf(() => ping.send(3, most + 1, {}, lone.now))).toBe('ERR_MESSAGE_TOO_LONG');
    });
  });
}

describe('a ping', () => {
  const remote = IpAddress.parse(PEER_V4)!;

  it('finds no way where no peer is, and none without an address of the family', () => {
    const lone = new LoneStack({ addresses: ['10.0.0.2/24'], hasRoute: (address) => address.bytes[0] !== 8 });
    expect(codeOf(() => lone.stack.openPing(IpAddress.parse('8.8.8.8')!))).toBe('ERR_NO_ROUTE');
    expect(codeOf(() => lone.stack.openPing(IpAddress.parse('fd00::1')!))).toBe('ERR_NO_ROUTE');
    expect(codeOf(() => lone.stack.openPing(remote))).toBe('no error');
  });

  it('takes an IPv4-mapped address for what it is', () => {
    const ping = new LoneStack().stack.openPing(IpAddress.parse(`::ffff:${PEER_V4}`)!);
    expect(ping.remote.toString()).toBe(PEER_V4);
  });

  it('pings ourselves', () => {
    for (const address of [OUR_V4, '127.0.0.1', '127.3.2.1', OUR_V6, '::1']) {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(IpAddress.parse(address)!);
      const seen = observe(ping);
      ping.send(1, 3000, {}, lone.now);
      expect(lone.exchange()).toEqual([]);
      expect(seen.replies).toMatchObject([{ sequence: 1, bytes: 3000, rtt: 0, isDuplicate: false }]);
      expect(lone.drops).toEqual({});
    }
  });

  it('remembers the last 1,024 requests', () => {
    const lone = new LoneStack();
    const ping = lone.stack.openPing(remote);
    const seen = observe(ping);
    for (let i = 0; i < 1025; i++) {
      ping.send(i, 0, {}, lone.now);
      lone.exchange();
    }
    const reply = (sequence: number) =>
      lone.receive(
        icmpPacket({
          source: PEER_V4,
          destination: OUR_V4,
          type: 0,
          rest: (ping.identifier << 16) | sequence,
        }),
      );
    reply(0);
    reply(1);
    expect(seen.replies.map(({ sequence }) => sequence)).toEqual([1]);
  });

  it('lets 64 requests wait, 1,024 pings exist, and closes', () => {
    const lone = new LoneStack();
    const ping = lone.stack.openPing(remote);
    for (let i = 0; i < 64; i++) ping.send(i, 0, {}, 0);
    expect(codeOf(() => ping.send(64, 0, {}, 0))).toBe('ERR_LIMIT');
    ping.close();
    expect(lone.exchange()).toEqual([]);
    expect(codeOf(() => ping.send(0, 0, {}, 0))).toBe('ERR_CLOSED');
    const identifiers = new Set<number>();
    for (let i = 0; i < 1024; i++) identifiers.add(lone.stack.openPing(remote).identifier);
    expect(identifiers.size).toBe(1024);
    expect(codeOf(() => lone.stack.openPing(remote))).toBe('ERR_LIMIT');
  });

  it('tells a caller of mistakes', () => {
    const ping = new LoneStack().stack.openPing(remote);
    for (const [sequence, size, ttl] of [
      [-1, 0, 64],
      [65_536, 0, 64],
      [0, -1, 64],
      [0, 1.5, 64],
      [0, 0, 0],
      [0, 0, 256],
    ] as const)
      expect(codeOf(() => ping.send(sequence, size, { ttl }, 0))).toBe('RangeError');
  });

  it('hears of a header that others have changed', () => {
    const lone = new LoneStack();
    const ping = lone.stack.openPing(remote);
    const seen = observe(ping);
    ping.send(1, 20, { ttl: 1 }, lone.now);
    const [packet] = lone.exchange();
    // Total length in host order, checksum gone, TTL zero: all seen in the wild.
    const mangled = ipv4({
      source: OUR_V4,
      destination: PEER_V4,
      protocol: 1,
      payload: packet!.slice(20),
      totalLength: 0x3000,
      checksum: 0,
      ttl: 0,
    });
    lone.receive(icmpPacket({ source: '10.0.0.9', destination: OUR_V4, type: 11, data: mangled }));
    expect(seen.errors).toHaveLength(1);
  });
});
