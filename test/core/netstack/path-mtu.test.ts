import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import type { TunnelError } from '../../../src/core/errors.ts';
import {
  IPV4_LEAST_PATH_MTU,
  MAX_PATHS,
  PATH_MTU_LIFETIME,
  PathMtus,
} from '../../../src/core/netstack/path-mtu.ts';
import type { TcpConnection } from '../../../src/core/netstack/tcp/connection.ts';
import { NEVER } from '../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { counting, icmpPacket, ipPacket } from '../../support/packets.ts';
import { hashEnvironment } from './tcp/fake-ip.ts';

const ip = (text: string) => IpAddress.parse(text)!;

describe('what is known of paths', () => {
  const v4 = ip('192.0.2.1');
  const v6 = ip('2001:db8::1');
  const make = () => {
    const changes: string[] = [];
    const paths = new PathMtus(hashEnvironment(1), (destination) => changes.push(destination.toString()));
    return { paths, changes };
  };
  /** What is believed after one claim about a packet of 1420 bytes. */
  const believed = (address: IpAddress, claimed: number, sent = 1420) => {
    const { paths } = make();
    paths.lower(address, claimed, sent, 1420, 0);
    return paths.of(address, 1420);
  };

  it('is what a router says, if it is less than was sent and than was known', () => {
    expect(believed(v4, 1400)).toBe(1400);
    expect(believed(v6, 1400)).toBe(1400);
    expect(believed(v4, 1420)).toBe(1420);
    expect(believed(v4, 9000)).toBe(1420);
    expect(believed(v6, 9000)).toBe(1420);
    expect(believed(v4, 1000, 1000)).toBe(1420);
    expect(believed(v4, 1000, 0)).toBe(1420);
    const { paths, changes } = make();
    expect(paths.lower(v4, 1300, 1420, 1420, 0)).toBe(true);
    expect(paths.lower(v4, 1350, 1420, 1420, 0)).toBe(false);
    expect(paths.lower(v4, 1300, 1420, 1420, 0)).toBe(false);
    expect(paths.lower(v4, 1290, 1420, 1420, 0)).toBe(true);
    expect(paths.of(v4, 1420)).toBe(1290);
    expect(changes).toEqual(['192.0.2.1', '192.0.2.1']);
  });

  it('has floors: no link of IPv4 carries less than 68, of IPv6 less than 1280', () => {
    expect(believed(v4, 67)).toBe(1420);
    expect(believed(v4, 20)).toBe(1420);
    expect(believed(v4, 68)).toBe(IPV4_LEAST_PATH_MTU);
    expect(believed(v4, 551)).toBe(552);
    expect(believed(v4, 552)).toBe(552);
    expect(believed(v4, 553)).toBe(553);
    expect(believed(v6, 1279)).toBe(1420);
    expect(believed(v6, 0)).toBe(1420);
    expect(believed(v6, 1280)).toBe(1280);
  });

  it('comes from a table when a router of IPv4 does not say (RFC 1191 §7)', () => {
    expect(believed(v4, 0, 1420)).toBe(1006);
    expect(believed(v4, 0, 1006)).toBe(552); // 508, but for our floor
    const { paths } = make();
    const mtus: number[] = [];
    for (let sent = 9000; paths.lower(v4, 0, sent, 9000, 0); sent = paths.of(v4, 9000))
      mtus.push(paths.of(v4, 9000));
    expect(mtus).toEqual([8166, 4352, 2002, 1492, 1006, 552]);
  });

  it('is believed for ten minutes', () => {
    const { paths, changes } = make();
    paths.lower(v4, 1300, 1420, 1420, 1000);
    paths.lower(v6, 1300, 1420, 1420, 5000);
    changes.length = 0;
    expect(paths.pollAt()).toBe(1000 + PATH_MTU_LIFETIME);
    paths.poll(999 + PATH_MTU_LIFETIME);
    expect(paths.of(v4, 1420)).toBe(1300);
    paths.poll(1000 + PATH_MTU_LIFETIME);
    expect(paths.of(v4, 1420)).toBe(1420);
    expect(paths.of(v6, 1420)).toBe(1300);
    expect(changes).toEqual(['192.0.2.1']);
    expect(paths.pollAt()).toBe(5000 + PATH_MTU_LIFETIME);
    paths.poll(5000 + PATH_MTU_LIFETIME);
    expect(paths.pollAt()).toBe(NEVER);
  });

  it('is kept of 1,024 destinations; of more, the one longest not used is forgotten', () => {
    const { paths } = make();
    const host = (i: number) => new IpAddress(Uint8Array.of(10, 1, i >> 8, i & 255));
    for (let i = 0; i < MAX_PATHS; i++) {
      paths.lower(host(i), 1300, 1420, 1420, 0);
      expect(paths.of(host(0), 1420)).toBe(1300); // in use all the time
    }
    expect(paths.size).toBe(MAX_PATHS);
    for (let i = MAX_PATHS; i < MAX_PATHS + 10; i++) paths.lower(host(i), 1300, 1420, 1420, 0);
    expect(paths.size).toBe(MAX_PATHS);
    expect(paths.of(host(0), 1420)).toBe(1300);
    expect(paths.of(host(1), 1420)).toBe(1420);
    for (let i = 0; i < 100_000; i++) paths.lower(host(i), 1300, 1420, 1420, 0);
    expect(paths.size).toBe(MAX_PATHS);
  });

  it('is forgotten when the tunnel does not carry more', () => {
    const { paths } = make();
    paths.lower(v4, 1300, 1420, 1420, 0);
    paths.mtuChanged(1280);
    expect(paths.size).toBe(0);
    expect(paths.of(v4, 1280)).toBe(1280);
  });
});

const families = [
  { name: 'IPv4', us: OUR_V4, peer: PEER_V4, router: '10.0.0.9', header: 20, request: 8, least: 552 },
  { name: 'IPv6', us: OUR_V6, peer: PEER_V6, router: 'fd00::9', header: 40, request: 128, least: 1280 },
] as const;

for (const { name, us, peer, router, header, least } of families) {
  const isIpv4 = name === 'IPv4';
  /** A router's word about `packet`, of which it quotes `quoted` bytes. */
  const tooBig = (packet: Uint8Array, mtu: number, quoted = 600) =>
    icmpPacket({
      source: router,
      destination: us,
      type: isIpv4 ? 3 : 2,
      code: isIpv4 ? 4 : 0,
      rest: mtu,
      data: packet.slice(0, quoted),
    });
  const remote = (port: number) => ({ address: ip(peer), port });
  const isFragment = (packet: Uint8Array) =>
    isIpv4 ? (((packet[6]! & 0x3f) << 8) | packet[7]!) !== 0 : packet[6] === 44;

  describe(`UDP over ${name} and the path's MTU`, () => {
    it('goes in fragments that fit, once a router has said so', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53 });
      binding.send(counting(1300), remote(7));
      const [whole, ...more] = lone.exchange();
      expect(more).toEqual([]);
      lone.exchange(tooBig(whole!, 1300));
      expect(lone.drops).toEqual({});
      expect(lone.stack.pathMtu(ip(peer))).toBe(1300);
      binding.send(counting(1300), remote(7));
      const pieces = lone.exchange();
      expect(pieces.map((piece) => piece.length <= 1300 && isFragment(piece))).toEqual([true, true]);
      if (isIpv4) for (const piece of pieces) expect(piece[6]! & 0x40).toBe(0);
      // What fits is whole still, and must not be fragmented.
      binding.send(counting(1300 - header - 8), remote(7));
      const [fitting, ...rest] = lone.exchange();
      expect(rest).toEqual([]);
      expect(fitting).toHaveLength(1300);
      if (isIpv4) expect(fitting![6]).toBe(0x40);
      // And other destinations are not concerned.
      binding.send(counting(1300), { address: ip(router), port: 7 });
      expect(lone.exchange()).toHaveLength(1);
      lone.now += PATH_MTU_LIFETIME;
      lone.poll();
      binding.send(counting(1300), remote(7));
      expect(lone.exchange()).toHaveLength(1);
    });

    it('is an error for who wants no fragments', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ remote: remote(7), dontFragment: true });
      const codeOf = (size: number) => {
        try {
          binding.send(counting(size));
        } catch (error) {
          return (error as TunnelError).code;
        }
        return 'no error';
      };
      expect(codeOf(1420 - header - 8 + 1)).toBe('ERR_MESSAGE_TOO_LONG');
      expect(codeOf(1420 - header - 8)).toBe('no error');
      const [whole] = lone.exchange();
      lone.exchange(tooBig(whole!, 1300));
      expect(codeOf(1300 - header - 8 + 1)).toBe('ERR_MESSAGE_TOO_LONG');
      expect(codeOf(1300 - header - 8)).toBe('no error');
      expect(lone.exchange()).toHaveLength(1);
    });

    it('believes only who quotes what was sent, and is told so', () => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53 });
      const reports: unknown[] = [];
      binding.observer = { readable: () => {}, failed: () => {}, reported: (report) => reports.push(report) };
      binding.send(counting(900), remote(7));
      const [sent] = lone.exchange();
      const forged = (to: string, port: number, size: number) =>
        ipPacket(us, to, 17, Uint8Array.of(0, port, 0, 7, size >> 8, size & 255, 0, 0, ...counting(size)));
      // To somewhere we did not send; from a port that is not ours; about more than we sent.
      lone.exchange(tooBig(forged(router, 53, 1300), 1290));
      lone.exchange(tooBig(forged(peer, 54, 1300), 1290));
      lone.exchange(tooBig(forged(peer, 53, 1300), 1290));
      expect(lone.drops).toEqual({ 'icmp-quote': 3 });
      expect(lone.stack.pathMtu(ip(peer))).toBe(1420);
      expect(lone.stack.pathMtu(ip(router))).toBe(1420);
      expect(reports).toEqual([]);
      lone.exchange(tooBig(sent!, isIpv4 ? 800 : 1280));
      expect(lone.stack.pathMtu(ip(peer))).toBe(isIpv4 ? 800 : 1420);
      if (isIpv4)
        expect(reports).toEqual([
          { kind: 'too-big', type: 3, code: 4, from: ip(router), remote: remote(7), at: 1000 },
        ]);
    });
  });

  describe(`TCP over ${name} and the path's MTU`, () => {
    /** A connection with data in flight; `segments` are the packets that carry it. */
    function flowing(bytes: number, peerMss = 1460) {
      const lone = new LoneStack();
      const connection = lone.stack.connectTcp(remote(80), { noDelay: true }, lone.now);
      const [syn] = lone.exchange();
      const port = (syn![header]! << 8) | syn![header + 1]!;
      const view = new DataView(syn!.buffer);
      const iss = view.getUint32(header + 4);
      const answer = (flags: number, sequence: number, acknowledgment: number, options: number[] = []) => {
        const segment = new Uint8Array(20 + options.length);
        const out = new DataView(segment.buffer);
        out.setUint16(0, 80);
        out.setUint16(2, port);
        out.setUint32(4, sequence);
        out.setUint32(8, acknowledgment);
        segment[12] = ((20 + options.length) / 4) << 4;
        segment[13] = flags;
        out.setUint16(14, 65_535);
        segment.set(options, 20);
        return tcpPacket(segment);
      };
      lone.exchange(answer(0x12, 1000, iss + 1, [2, 4, peerMss >> 8, peerMss & 255]));
      connection.write(counting(bytes));
      const segments = lone.exchange();
      const acknowledge = (offset: number) => lone.exchange(answer(0x10, 1001, iss + 1 + offset));
      return { lone, connection, segments, acknowledge };
    }
    const tcpPacket = (segment: Uint8Array) => {
      const out = new DataView(segment.buffer);
      const { bytes: from } = ip(peer);
      const { bytes: to } = ip(us);
      let sum = 6 + segment.length;
      for (const bytes of [from, to, segment])
        for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
      out.setUint16(16, ~sum & 0xffff);
      return ipPacket(peer, us, 6, segment);
    };
    const sequenceOf = (packet: Uint8Array) => new DataView(packet.buffer).getUint32(header + 4);
    const dataOf = (packets: Uint8Array[]) => packets.map((packet) => packet.length - header - 20);

    it('cuts anew what was too big and sends it at once, with the same window and timer', () => {
      const { lone, connection, segments } = flowing(4000);
      const full = 1420 - header - 20;
      expect(dataOf(segments)).toEqual([full, full, 4000 - 2 * full]);
      const before = connection.info();
      const again = lone.exchange(tooBig(segments[0]!, 1300));
      const smaller = 1300 - header - 20;
      expect(sequenceOf(again[0]!)).toBe(sequenceOf(segments[0]!));
      expect(Math.max(...dataOf(again))).toBe(smaller);
      for (const packet of again) {
        expect(packet.length).toBeLessThanOrEqual(1300);
        if (isIpv4) expect(packet[6]).toBe(0x40);
      }
      const after = connection.info();
      expect(after.mss).toBe(smaller);
      expect([after.cwnd, after.rto, after.timeouts]).toEqual([before.cwnd, before.rto, 0]);
      expect(lone.drops).toEqual({});
      expect(lone.stack.tcp.drops.toRecord()).toEqual({});
    });

    it('believes only who quotes a sequence number in flight, less than was sent, and never raises', () => {
      const { lone, connection, segments, acknowledge } = flowing(4000);
      const full = 1420 - header - 20;
      const moved = (by: number) => {
        const packet = segments[0]!.slice();
        const view = new DataView(packet.buffer);
        view.setUint32(header + 4, view.getUint32(header + 4) + by);
        return packet;
      };
      acknowledge(full);
      // Acknowledged already, and not sent yet.
      expect(lone.exchange(tooBig(segments[0]!, 1300))).toEqual([]);
      expect(lone.exchange(tooBig(moved(4000), 1300))).toEqual([]);
      expect(lone.exchange(tooBig(moved(-1), 1300))).toEqual([]);
      expect(lone.exchange(tooBig(segments[1]!, 1420))).toEqual([]);
      expect(lone.exchange(tooBig(segments[1]!, 9000))).toEqual([]);
      expect(lone.exchange(tooBig(segments[1]!, isIpv4 ? 67 : 1279))).toEqual([]);
      expect(lone.stack.tcp.drops.toRecord()).toEqual({ tcp_icmp_mismatch: 6 });
      expect(connection.info().mss).toBe(full);
      expect(lone.exchange(tooBig(segments[1]!, 1300))).not.toEqual([]);
      const { mss } = connection.info();
      lone.exchange(tooBig(segments[1]!, 1350));
      expect(connection.info().mss).toBe(mss);
    });

    it('does not go below the floor', () => {
      const { lone, connection, segments } = flowing(4000);
      lone.exchange(tooBig(segments[0]!, isIpv4 ? 68 : 1280));
      expect(connection.info().mss).toBe(least - header - 20);
    });

    if (isIpv4) {
      it('takes a plateau below the quoted packet from a router that does not say', () => {
        const { lone, connection, segments } = flowing(4000);
        lone.exchange(tooBig(segments[0]!, 0));
        expect(connection.info().mss).toBe(1006 - header - 20);
      });

      it('lets routers fragment where links carry less than our floor', () => {
        const { lone, segments } = flowing(4000);
        const again = lone.exchange(tooBig(segments[0]!, 300));
        const identifications = new Set(again.map((packet) => (packet[4]! << 8) | packet[5]!));
        for (const packet of again) expect(packet[6]).toBe(0);
        expect(identifications.size).toBe(again.length);
      });
    }

    it('tries larger segments again after ten minutes, and not more than the peer takes', () => {
      for (const [peerMss, full] of [
        [1460, 1420 - header - 20],
        [1310, 1310],
      ] as const) {
        const { lone, connection, segments, acknowledge } = flowing(4000, peerMss);
        lone.exchange(tooBig(segments[0]!, 1300));
        acknowledge(4000);
        lone.now += PATH_MTU_LIFETIME - 1;
        lone.poll();
        expect(connection.info().mss).toBe(1300 - header - 20);
        lone.now += 1;
        expect(lone.stack.pollAt()).toBeLessThanOrEqual(lone.now);
        lone.poll();
        expect(connection.info().mss).toBe(full);
      }
    });

    it('learns from what another socket found out, in the SYN’s answer too', () => {
      const { lone, connection, segments } = flowing(4000);
      const binding = lone.stack.bindUdp({ port: 53 });
      binding.send(counting(1300), remote(7));
      const [whole] = lone.exchange();
      lone.exchange(tooBig(whole!, 1300));
      expect(connection.info().mss).toBe(1300 - header - 20);
      expect(segments.length).toBe(3);
      const later: TcpConnection = lone.stack.connectTcp(remote(80), {}, lone.now);
      const [syn] = lone.exchange();
      // What we can take is not what the path carries.
      const mss = (syn![header + 22]! << 8) | syn![header + 23]!;
      expect(mss).toBe(1420 - header - 20);
      later.abort();
    });
  });

  describe(`ping over ${name} and the path's MTU`, () => {
    it('probes whole, whatever is known, and tells what the router said', () => {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(ip(peer));
      const errors: unknown[] = [];
      ping.observer = { reply: () => {}, error: (failure) => errors.push(failure) };
      const size = 1420 - header - 8;
      ping.send(1, size, { dontFragment: true }, lone.now);
      const [probe] = lone.exchange();
      lone.exchange(tooBig(probe!, 1300));
      const [type, code] = isIpv4 ? [3, 4] : [2, 0];
      expect(errors).toEqual([
        { sequence: 1, kind: 'too-big', type, code, mtu: 1300, from: ip(router), rtt: 0 },
      ]);
      expect(lone.stack.pathMtu(ip(peer))).toBe(1300);
      ping.send(2, size, { dontFragment: true }, lone.now);
      const again = lone.exchange();
      expect(again).toHaveLength(1);
      expect(again[0]).toHaveLength(1420);
      ping.send(3, size, {}, lone.now);
      expect(lone.exchange()).toHaveLength(2);
      expect(() => ping.send(4, size + 1, { dontFragment: true }, lone.now)).toThrow(/at most/);
    });

    it('is not told what cannot be', () => {
      const lone = new LoneStack();
      const ping = lone.stack.openPing(ip(peer));
      const errors: unknown[] = [];
      ping.observer = { reply: () => {}, error: (failure) => errors.push(failure) };
      ping.send(1, 100, {}, lone.now);
      const [probe] = lone.exchange();
      lone.exchange(tooBig(probe!, 1300));
      expect(errors).toEqual([]);
      expect(lone.drops).toEqual({ 'icmp-quote': 1 });
    });
  });
}
