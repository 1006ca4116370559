import { describe, expect } from 'vitest';
import { fromHex } from '../../../support/hex.ts';
import { LoneStack } from '../../../support/lone-stack.ts';
import {
  concat,
  counting,
  icmp,
  icmpPacket,
  ipPacket,
  ipv4,
  ipv6,
  u16,
  udp,
} from '../../../support/packets.ts';
import { threadTime } from '../../../support/thread-time.ts';
import type { Family } from './family.ts';
import { datagram, fate, row, rowOf } from './scene.ts';
import { tcpPacket } from './tcp-peer.ts';

const echo = (family: Family, source: string = family.peer, destination: string = family.us) =>
  icmpPacket({ source, destination, type: family.echoRequest, rest: 7, data: counting(16) });

/** The same packet with some bytes of its header replaced; IPv4's checksum is put right. */
function altered(family: Family, packet: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = packet.slice();
  copy.set(bytes, at);
  if (family.name === 'IPv4') {
    const header = copy.subarray(0, (copy[0]! & 15) * 4 || 20);
    header.set([0, 0], 10);
    let sum = 0;
    for (let i = 0; i + 1 < header.length; i += 2) sum += (header[i]! << 8) | header[i + 1]!;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    header.set(u16(~sum & 0xffff), 10);
  }
  return copy;
}

describe('hostile IP', () => {
  row(1, 'nothing, one byte, 19 bytes: dropped and counted', (family) => {
    for (const length of [0, 1, 19, family.header - 1])
      expect(fate(echo(family).slice(0, length))).toEqual({ answers: 0, drops: ['ip-short'] });
  });

  row(2, 'version 0, 5 or 15: dropped and counted', (family) => {
    for (const version of [0, 5, 15]) {
      const packet = echo(family);
      packet[0] = (version << 4) | (packet[0]! & 15);
      expect(fate(packet)).toEqual({ answers: 0, drops: ['ip-version'] });
    }
  });

  rowOf('IPv4', 3, 'IHL 4, and IHL 15 beyond the packet: dropped without ICMP', (family) => {
    expect(fate(altered(family, echo(family), 0, 0x44))).toEqual({
      answers: 0,
      drops: ['ipv4-header-length'],
    });
    const long = altered(family, echo(family).slice(0, 36), 0, 0x4f);
    expect(fate(long)).toEqual({ answers: 0, drops: ['ipv4-total-length'] });
  });

  row(4, 'a length beyond what came, or within the header: dropped', (family) => {
    const isIpv4 = family.name === 'IPv4';
    const reason = isIpv4 ? 'ipv4-total-length' : 'ipv6-payload-length';
    const packet = echo(family);
    const field = isIpv4 ? 2 : 4;
    for (const length of isIpv4 ? [packet.length + 1, 65_535, 19, 0] : [packet.length - 39, 65_535, 0])
      expect(fate(altered(family, packet, field, ...u16(length)))).toEqual({ answers: 0, drops: [reason] });
  });

  row(5, 'a length below what came, as WireGuard pads: trimmed and accepted', (family) => {
    for (const padding of [1, 15]) {
      const lone = new LoneStack();
      const [answer, ...more] = lone.exchange(concat(echo(family), new Uint8Array(padding)));
      expect(more).toEqual([]);
      expect(answer).toHaveLength(echo(family).length);
      expect(lone.drops).toEqual({});
    }
  });

  rowOf('IPv4', 6, 'a wrong header checksum: dropped', (family) => {
    for (const bit of [0, 7, 15]) {
      const packet = echo(family);
      packet[10 + (bit >> 3)]! ^= 1 << (bit & 7);
      expect(fate(packet)).toEqual({ answers: 0, drops: ['ipv4-checksum'] });
    }
  });

  row(7, 'a SYN to an open port from our own address (LAND): dropped', (family) => {
    const lone = new LoneStack();
    const listener = lone.stack.listenTcp({ port: 80 }, lone.now);
    const { us } = family;
    const syn = tcpPacket({ source: us, destination: us, sourcePort: 80, destinationPort: 80, flags: 'S' });
    expect(lone.exchange(syn)).toEqual([]);
    expect(lone.drops).toEqual({ 'ip-source-is-ours': 1 });
    expect([lone.stack.tcp.connectionCount, listener.accept()]).toEqual([0, undefined]);
  });

  row(8, 'a source that nobody has: dropped, no reply', (family) => {
    const sources =
      family.name === 'IPv4'
        ? ['127.0.0.1', '224.0.0.5', '255.255.255.255', '0.0.0.0', '240.1.2.3', '10.0.0.255']
        : ['::', '::1', 'ff02::1', '::ffff:10.0.0.1'];
    for (const source of sources)
      for (const packet of [echo(family, source), datagram(family, 1, 7, undefined, source)])
        expect(fate(packet)).toEqual({ answers: 0, drops: ['ip-source'] });
  });

  row(9, 'a destination that is not ours: dropped, no ICMP, not forwarded', (family) => {
    const others =
      family.name === 'IPv4'
        ? [family.stranger, '8.8.8.8', '127.0.0.1', '224.0.0.1', '0.0.0.0']
        : [family.stranger, '2001:db8::1', '::1', '::', 'ff02::fb', 'ff01::1', '::ffff:10.0.0.2'];
    for (const destination of others)
      expect(fate(echo(family, family.peer, destination))).toEqual({ answers: 0, drops: ['ip-destination'] });
  });

  rowOf(
    'IPv4',
    10,
    'an option of length 0, 1 or beyond IHL: dropped, 12/0 within the limit, no loop',
    (family) => {
      const { us, peer } = family;
      const payload = udp({ source: peer, destination: us, sourcePort: 1, destinationPort: 7 });
      for (const options of ['07 00 00 00', '07 01 00 00', '07 09 00 00', '01 01 01 44']) {
        const lone = new LoneStack();
        const packet = ipv4({
          source: peer,
          destination: us,
          protocol: 17,
          options: fromHex(options),
          payload,
        });
        const answers = lone.exchange(...new Array<Uint8Array>(100).fill(packet));
        expect(answers).toHaveLength(10);
        for (const answer of answers) expect([answer[20], answer[21]]).toEqual([12, 0]);
        expect(lone.drops).toEqual({ 'ipv4-options': 100, 'icmp-error-limit': 90 });
      }
    },
  );

  rowOf('IPv4', 11, 'loose and strict source routes: dropped', (family) => {
    const { us, peer } = family;
    const payload = icmp({ source: peer, destination: us, type: 8 });
    for (const type of ['83', '89']) {
      const options = fromHex(`${type} 07 04 0a 00 00 09 00`);
      expect(fate(ipv4({ source: peer, destination: us, protocol: 1, options, payload }))).toEqual({
        answers: 0,
        drops: ['ipv4-source-route'],
      });
    }
  });

  const chain = (family: Family, first: number, hex: string, destination: string = family.us) =>
    ipv6({
      source: family.peer,
      destination,
      nextHeader: first,
      payload: concat(
        fromHex(hex),
        udp({ source: family.peer, destination, sourcePort: 1, destinationPort: 7 }),
      ),
    });
  /** Type, code and pointer of the one ICMPv6 answer; nothing if there is none. */
  const problem = (packet: Uint8Array) => {
    const [answer] = new LoneStack().exchange(packet);
    return answer && [answer[40], answer[41], new DataView(answer.buffer).getUint32(44)];
  };

  rowOf(
    'IPv6',
    19,
    '1,000 extension headers or options, and PadN of 255: dropped within constant work',
    (family) => {
      const headers = chain(family, 60, `${'3c 00 01 04 00000000 '.repeat(150)}11 00 01 04 00000000`);
      const options = chain(family, 60, `11 ff ${'1e 00 '.repeat(1023)}`);
      const padding = chain(family, 60, `11 20 01 ff ${'00'.repeat(255)} 1e 03 000000`);
      const pads = chain(family, 60, `11 ff ${'00'.repeat(2046)}`);
      const startedAt = threadTime();
      for (const packet of [headers, options, padding, pads])
        for (let i = 0; i < 200; i++)
          expect(fateOf(packet)).toEqual({ answers: 0, drops: ['ipv6-extension-limit'] });
      expect((threadTime() - startedAt) / 800).toBeLessThan(5);
    },
  );

  rowOf(
    'IPv6',
    20,
    'hop-by-hop options not first: Parameter Problem code 1, and the pointer is right',
    (family) => {
      const packet = chain(family, 60, '00 00 01 04 00000000 11 00 01 04 00000000');
      expect(problem(packet)).toEqual([4, 1, 40]);
      const later = chain(family, 0, '3c 00 01 04 00000000 00 00 01 04 00000000 11 00 01 04 00000000');
      expect(problem(later)).toEqual([4, 1, 48]);
    },
  );

  rowOf('IPv6', 21, 'unknown options to one host and to a group: by their action bits', (family) => {
    const packet = (type: string, destination?: string) =>
      chain(family, 60, `11 00 ${type} 04 00000000`, destination);
    const all = 'ff02::1';
    // 00: skipped; the UDP port is closed, which is told to one host only.
    expect(problem(packet('1e'))).toEqual([1, 4, 0]);
    expect(problem(packet('1e', all))).toBeUndefined();
    expect(problem(packet('5e'))).toBeUndefined();
    expect(problem(packet('5e', all))).toBeUndefined();
    expect(problem(packet('80'))).toEqual([4, 2, 42]);
    expect(problem(packet('80', all))).toEqual([4, 2, 42]);
    expect(problem(packet('c2'))).toEqual([4, 2, 42]);
    expect(problem(packet('c2', all))).toBeUndefined();
  });

  rowOf('IPv6', 22, 'a routing header of type 0: ignored with no segments left, else code 0', (family) => {
    const routed = (left: string) =>
      chain(family, 43, `11 02 00 ${left} 00000000 fd000000000000000000000000000009`);
    expect(problem(routed('00'))).toEqual([1, 4, 0]); // went on to UDP, whose port is closed
    expect(problem(routed('02'))).toEqual([4, 0, 42]);
  });

  rowOf('IPv6', 23, 'next header 59 with a payload: dropped in silence', (family) => {
    const { us, peer } = family;
    const drops = ['ipv6-no-next-header'];
    expect(fate(ipPacket(peer, us, 59, counting(40)))).toEqual({ answers: 0, drops });
    expect(fate(chain(family, 60, '3b 00 01 04 00000000'))).toEqual({ answers: 0, drops });
  });
});

const shared = new LoneStack();

/** As `fate`, by one stack for all: where many are needed. */
function fateOf(packet: Uint8Array): { answers: number; drops: string[] } {
  return { answers: shared.exchange(packet).length, drops: Object.keys(shared.drops) };
}
