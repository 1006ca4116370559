import { describe, expect } from 'vitest';
import { IpAddress } from '../../../../src/core/address.ts';
import { LoneStack } from '../../../support/lone-stack.ts';
import { counting, icmp, icmpPacket, ipPacket, udp, udpPacket } from '../../../support/packets.ts';
import { datagram, fate, row, rowOf } from './scene.ts';
import { TcpPeer } from './tcp-peer.ts';

describe('hostile ICMP', () => {
  row(24, 'a wrong checksum, in IPv6 also one without its pseudo-header: dropped', (family) => {
    const { us, peer, echoRequest } = family;
    const broken = (checksum: number) =>
      icmpPacket({ source: peer, destination: us, type: echoRequest, data: counting(8), checksum });
    for (const checksum of [0, 1, 0xffff])
      expect(fate(broken(checksum))).toEqual({ answers: 0, drops: ['icmp-checksum'] });
    if (family.name === 'IPv4') return;
    // The sum that ICMPv4 would have.
    const message = icmp({ source: '10.0.0.1', destination: '10.0.0.2', type: 128, data: counting(8) });
    expect(fate(ipPacket(peer, us, 58, message))).toEqual({ answers: 0, drops: ['icmp-checksum'] });
  });

  row(25, 'an error that quotes an error, or a packet that we never sent: no effect', (family) => {
    const { us, peer, stranger, unreachable, portCode, echoRequest } = family;
    const lone = new LoneStack();
    const errors: string[] = [];
    const connected = lone.stack.bindUdp({ port: 9, remote: { address: IpAddress.parse(peer)!, port: 53 } });
    connected.observer = { readable: () => {}, failed: (error) => errors.push(error.code) };
    const connection = lone.stack.connectTcp({ address: IpAddress.parse(peer)!, port: 80 }, {}, lone.now);
    lone.exchange();
    const say = (data: Uint8Array) =>
      icmpPacket({ source: peer, destination: us, type: unreachable, code: portCode, data });
    const ours = { source: us, destination: peer };
    const quotes = [
      icmpPacket({ ...ours, type: unreachable, data: counting(40) }),
      udpPacket({ ...ours, sourcePort: 9, destinationPort: 54 }),
      udpPacket({ source: us, destination: stranger, sourcePort: 9, destinationPort: 53 }),
      udpPacket({ source: peer, destination: us, sourcePort: 53, destinationPort: 9 }),
      icmpPacket({ ...ours, type: echoRequest, rest: 1 }),
      ipPacket(us, peer, 6, counting(20)),
      ipPacket(us, peer, 47, counting(20)),
    ];
    for (const quote of quotes) expect(lone.exchange(say(quote))).toEqual([]);
    expect(errors).toEqual([]);
    expect(connection.state).toBe('SYN-SENT');
  });

  row(
    26,
    'port and protocol unreachable on an established connection: SEQ must be in flight, then soft',
    (family) => {
      const peer = TcpPeer.established(family);
      peer.connection.write(counting(500));
      const [sent] = peer.poll();
      const codes = family.name === 'IPv4' ? [3, 2] : [4, 1];
      const say = (shift: number, code: number) => {
        const quote = sent!.packet.slice();
        const view = new DataView(quote.buffer);
        view.setUint32(family.header + 4, view.getUint32(family.header + 4) + shift);
        return icmpPacket({
          source: family.peer,
          destination: family.us,
          type: family.unreachable,
          code,
          data: quote,
        });
      };
      for (const code of codes) {
        for (const shift of [-1, 500, 100_000, -2_000_000_000]) peer.lone.exchange(say(shift, code));
        expect(peer.tcpDrops).toMatchObject({ tcp_icmp_mismatch: expect.any(Number) });
        peer.lone.exchange(say(0, code), say(499, code));
        expect(peer.connection.state).toBe('ESTABLISHED');
      }
      expect(peer.tcpDrops.tcp_icmp_mismatch).toBe(8);
      // It lives: the data is acknowledged as if nothing had been.
      peer.send({ flags: 'A', acknowledgment: 500 });
      expect(peer.connection.info().bytesAcknowledged).toBe(500);
    },
  );

  row(27, 'too big with 0, 67, 20 or 1279, or larger than now: plateau, floor, ignored', (family) => {
    const isIpv4 = family.name === 'IPv4';
    const after = (mtu: number) => {
      const peer = TcpPeer.established(family, { timestamps: false });
      peer.connection.write(counting(4000));
      const [sent] = peer.poll();
      const [type, code] = isIpv4 ? [3, 4] : [2, 0];
      const { us, peer: source } = family;
      peer.lone.exchange(icmpPacket({ source, destination: us, type, code, rest: mtu, data: sent!.packet }));
      return peer.connection.info().mss + family.header + 20;
    };
    if (isIpv4) {
      expect([0, 67, 20, 68, 551, 600].map(after)).toEqual([1006, 1420, 1420, 552, 552, 600]);
    } else {
      expect([0, 67, 1279, 1280, 1300].map(after)).toEqual([1420, 1420, 1420, 1280, 1300]);
    }
    for (const mtu of [1420, 1500, 65_535]) expect(after(mtu)).toBe(1420);
  });

  row(28, 'redirects, and what routers and neighbours say: ignored', (family) => {
    const types =
      family.name === 'IPv4' ? [4, 5, 9, 10, 13, 15, 17] : [130, 131, 132, 133, 134, 135, 136, 137, 143];
    const { us, peer } = family;
    for (const type of types) {
      const packet = icmpPacket({ source: peer, destination: us, type, data: counting(40) });
      expect(fate(packet)).toEqual({ answers: 0, drops: ['icmp-ignored'] });
    }
  });

  row(
    29,
    'an echo request to everybody in IPv4: silence; 100,000 in a second: no more replies than the limit',
    (family) => {
      const { us, peer, echoRequest } = family;
      if (family.name === 'IPv4')
        for (const destination of ['255.255.255.255', '10.0.0.255', '224.0.0.1'])
          expect(fate(icmpPacket({ source: peer, destination, type: 8 })).answers).toBe(0);
      const lone = new LoneStack();
      const request = icmpPacket({ source: peer, destination: us, type: echoRequest, data: counting(8) });
      let replies = 0;
      for (let i = 0; i < 1000; i++) {
        lone.now += 1;
        for (let j = 0; j < 100; j++) lone.receive(request);
        replies += lone.exchange().length;
      }
      expect(replies).toBeLessThanOrEqual(1050);
      expect(replies).toBeGreaterThanOrEqual(990);
      expect(lone.drops['echo-limit']).toBe(100_000 - replies);
    },
  );
});

describe('hostile UDP', () => {
  row(30, 'a length of 0 to 7 or beyond the packet, port 0, in IPv6 no checksum: dropped', (family) => {
    const { us, peer } = family;
    const common = { source: peer, destination: us, sourcePort: 5, destinationPort: 53, data: counting(8) };
    const one = (datagramBytes: Uint8Array) => {
      const lone = new LoneStack();
      const binding = lone.stack.bindUdp({ port: 53 });
      const answers = lone.exchange(ipPacket(peer, us, 17, datagramBytes));
      return {
        answers: answers.length,
        drops: Object.keys(lone.drops),
        heard: binding.receive() !== undefined,
      };
    };
    const dropped = (reason: string) => ({ answers: 0, drops: [reason], heard: false });
    for (const length of [0, 1, 2, 3, 4, 5, 6, 7, 17, 65_535])
      expect(one(udp({ ...common, length }))).toEqual(dropped('udp-length'));
    expect(one(udp({ ...common, destinationPort: 0 }))).toEqual(dropped('udp-port-zero'));
    expect(one(udp({ ...common, checksum: 1 }))).toEqual(dropped('udp-checksum'));
    const unsummed = one(udp({ ...common, checksum: 0 }));
    if (family.name === 'IPv6') expect(unsummed).toEqual(dropped('udp-checksum'));
    else expect(unsummed).toEqual({ answers: 0, drops: [], heard: true });
    expect(one(udp({ ...common, sourcePort: 0 })).heard).toBe(true);
  });

  row(
    31,
    '100,000 datagrams a second to closed ports, from one or many: errors within both limits',
    (family) => {
      const answersTo = (source: (i: number) => string) => {
        const lone = new LoneStack();
        const packets = Array.from({ length: 250 }, (_, i) =>
          datagram(family, 1000 + i, 2000 + i, counting(4), source(i)),
        );
        let answers = 0;
        for (let i = 0; i < 1000; i++) {
          lone.now += 1;
          for (let j = 0; j < 100; j++) lone.receive(packets[(i * 100 + j) % 250]!);
          answers += lone.exchange().length;
        }
        return answers;
      };
      expect(answersTo(() => family.peer)).toBeLessThanOrEqual(20);
      const many = answersTo((i) => (family.name === 'IPv4' ? `10.1.${i}.1` : `fd01:0:0:${i}::1`));
      expect(many).toBeLessThanOrEqual(1050);
      expect(many).toBeGreaterThan(100);
    },
  );

  rowOf('IPv6', 30, 'a payload of length 0: dropped', (family) => {
    expect(fate(ipPacket(family.peer, family.us, 17, new Uint8Array(0)))).toEqual({
      answers: 0,
      drops: ['ipv6-payload-length'],
    });
  });
});
