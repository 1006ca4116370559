import { describe, expect, it } from 'vitest';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import {
  concat,
  counting,
  fragment,
  icmp,
  icmpPacket,
  ipPacket,
  ipv4,
  ipv6,
  udp,
  udpPacket,
} from '../../support/packets.ts';

const families = [
  {
    name: 'IPv4',
    us: OUR_V4,
    peer: PEER_V4,
    request: 8,
    reply: 0,
    unreachable: 3,
    portCode: 3,
    header: 20,
    protocol: 1,
    other: '10.0.0.77',
    prefix: 24,
  },
  {
    name: 'IPv6',
    us: OUR_V6,
    peer: PEER_V6,
    request: 128,
    reply: 129,
    unreachable: 1,
    portCode: 4,
    header: 40,
    protocol: 58,
    other: 'fd00::77',
    prefix: 64,
  },
] as const;

for (const family of families) {
  const { us, peer, prefix, request, reply, unreachable, portCode, header, protocol } = family;
  const toUs = { source: peer, destination: us };
  const toPeer = { source: us, destination: peer };
  const echo = (rest: number, data: Uint8Array, source: string = peer) =>
    icmpPacket({ source, destination: us, type: request, rest, data });

  describe(`echo over ${family.name}`, () => {
    it('answers with the same identifier, sequence and data', () => {
      const lone = new LoneStack();
      const [answer, ...more] = lone.exchange(echo(0x1234_0007, counting(57)));
      expect(more).toEqual([]);
      expect(answer!.slice(header)).toEqual(
        icmp({ ...toPeer, type: reply, rest: 0x1234_0007, data: counting(57) }),
      );
    });

    it('answers an empty one', () => {
      const [answer] = new LoneStack().exchange(echo(1, new Uint8Array(0)));
      expect(answer!.slice(header)).toEqual(icmp({ ...toPeer, type: reply, rest: 1 }));
    });

    it('answers from the address that was asked', () => {
      const addressLength = header === 20 ? 4 : 16;
      const lone = new LoneStack({ addresses: [`${us}/${prefix}`, `${family.other}/${prefix}`] });
      const packet = icmpPacket({ source: peer, destination: family.other, type: request });
      const [answer] = lone.exchange(packet);
      expect(answer!.slice(header)).toEqual(icmp({ source: family.other, destination: peer, type: reply }));
      const addresses = header - 2 * addressLength;
      expect(answer!.slice(addresses, addresses + addressLength)).toEqual(
        packet.slice(header - addressLength, header),
      );
    });

    it('keeps the DSCP of the request, but not its ECN bits', () => {
      const payload = icmp({ ...toUs, type: request });
      const packet =
        header === 20
          ? ipv4({ ...toUs, protocol, tos: 0xbb, payload })
          : ipv6({ ...toUs, nextHeader: protocol, trafficClass: 0xbb, payload });
      const [answer] = new LoneStack().exchange(packet);
      const tos = header === 20 ? answer![1]! : ((answer![0]! << 4) | (answer![1]! >> 4)) & 255;
      expect(tos).toBe(0xb8);
    });

    it('answers at most 50 at once and 1,000 a second', () => {
      const lone = new LoneStack();
      const flood = Array.from({ length: 200 }, (_, i) => echo(i, new Uint8Array(0)));
      expect(lone.exchange(...flood)).toHaveLength(50);
      expect(lone.drops).toEqual({ 'echo-limit': 150 });
      let answers = 0;
      for (let i = 0; i < 1000; i++) {
        lone.now += 1;
        answers += lone.exchange(echo(i, new Uint8Array(0)), echo(i, new Uint8Array(0))).length;
      }
      expect(answers).toBe(1000);
    });

    it('answers at most 256 KiB at once and 1 MB a second', () => {
      const lone = new LoneStack({ mtu: 9000 });
      let bytes = 0;
      for (let i = 0; i < 2000; i++) {
        lone.now += 1;
        for (const answer of lone.exchange(echo(i, new Uint8Array(8000)))) bytes += answer.length - header;
      }
      expect(bytes).toBeGreaterThan(2_200_000);
      expect(bytes).toBeLessThanOrEqual(2_000_000 + 256 * 1024);
    });

    it('does not answer while the way out is full', () => {
      const lone = new LoneStack();
      lone.congested = true;
      expect(lone.exchange(echo(1, counting(8)))).toEqual([]);
      expect(lone.drops).toEqual({ congested: 1 });
      lone.takesShort = true;
      expect(lone.exchange(echo(2, counting(8)))).toHaveLength(1);
      expect(lone.exchange(echo(3, counting(300)))).toEqual([]);
    });

    it('drops a reply that nobody waits for', () => {
      const lone = new LoneStack();
      expect(lone.exchange(icmpPacket({ ...toUs, type: reply, rest: 5 }))).toEqual([]);
      expect(lone.drops).toEqual({ 'echo-reply-unknown': 1 });
    });
  });

  describe(`port unreachable over ${family.name}`, () => {
    const closed = (sourcePort: number, data = counting(4), source: string = peer) =>
      udpPacket({ source, destination: us, sourcePort, destinationPort: 7, data });

    it('quotes the packet to the sender', () => {
      const lone = new LoneStack();
      const packet = closed(4000);
      const [answer, ...more] = lone.exchange(packet);
      expect(more).toEqual([]);
      expect(answer!.slice(header)).toEqual(
        icmp({ ...toPeer, type: unreachable, code: portCode, data: packet }),
      );
      expect(lone.drops).toEqual({ 'udp-port-closed': 1 });
    });

    it('quotes as much as fits into 576 or 1280 bytes', () => {
      const packet = closed(4000, counting(1350));
      const [answer] = new LoneStack().exchange(packet);
      const most = header === 20 ? 576 : 1280;
      expect(answer).toHaveLength(most);
      expect(answer!.slice(header)).toEqual(
        icmp({ ...toPeer, type: unreachable, code: portCode, data: packet.slice(0, most - header - 8) }),
      );
    });

    it('does not quote the padding that WireGuard added', () => {
      const packet = closed(4000);
      const [answer] = new LoneStack().exchange(concat(packet, new Uint8Array(16)));
      expect(answer).toHaveLength(header + 8 + packet.length);
    });

    it('tells one sender at most 10 at once and 10 a second', () => {
      const lone = new LoneStack();
      const scan = Array.from({ length: 100 }, (_, i) => closed(1000 + i));
      expect(lone.exchange(...scan)).toHaveLength(10);
      expect(lone.drops).toEqual({ 'udp-port-closed': 100, 'icmp-error-limit': 90 });
      lone.now += 1000;
      expect(lone.exchange(...scan)).toHaveLength(10);
    });

    it('tells all senders together at most 50 at once, an unknown number fewer', () => {
      const counts = new Set<number>();
      for (let seed = 1; seed <= 20; seed++) {
        const lone = new LoneStack({ seed });
        const scan = Array.from({ length: 200 }, (_, i) =>
          closed(1000, counting(4), header === 20 ? `10.1.${i}.1` : `fd00:0:0:${i + 1}::1`),
        );
        counts.add(lone.exchange(...scan).length);
      }
      expect(Math.max(...counts)).toBeLessThanOrEqual(50);
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(16);
      expect(counts.size).toBeGreaterThan(2);
    });

    it('says nothing while the way out is full', () => {
      const lone = new LoneStack();
      lone.congested = true;
      expect(lone.exchange(closed(4000))).toEqual([]);
    });
  });

  describe(`errors over ${family.name} find the socket by the quoted packet`, () => {
    const error = (data: Uint8Array, code: number = portCode) =>
      icmpPacket({ ...toUs, type: unreachable, code, data });
    const quotes: [string, Uint8Array][] = [
      ['a port that nobody has', udpPacket({ ...toPeer, sourcePort: 9, destinationPort: 53 })],
      ['a packet that was not from us', udpPacket({ ...toUs, sourcePort: 9, destinationPort: 53 })],
      ['an ICMP error', icmpPacket({ ...toPeer, type: unreachable, data: counting(48) })],
      ['an echo request that was not ours', icmpPacket({ ...toPeer, type: request, rest: 5 })],
      ['an echo reply', icmpPacket({ ...toPeer, type: reply, rest: 5 })],
      ['a protocol that we do not speak', ipPacket(us, peer, 47, counting(8))],
      ['7 bytes of UDP', ipPacket(us, peer, 17, counting(7))],
      ['half an IP header', ipPacket(us, peer, 17, counting(8)).slice(0, header / 2)],
      [
        'the other IP version',
        header === 20
          ? ipv6({ source: OUR_V6, destination: PEER_V6, nextHeader: 17, payload: counting(8) })
          : ipv4({ source: OUR_V4, destination: PEER_V4, protocol: 17, payload: counting(8) }),
      ],
      ['nothing', new Uint8Array(0)],
    ];
    it('not one that quotes another’s packet with a port that we have too', () => {
      const lone = new LoneStack();
      lone.stack.bindUdp({ port: 9 });
      lone.receive(error(udpPacket({ ...toPeer, sourcePort: 9, destinationPort: 53 })));
      expect(lone.drops).toEqual({});
      const others = { source: family.other, destination: peer };
      lone.receive(error(udpPacket({ ...others, sourcePort: 9, destinationPort: 53 })));
      expect(lone.drops).toEqual({ 'icmp-quote': 1 });
    });

    it('not one that quotes a later fragment, which shows no ports', () => {
      const lone = new LoneStack();
      lone.stack.bindUdp({ port: 9 });
      const data = udp({ ...toPeer, sourcePort: 9, destinationPort: 53 });
      const quote = (offset: number) =>
        fragment({ ...toPeer, protocol: 17, identification: 1, offset, more: true, payload: data });
      lone.receive(error(quote(0)));
      expect(lone.drops).toEqual({});
      lone.receive(error(quote(8)));
      expect(lone.drops).toEqual({ 'icmp-quote': 1 });
    });

    for (const [name, quote] of quotes) {
      it(`not one that quotes ${name}`, () => {
        const lone = new LoneStack();
        expect(lone.exchange(error(quote))).toEqual([]);
        expect(lone.drops).toEqual({ 'icmp-quote': 1 });
      });
    }
  });
}

it('never answers an error, not even one that cannot be right', () => {
  const lone = new LoneStack();
  const quote = udpPacket({ source: OUR_V4, destination: PEER_V4, sourcePort: 1, destinationPort: 2 });
  for (const type of [3, 4, 5, 11, 12])
    for (let code = 0; code < 16; code++)
      lone.receive(icmpPacket({ source: PEER_V4, destination: OUR_V4, type, code, data: quote }));
  const quote6 = udpPacket({ source: OUR_V6, destination: PEER_V6, sourcePort: 1, destinationPort: 2 });
  for (const type of [1, 2, 3, 4, 100, 127])
    for (let code = 0; code < 8; code++)
      lone.receive(icmpPacket({ source: PEER_V6, destination: OUR_V6, type, code, data: quote6 }));
  expect(lone.exchange()).toEqual([]);
});

it('answers an IPv6 echo request to all nodes from an address of its own', () => {
  const lone = new LoneStack();
  const packet = icmpPacket({
    source: PEER_V6,
    destination: 'ff02::1',
    type: 128,
    rest: 9,
    data: counting(3),
  });
  const [answer] = lone.exchange(packet);
  expect(answer!.slice(40)).toEqual(
    icmp({ source: OUR_V6, destination: PEER_V6, type: 129, rest: 9, data: counting(3) }),
  );
});

it('counts all hosts of an IPv6 network as one when it limits errors', () => {
  const scan = (source: (i: number) => string) => {
    const lone = new LoneStack();
    for (let i = 1; i <= 15; i++)
      lone.receive(udpPacket({ source: source(i), destination: OUR_V6, sourcePort: 1, destinationPort: 7 }));
    return lone.take().length;
  };
  expect(scan((i) => `fd01::${i}`)).toBe(10);
  expect(scan((i) => `fd01:0:0:${i}::1`)).toBeGreaterThan(10);
});
