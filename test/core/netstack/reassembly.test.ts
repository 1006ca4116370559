import { describe, expect, it } from 'vitest';
import { IpAddress } from '../../../src/core/address.ts';
import { DropCounters } from '../../../src/core/counters.ts';
import type { NetStackDrop } from '../../../src/core/netstack/drops.ts';
import { Reassembly } from '../../../src/core/netstack/reassembly.ts';
import { PacketBuffer, plainMemory } from '../../../src/core/packet-buffer.ts';
import { MINUTE, NEVER } from '../../../src/core/time.ts';
import { fromHex } from '../../support/hex.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import {
  concat,
  counting,
  cut,
  fragment,
  icmp,
  icmpPacket,
  ipv4,
  ipv6,
  ipv6FragmentHeader,
  udpPacket,
} from '../../support/packets.ts';
import { SeededRandom } from '../../support/random.ts';

const families = [
  {
    name: 'IPv4',
    us: OUR_V4,
    peer: PEER_V4,
    request: 8,
    reply: 0,
    exceeded: 11,
    header: 20,
    most: 65_507,
  },
  {
    name: 'IPv6',
    us: OUR_V6,
    peer: PEER_V6,
    request: 128,
    reply: 129,
    exceeded: 3,
    header: 40,
    most: 65_527,
  },
] as const;

/** The data of the one echo reply that `packets` are, put together plainly. */
function echoed(packets: Uint8Array[], header: number): Uint8Array {
  if (packets.length === 1) return packets[0]!.slice(header + 8);
  const skip = header === 20 ? 20 : 48;
  return concat(...packets.map((packet) => packet.slice(skip))).slice(8);
}

for (const { name, us, peer, request, reply, exceeded, header, most } of families) {
  describe(`reassembly over ${name}`, () => {
    const echo = (size: number) =>
      icmpPacket({ source: peer, destination: us, type: request, rest: 7, data: counting(size) });
    const piece = (offset: number, more: boolean, payload: Uint8Array) =>
      fragment({
        source: peer,
        destination: us,
        protocol: name === 'IPv4' ? 1 : 58,
        identification: 1,
        offset,
        more,
        payload,
      });
    /** Three fragments, of 104, 104 and 100 bytes: an echo request with 300 bytes of data. */
    const three = (identification = 1) => cut(echo(300), 104, identification);

    it('puts fragments together in any order', () => {
      const orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
      ];
      for (const order of orders) {
        const lone = new LoneStack();
        const fragments = three();
        const answers = lone.exchange(...order.map((i) => fragments[i]!));
        expect(answers).toHaveLength(1);
        expect(answers[0]!.slice(header)).toEqual(
          icmp({ source: us, destination: peer, type: reply, rest: 7, data: counting(300) }),
        );
        expect(lone.drops).toEqual({});
        expect(lone.stack.pollAt()).toBe(NEVER);
      }
    });

    it(`answers an echo of ${most} bytes, in fragments both ways`, () => {
      const lone = new LoneStack();
      const fragments = cut(echo(most), 1360, 9);
      for (const fragment of fragments.reverse()) lone.receive(fragment);
      const answers = lone.exchange();
      expect(answers.length).toBe(Math.ceil((most + 8) / (header === 20 ? 1400 : 1368)));
      expect(echoed(answers, header)).toEqual(counting(most));
      expect(lone.drops).toEqual({});
    });

    it('keeps datagrams apart by identification and by source', () => {
      const lone = new LoneStack();
      const other = name === 'IPv4' ? '10.0.0.9' : 'fd00::9';
      const elsewhere = cut(
        icmpPacket({ source: other, destination: us, type: request, data: counting(300) }),
        104,
        1,
      );
      const [a, b] = [three(1), three(2)];
      for (let i = 0; i < 3; i++) for (const from of [a, b, elsewhere]) lone.receive(from[i]!);
      expect(lone.exchange()).toHaveLength(3);
    });

    it('tolerates an exact duplicate', () => {
      const lone = new LoneStack();
      const [first, second, third] = three();
      expect(lone.exchange(first!, second!, second!, first!, third!)).toHaveLength(1);
      expect(lone.drops).toEqual({ 'fragment-duplicate': 2 });
    });

    it('discards a datagram whose fragments overlap, and what else comes of it', () => {
      const whole = echo(300).slice(header);
      const range = ([start, end]: number[]) => piece(start!, end! < whole.length, whole.slice(start, end));
      const attacks = [
        '0-104 96-208 208-308',
        '96-208 0-104 208-308',
        '0-208 104-200 208-308',
        '104-200 0-208 208-308',
        '0-104 0-96 104-308',
        '0-104 104-208 200-308',
      ];
      for (const attack of attacks) {
        const lone = new LoneStack();
        const ranges = attack.split(' ').map((text) => range(text.split('-').map(Number)));
        expect(lone.exchange(...ranges)).toEqual([]);
        expect(lone.drops).toEqual({ 'fragment-overlap': expect.any(Number) });
        // Even all the right fragments come too late now, until the timeout has passed.
        expect(lone.exchange(...three())).toEqual([]);
        lone.now += MINUTE;
        lone.poll();
        expect(lone.exchange(...three())).toHaveLength(1);
      }
    });

    it('discards a datagram with two ends, or with data after its end', () => {
      const end = (offset: number, length: number, more: boolean) => piece(offset, more, counting(length));
      for (const pair of [
        [end(800, 8, false), end(900 - 4, 8, false)],
        [end(800, 8, false), end(1000, 8, true)],
        [end(1000, 8, true), end(800, 8, false)],
      ]) {
        const lone = new LoneStack();
        lone.exchange(...pair);
        expect(lone.drops).toEqual({ 'fragment-overlap': 1 });
      }
    });

    it('gives up after a minute, and says so to the sender if the first fragment came', () => {
      const lone = new LoneStack();
      const [first, second] = three();
      lone.exchange(second!);
      expect(lone.stack.pollAt()).toBe(lone.now + MINUTE);
      lone.now += 5;
      lone.exchange(first!);
      lone.now += MINUTE - 6;
      expect(lone.exchange()).toEqual([]);
      lone.now += 1;
      const [answer, ...more] = lone.exchange();
      expect(more).toEqual([]);
      expect(answer!.slice(header)).toEqual(
        icmp({ source: us, destination: peer, type: exceeded, code: 1, data: first! }),
      );
      expect(lone.drops).toEqual({ 'fragment-timeout': 1 });
      expect(lone.stack.pollAt()).toBe(NEVER);
    });

    it('gives up in silence without the first fragment, or if it was an ICMP error', () => {
      const lone = new LoneStack();
      lone.receive(three()[1]!);
      const type = name === 'IPv4' ? 3 : 1;
      const error = icmpPacket({ source: peer, destination: us, type, data: counting(300) });
      lone.receive(cut(error, 104, 2)[0]!);
      lone.now += MINUTE;
      expect(lone.exchange()).toEqual([]);
      expect(lone.drops).toEqual({ 'fragment-timeout': 2 });
    });

    it('drops fragments of impossible sizes', () => {
      const lone = new LoneStack();
      lone.receive(piece(0, true, counting(12)));
      lone.receive(piece(8, true, counting(0)));
      lone.receive(piece(8, false, counting(0)));
      // "Ping of death": the last one ends beyond what any datagram can hold.
      lone.receive(piece(65_528, false, counting(100)));
      // IPv6 has the sender told (RFC 8200 §4.5), unless it may be about an ICMP error.
      expect(lone.exchange()).toHaveLength(name === 'IPv4' ? 0 : 1);
      expect(lone.drops).toEqual({ 'fragment-malformed': 4 });
      expect(lone.stack.pollAt()).toBe(NEVER);
    });

    it('discards what a ping of death belongs to', () => {
      const lone = new LoneStack();
      const [first, second, third] = three();
      const last = piece(65_528, false, counting(100));
      lone.exchange(first!, last);
      expect(lone.exchange(second!, third!)).toEqual([]);
    });

    it('takes at most 64 fragments of a datagram', () => {
      const lone = new LoneStack();
      expect(lone.exchange(...cut(echo(64 * 8 - 8), 8, 1))).toHaveLength(1);
      expect(lone.exchange(...cut(echo(65 * 8 - 8), 8, 2))).toEqual([]);
      expect(lone.drops).toEqual({ 'fragment-limit': 1 });
    });

    it('delivers a legitimate datagram in a flood of first fragments from everywhere', () => {
      const random = new SeededRandom(4);
      const lone = new LoneStack();
      const flood = () => {
        const host = random.below(65_000) + 256;
        const source = name === 'IPv4' ? `10.1.${host >> 8}.${host & 255}` : `fd01::${host.toString(16)}`;
        const packet = icmpPacket({ source, destination: us, type: request, data: counting(40) });
        lone.receive(cut(packet, 40, random.below(65_536))[0]!);
      };
      for (let i = 0; i < 2000; i++) flood();
      const [first, second, third] = three();
      lone.receive(first!);
      for (let i = 0; i < 20; i++) flood();
      lone.receive(second!);
      for (let i = 0; i < 20; i++) flood();
      expect(lone.exchange(third!)).toHaveLength(1);
    });

    it('does not let one source push out the others', () => {
      const lone = new LoneStack();
      const [first, second, third] = three();
      const other = name === 'IPv4' ? '10.0.0.9' : 'fd00::9';
      const busy = icmpPacket({ source: other, destination: us, type: request, data: counting(40) });
      lone.receive(first!);
      for (let i = 0; i < 1000; i++) lone.receive(cut(busy, 40, i)[0]!);
      expect(lone.exchange(second!, third!)).toHaveLength(1);
    });

    it('marks the whole as congested when a fragment was, and refuses what contradicts itself', () => {
      const ect = 2;
      const ce = 3;
      const marked = (marks: number[]) => {
        const lone = new LoneStack();
        const binding = lone.stack.bindUdp({ port: 53 });
        const packet = udpPacket({
          source: peer,
          destination: us,
          sourcePort: 1,
          destinationPort: 53,
          data: counting(200),
        });
        const data = packet.slice(header);
        const common = { source: peer, destination: us, protocol: 17, identification: 1 };
        const [first, second] = [data.slice(0, 104), data.slice(104)];
        lone.receive(fragment({ ...common, offset: 0, more: true, tos: marks[0], payload: first }));
        lone.receive(fragment({ ...common, offset: 104, more: false, tos: marks[1], payload: second }));
        return { received: binding.receive() !== undefined, drops: lone.drops };
      };
      expect(marked([ect, ce])).toEqual({ received: true, drops: {} });
      expect(marked([0, 0])).toEqual({ received: true, drops: {} });
      expect(marked([0, ce])).toEqual({ received: false, drops: { 'fragment-ecn': 1 } });
    });
  });
}

describe('reassembly of IPv4', () => {
  const tcp = { source: PEER_V4, destination: OUR_V4, protocol: 6, identification: 1 };

  it('keeps datagrams apart by protocol', () => {
    const lone = new LoneStack();
    const common = { source: PEER_V4, destination: OUR_V4, identification: 1 };
    const payload = icmp({ source: PEER_V4, destination: OUR_V4, type: 8, data: counting(40) });
    lone.receive(fragment({ ...common, protocol: 1, offset: 0, more: true, payload: payload.slice(0, 24) }));
    lone.receive(fragment({ ...common, protocol: 17, offset: 0, more: true, payload: counting(16) }));
    lone.receive(fragment({ ...common, protocol: 1, offset: 24, more: false, payload: payload.slice(24) }));
    expect(lone.exchange()).toHaveLength(1);
    expect(lone.drops).toEqual({});
  });

  it('remembers 512 datagrams that it refused, and forgets the oldest', () => {
    const lone = new LoneStack();
    const common = { source: PEER_V4, destination: OUR_V4, protocol: 17, more: true };
    const receive = (identification: number, offset: number) =>
      lone.receive(fragment({ ...common, identification, offset, payload: counting(16) }));
    const overlap = (identification: number) => {
      receive(identification, 0);
      receive(identification, 8);
    };
    for (let i = 0; i < 512; i++) overlap(i);
    expect(lone.drops).toEqual({ 'fragment-overlap': 512 });
    // The first is known still: another fragment of it is refused.
    receive(0, 0);
    expect(lone.drops).toEqual({ 'fragment-overlap': 513 });
    overlap(512);
    expect(lone.drops).toEqual({ 'fragment-overlap': 514 });
    receive(0, 0);
    expect(lone.drops).toEqual({ 'fragment-overlap': 514 });
  });

  it('drops TCP headers cut in two', () => {
    const lone = new LoneStack();
    lone.receive(ipv4({ ...tcp, moreFragments: true, payload: counting(16) }));
    lone.receive(ipv4({ ...tcp, offset: 8, payload: counting(16) }));
    expect(lone.exchange()).toEqual([]);
    expect(lone.drops).toEqual({ 'fragment-malformed': 2 });
  });

  it('keeps the options of the first fragment', () => {
    const lone = new LoneStack();
    const payload = icmp({ source: PEER_V4, destination: OUR_V4, type: 8, data: counting(40) });
    const common = { source: PEER_V4, destination: OUR_V4, protocol: 1, identification: 1 };
    const answers = lone.exchange(
      ipv4({ ...common, offset: 24, payload: payload.slice(24) }),
      ipv4({
        ...common,
        moreFragments: true,
        options: fromHex('94 04 00 00'),
        payload: payload.slice(0, 24),
      }),
    );
    expect(answers).toHaveLength(1);
    expect(lone.drops).toEqual({});
  });
});

describe('reassembly of IPv6', () => {
  const chained = (
    first: number,
    before: string,
    nextHeader: number,
    offset: number,
    more: boolean,
    data: Uint8Array,
  ) =>
    ipv6({
      source: PEER_V6,
      destination: OUR_V6,
      nextHeader: first,
      payload: concat(
        fromHex(before),
        ipv6FragmentHeader({ nextHeader, offset, more, identification: 1 }),
        data,
      ),
    });
  const message = icmp({ source: PEER_V6, destination: OUR_V6, type: 128, data: counting(40) });

  it('keeps extension headers before the fragment header, and reads those after it', () => {
    const lone = new LoneStack();
    const data = concat(fromHex('3a 00 01 04 00000000'), message);
    const hopByHop = '2c 00 1e 04 00000000';
    const answers = lone.exchange(
      chained(0, hopByHop, 60, 24, false, data.slice(24)),
      chained(0, hopByHop, 60, 0, true, data.slice(0, 24)),
    );
    expect(answers).toHaveLength(1);
    expect(answers[0]!.slice(48)).toEqual(counting(40));
    expect(lone.drops).toEqual({});
  });

  it('takes the next header from the first fragment', () => {
    const lone = new LoneStack();
    const answers = lone.exchange(
      chained(44, '', 17, 24, false, message.slice(24)),
      chained(44, '', 58, 0, true, message.slice(0, 24)),
    );
    expect(answers).toHaveLength(1);
  });

  it('drops a first fragment that does not show all headers', () => {
    const lone = new LoneStack();
    lone.receive(chained(44, '', 6, 0, true, counting(16)));
    lone.receive(chained(44, '', 60, 0, true, fromHex('3a 01 01 04 00000000')));
    lone.receive(chained(44, '', 60, 0, true, fromHex('3a 00 01 04 00000000')));
    // Two of them might be ICMP errors.
    expect(lone.exchange()).toHaveLength(1);
    expect(lone.drops).toEqual({ 'fragment-malformed': 3 });
  });

  it('processes an atomic fragment alone, even with the identification of another datagram', () => {
    const lone = new LoneStack();
    lone.receive(chained(44, '', 58, 0, true, message.slice(0, 24)));
    expect(lone.exchange(chained(44, '', 58, 0, false, message))).toHaveLength(1);
    expect(lone.exchange(chained(44, '', 58, 24, false, message.slice(24)))).toHaveLength(1);
    expect(lone.drops).toEqual({});
  });

  it('drops fragments within fragments', () => {
    const lone = new LoneStack();
    const inner = concat(
      ipv6FragmentHeader({ nextHeader: 58, offset: 0, more: false, identification: 2 }),
      message,
    );
    expect(lone.exchange(chained(44, '', 44, 0, false, inner))).toEqual([]);
    lone.receive(chained(44, '', 44, 0, true, inner.slice(0, 24)));
    expect(lone.exchange(chained(44, '', 44, 24, false, inner.slice(24)))).toEqual([]);
    expect(lone.drops).toEqual({ 'fragment-malformed': 2 });
  });
});

/** First fragments, by source and identification; how many of them are given up when another comes. */
class Incomplete {
  readonly #memory = plainMemory();
  readonly #drops = new DropCounters<NetStackDrop>();
  readonly #packet = new PacketBuffer(this.#memory, this.#memory.ingress);
  readonly #reassembly = new Reassembly(this.#drops, () => {});

  /** Where the fragment lies decides whether the datagram needs much memory. */
  begin(host: number, identification: number, isLarge = false): number {
    const before = this.#drops.of('fragment-limit');
    this.#receive(host, identification, isLarge ? 60_000 : 8, true);
    return this.#drops.of('fragment-limit') - before;
  }

  /** Whether the rest of a small one makes it whole. */
  completes(host: number, identification: number): boolean {
    this.#receive(host, identification, 0, true);
    return this.#receive(host, identification, 16, false);
  }

  #receive(host: number, identification: number, offset: number, moreFragments: boolean): boolean {
    const source = `10.1.${host >> 8}.${host & 255}`;
    const payload = counting(8);
    const rest = { destination: OUR_V4, protocol: 17 };
    this.#packet.copyFrom(ipv4({ source, ...rest, identification, offset, moreFragments, payload }));
    const whole = this.#reassembly.receiveIpv4(this.#packet, 0);
    if (whole) this.#reassembly.release(whole);
    return whole !== undefined;
  }
}

describe('what is held of datagrams', () => {
  it('is 64 of one source, and of the next the oldest pays', () => {
    const incomplete = new Incomplete();
    for (let i = 0; i < 64; i++) expect(incomplete.begin(1, i)).toBe(0);
    expect(incomplete.begin(1, 64)).toBe(1);
    expect([incomplete.completes(1, 1), incomplete.completes(1, 0)]).toEqual([true, false]);
  });

  it('is 1 MiB of one source, where they are large', () => {
    const incomplete = new Incomplete();
    for (let i = 0; i < 15; i++) expect(incomplete.begin(1, i, true)).toBe(0);
    expect(incomplete.begin(1, 15, true)).toBe(1);
    expect(incomplete.begin(2, 0, true)).toBe(0);
  });

  it('is 4 MiB of all, then the oldest go until it is 3 MiB', () => {
    const incomplete = new Incomplete();
    for (let i = 0; i < 63; i++) expect(incomplete.begin(i, 0, true)).toBe(0);
    expect(incomplete.begin(63, 0, true)).toBe(17);
    for (let i = 0; i < 16; i++) expect(incomplete.begin(64 + i, 0, true)).toBe(0);
    expect(incomplete.begin(80, 0, true)).toBe(17);
  });

  it('is counted as large once it has become so', () => {
    const incomplete = new Incomplete();
    for (let i = 0; i < 63; i++) incomplete.begin(i, 0);
    for (let i = 0; i < 63; i++) expect(incomplete.begin(i, 0, true)).toBe(0);
    expect(incomplete.begin(63, 0)).toBe(0);
    expect(incomplete.begin(63, 0, true)).toBeGreaterThan(10);
    expect(incomplete.begin(62, 1, true)).toBe(0);
  });
});

it('holds at most 4 MiB, whoever sends what', () => {
  const memory = plainMemory();
  const drops = new DropCounters<NetStackDrop>();
  const reassembly = new Reassembly(drops, () => {});
  const packet = new PacketBuffer(memory, memory.ingress);
  const random = new SeededRandom(1);
  let most = 0;
  for (let i = 0; i < 100_000; i++) {
    const source = new IpAddress(Uint8Array.of(10, random.below(256), random.below(256), random.below(4)));
    const bytes = ipv4({
      source: source.toString(),
      destination: OUR_V4,
      protocol: 17,
      identification: random.below(65_536),
      offset: random.below(3) * 8,
      moreFragments: random.below(4) > 0,
      payload: counting(8),
    });
    packet.copyFrom(bytes);
    const whole = reassembly.receiveIpv4(packet, i);
    if (whole) reassembly.release(whole);
    most = Math.max(most, reassembly.heldBytes);
  }
  expect(most).toBeGreaterThan(3 * 1024 * 1024);
  expect(most).toBeLessThanOrEqual(4 * 1024 * 1024);
  reassembly.poll(100_000 + MINUTE);
  expect(reassembly.heldBytes).toBeLessThan(5 * 66 * 1024);
  expect(reassembly.pollAt()).toBe(NEVER);
});
