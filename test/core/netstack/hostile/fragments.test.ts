import { describe, expect } from 'vitest';
import { MINUTE } from '../../../../src/core/time.ts';
import { LoneStack } from '../../../support/lone-stack.ts';
import {
  concat,
  counting,
  cut,
  fragment,
  icmpPacket,
  ipv6,
  ipv6FragmentHeader,
} from '../../../support/packets.ts';
import { SeededRandom } from '../../../support/random.ts';
import type { Family } from './family.ts';
import { row, rowOf } from './scene.ts';

const echo = (family: Family, size: number) =>
  icmpPacket({
    source: family.peer,
    destination: family.us,
    type: family.echoRequest,
    rest: 7,
    data: counting(size),
  });

const piece = (family: Family, offset: number, more: boolean, payload: Uint8Array, protocol = family.icmp) =>
  fragment({
    source: family.peer,
    destination: family.us,
    protocol,
    identification: 1,
    offset,
    more,
    payload,
  });

describe('hostile fragments', () => {
  row(
    12,
    'the ping of death, a last fragment that ends beyond 65,535: the datagram is discarded',
    (family) => {
      const lone = new LoneStack();
      const [first, second, third] = cut(echo(family, 300), 104, 1);
      lone.exchange(first!, second!);
      lone.exchange(piece(family, 65_528, false, counting(200)));
      lone.take();
      expect(lone.exchange(third!)).toEqual([]);
      expect(lone.drops).toMatchObject({ 'fragment-malformed': 1 });
      lone.now += MINUTE;
      lone.poll();
      expect(lone.exchange(...cut(echo(family, 300), 104, 1))).toHaveLength(1);
    },
  );

  row(
    13,
    'overlaps (teardrop), both ways round: discarded, with all that comes until the timeout',
    (family) => {
      const whole = echo(family, 300).slice(family.header);
      for (const [a, b] of [
        [
          [0, 104],
          [96, 208],
        ],
        [
          [96, 208],
          [0, 104],
        ],
        [
          [0, 208],
          [104, 160],
        ],
        [
          [104, 160],
          [0, 208],
        ],
      ]) {
        const lone = new LoneStack();
        for (const [start, end] of [a!, b!])
          lone.receive(piece(family, start!, true, whole.slice(start, end)));
        expect(lone.exchange(...cut(echo(family, 300), 104, 1))).toEqual([]);
        lone.now += MINUTE - 1;
        expect(lone.exchange(...cut(echo(family, 300), 104, 1))).toEqual([]);
        lone.now += 1;
        lone.poll();
        lone.take();
        expect(lone.exchange(...cut(echo(family, 300), 104, 1))).toHaveLength(1);
      }
    },
  );

  row(14, 'an exact duplicate: accepted once', (family) => {
    const lone = new LoneStack();
    const [first, second, third] = cut(echo(family, 300), 104, 1);
    const [answer, ...more] = lone.exchange(first!, first!, second!, second!, third!);
    expect(more).toEqual([]);
    expect(answer).toHaveLength(echo(family, 300).length);
    expect(lone.drops).toEqual({ 'fragment-duplicate': 2 });
  });

  row(
    15,
    '100,000 first fragments from everywhere: bounded, and legitimate datagrams still pass',
    (family) => {
      const lone = new LoneStack();
      const random = new SeededRandom(5);
      const [first] = cut(echo(family, 40), 40, 1);
      const isIpv4 = family.name === 'IPv4';
      const before = process.memoryUsage().arrayBuffers;
      for (let i = 0; i < 100_000; i++) {
        // Another source, and another identification.
        first![isIpv4 ? 15 : 23] = (random.below(250) + 3) & 255;
        first![isIpv4 ? 14 : 22] = random.below(200);
        const id = random.below(65_536);
        first![isIpv4 ? 4 : 46] = id >> 8;
        first![isIpv4 ? 5 : 47] = id & 255;
        if (isIpv4) fixChecksum(first!);
        lone.receive(first!);
        if (i % 20_000 === 0) expect(lone.exchange(...cut(echo(family, 300), 104, i))).toHaveLength(1);
      }
      // Held: 4 MiB; and whatever else this process did meanwhile.
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
      expect(lone.drops['fragment-limit']).toBeGreaterThan(90_000);
    },
  );

  rowOf('IPv4', 16, 'a tiny first TCP fragment, and one at offset 8: dropped', (family) => {
    const lone = new LoneStack();
    lone.stack.listenTcp({ port: 80 }, lone.now);
    expect(lone.exchange(piece(family, 0, true, counting(16), 6))).toEqual([]);
    expect(lone.exchange(piece(family, 8, false, counting(24), 6))).toEqual([]);
    expect(lone.drops).toEqual({ 'fragment-malformed': 2 });
  });

  rowOf(
    'IPv6',
    17,
    'a first fragment without its upper header: dropped, Parameter Problem code 3',
    (family) => {
      const lone = new LoneStack();
      const [answer, ...more] = lone.exchange(piece(family, 0, true, counting(16), 6));
      expect(more).toEqual([]);
      expect([answer![40], answer![41]]).toEqual([4, 3]);
      expect(lone.drops).toEqual({ 'fragment-malformed': 1 });
    },
  );

  rowOf('IPv6', 18, 'an atomic fragment with the number of an open datagram: processed alone', (family) => {
    const lone = new LoneStack();
    const [first, second, third] = cut(echo(family, 300), 104, 1);
    lone.exchange(first!);
    const message = echo(family, 20).slice(40);
    const header = ipv6FragmentHeader({ nextHeader: 58, offset: 0, more: false, identification: 1 });
    const atomic = ipv6({
      source: family.peer,
      destination: family.us,
      nextHeader: 44,
      payload: concat(header, message),
    });
    expect(lone.exchange(atomic)).toHaveLength(1);
    expect(lone.exchange(second!, third!)).toHaveLength(1);
    expect(lone.drops).toEqual({});
  });
});

function fixChecksum(packet: Uint8Array): void {
  packet[10] = packet[11] = 0;
  let sum = 0;
  for (let i = 0; i < 20; i += 2) sum += (packet[i]! << 8) | packet[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  packet[10] = (~sum >> 8) & 255;
  packet[11] = ~sum & 255;
}
