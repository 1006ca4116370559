// A stack that stands in for other hosts: what it asks about, and what it answers in their names.
import { describe, expect, it } from 'vitest';
import { IpAddress, IpPrefix } from '../../../src/core/address.ts';
import type { ForeignVerdict } from '../../../src/core/netstack/foreign.ts';
import { PacketBuffer } from '../../../src/core/packet-buffer.ts';
import { LoneStack, OUR_V4, OUR_V6, PEER_V4, PEER_V6 } from '../../support/lone-stack.ts';
import { concat, counting, cut, icmpPacket, udpPacket } from '../../support/packets.ts';
import { tcpPacket } from '../../support/tcp-packets.ts';

const [SYN, RST, ACK, FIN] = [2, 4, 16, 1];

const families = [
  {
    name: 'IPv4',
    peer: PEER_V4,
    us: OUR_V4,
    other: '203.0.113.7',
    header: 20,
    echo: [8, 0],
    unreachable: 3,
    codes: { port: 3, host: 1, prohibited: 13 },
    never: ['224.0.0.251', '255.255.255.255', '0.0.0.0', '240.0.0.1'],
  },
  {
    name: 'IPv6',
    peer: PEER_V6,
    us: OUR_V6,
    other: '2001:db8::7',
    header: 40,
    echo: [128, 129],
    unreachable: 1,
    codes: { port: 4, host: 3, prohibited: 1 },
    never: ['ff02::fb', '::', '::ffff:10.0.0.9'],
  },
] as const;

/** A stack that stands in, and what it asked. */
function gateway(verdict: ForeignVerdict) {
  const lone = new LoneStack();
  const asked: Uint8Array[] = [];
  const gate = { verdict };
  lone.stack.standIn({
    judge: (packet, header) => {
      asked.push(packet.memory.slice(header.start, packet.end));
      return gate.verdict;
    },
  });
  const listener = lone.stack.tcp.listenForOthers({});
  /** As its holder does, later. */
  const again = (bytes: Uint8Array) => {
    const copy = bytes.slice();
    const packet = new PacketBuffer(
      { bytes: copy, view: new DataView(copy.buffer) },
      { start: 0, end: copy.length },
    );
    packet.place(0, copy.length);
    lone.stack.receivePacket(packet, lone.now);
    lone.poll();
    return lone.take();
  };
  return { lone, asked, gate, listener, again };
}

describe.each(families)('standing in for hosts of $name', (family) => {
  const { peer, us, other, header, echo, unreachable, codes } = family;
  const ends = { source: peer, destination: other };
  const first = { ...ends, sourcePort: 1234, destinationPort: 80, sequence: 100, flags: SYN };
  const syn = tcpPacket(first);
  const flagsOf = (packet: Uint8Array) => packet[header + 13];
  const icmpOf = (packet: Uint8Array) => [packet[header], packet[header + 1]];
  const sourceOf = (packet: Uint8Array) =>
    IpAddress.readFrom(packet, header === 20 ? 12 : 8, header === 20 ? 4 : 6).toString();

  it('is nobody’s business while there is no guard', () => {
    const lone = new LoneStack();
    expect(lone.exchange(syn)).toEqual([]);
    expect(lone.drops).toEqual({ 'ip-destination': 1 });
  });

  it('a SYN that is held back goes unanswered, and answered later it opens a connection', () => {
    const { lone, asked, gate, listener, again } = gateway('taken');
    expect(lone.exchange(syn, syn)).toEqual([]);
    expect(asked).toEqual([syn, syn]);
    expect(lone.stack.tcp.halfOpenCount).toBe(0);

    gate.verdict = 'deliver';
    const [synAck] = again(asked[0]!);
    expect(flagsOf(synAck!)).toBe(SYN | ACK);
    expect(sourceOf(synAck!)).toBe(other);
    const iss = new DataView(synAck!.buffer).getUint32(header + 4);
    const rest = { ...ends, sourcePort: 1234, destinationPort: 80, acknowledgment: iss + 1 };
    gate.verdict = 'refuse';
    lone.exchange(tcpPacket({ ...rest, sequence: 101, flags: ACK, data: counting(10) }));
    expect(asked).toHaveLength(3);
    const connection = listener.accept()!;
    expect([String(connection.local.address), connection.local.port]).toEqual([other, 80]);
    expect(connection.readableBytes).toBe(10);
    connection.write(counting(5));
    const [data] = lone.exchange();
    expect(sourceOf(data!)).toBe(other);
    // A half that ends is no end.
    lone.exchange(tcpPacket({ ...rest, sequence: 111, flags: FIN | ACK }));
    connection.readInto(new Uint8Array(10));
    expect(connection.readEnded).toBe(true);
    expect(connection.state).toBe('CLOSE-WAIT');
  });

  it('a SYN is refused by a reset, and by ICMP where it may not go or cannot', () => {
    const { lone, gate } = gateway('refuse');
    const [reset] = lone.exchange(syn);
    expect([flagsOf(reset!), sourceOf(reset!)]).toEqual([RST | ACK, other]);
    gate.verdict = codes.prohibited;
    expect(icmpOf(lone.exchange(syn)[0]!)).toEqual([unreachable, codes.prohibited]);
    gate.verdict = codes.host;
    expect(icmpOf(lone.exchange(syn)[0]!)).toEqual([unreachable, codes.host]);
  });

  it('only SYNs are asked about; a segment of no connection is reset', () => {
    const { lone, asked } = gateway('deliver');
    const [reset] = lone.exchange(tcpPacket({ ...ends, flags: ACK, acknowledgment: 5 }));
    expect([flagsOf(reset!), asked.length]).toEqual([RST, 0]);
    const broken = syn.slice();
    broken[header + 16]! ^= 1;
    lone.exchange(broken);
    expect(asked).toHaveLength(0);
  });

  it('a listener of our own does not hear what is for others, nor the other way round', () => {
    const { lone, asked, listener } = gateway('taken');
    lone.stack.listenTcp({ port: 80 }, lone.now);
    expect(lone.exchange(syn)).toEqual([]);
    const toUs = tcpPacket({ ...ends, destination: us, destinationPort: 80, sourcePort: 9, flags: SYN });
    expect(flagsOf(lone.exchange(toUs)[0]!)).toBe(SYN | ACK);
    expect(asked).toHaveLength(1);
    expect(listener.accept()).toBeUndefined();
  });

  it('a datagram is asked about, put together from fragments, and answered from where it went', () => {
    const { lone, asked, gate } = gateway('taken');
    const datagram = { ...ends, sourcePort: 4000, destinationPort: 53, data: counting(3000) };
    lone.stack.bindUdp({ port: 53 });
    expect(lone.exchange(...cut(udpPacket(datagram), 1000, 7))).toEqual([]);
    expect(asked[0]!.slice(-3000)).toEqual(counting(3000));
    const at = (text: string, port: number) => ({ address: IpAddress.parse(text)!, port });
    lone.stack.sendUdpFor(at(other, 53), at(peer, 4000), counting(20));
    expect(lone.exchange()).toHaveLength(1);
    lone.stack.sendUdpFor(at(other, 53), at(peer, 4000), counting(20));
    const answer = { source: other, destination: peer, sourcePort: 53, destinationPort: 4000 };
    const [sent] = lone.exchange();
    expect(sent!.slice(header)).toEqual(udpPacket({ ...answer, data: counting(20) }).slice(header));
    gate.verdict = 'refuse';
    const [refused] = lone.exchange(udpPacket({ ...datagram, data: counting(9) }));
    expect(icmpOf(refused!)).toEqual([unreachable, codes.port]);
    expect(sourceOf(refused!)).toBe(other);
  });

  it('a datagram that no message holds is not sent, one that fills it is', () => {
    const { lone } = gateway('taken');
    const at = (text: string, port: number) => ({ address: IpAddress.parse(text)!, port });
    const most = header === 20 ? 65_507 : 65_527;
    lone.stack.sendUdpFor(at(other, 53), at(peer, 4000), new Uint8Array(most + 1));
    expect(lone.exchange()).toEqual([]);
    lone.stack.sendUdpFor(at(other, 53), at(peer, 4000), new Uint8Array(most));
    expect(lone.exchange().length).toBeGreaterThan(40);
  });

  it('an echo request is answered in the host’s name, or not', () => {
    const { lone, gate, asked } = gateway('deliver');
    const request = icmpPacket({ ...ends, type: echo[0], rest: 0x12340001, data: counting(56) });
    const [reply] = lone.exchange(request);
    expect([icmpOf(reply!)[0], sourceOf(reply!)]).toEqual([echo[1], other]);
    gate.verdict = 'taken';
    expect(lone.exchange(request)).toEqual([]);
    gate.verdict = codes.prohibited;
    expect(icmpOf(lone.exchange(request)[0]!)).toEqual([unreachable, codes.prohibited]);
    expect(asked).toHaveLength(3);
  });

  it('groups, nobody and everybody are no hosts', () => {
    const { lone, asked } = gateway('deliver');
    for (const destination of family.never)
      lone.exchange(udpPacket({ ...ends, destination, sourcePort: 1, destinationPort: 2 }));
    expect(asked).toHaveLength(0);
  });

  it('what a router says of a connection made in another’s name is believed', () => {
    const { lone, listener } = gateway('deliver');
    const [synAck] = lone.exchange(tcpPacket({ ...first, options: Uint8Array.of(2, 4, 5, 0x78) }));
    const iss = new DataView(synAck!.buffer).getUint32(header + 4);
    const rest = { ...ends, sourcePort: 1234, destinationPort: 80, acknowledgment: iss + 1, sequence: 101 };
    lone.exchange(tcpPacket({ ...rest, flags: ACK }));
    const connection = listener.accept()!;
    connection.write(counting(5000));
    const [full] = lone.exchange();
    expect(full!.length).toBeGreaterThan(1400);
    const [type, code, next] = header === 20 ? [3, 4, 1300] : [2, 0, 1300];
    lone.exchange(
      icmpPacket({ source: peer, destination: us, type, code, rest: next, data: full!.slice(0, header + 8) }),
    );
    expect(lone.stack.pathMtu(IpAddress.parse(peer)!)).toBe(1300);
  });

  it('what a router says of a datagram sent in another’s name is believed, and only of one that was sent', () => {
    const { lone } = gateway('taken');
    const at = (text: string, port: number) => ({ address: IpAddress.parse(text)!, port });
    const tooBig = (quote: Uint8Array) => {
      const [type, code] = header === 20 ? [3, 4] : [2, 0];
      lone.exchange(
        icmpPacket({
          source: peer,
          destination: us,
          type,
          code,
          rest: 1300,
          data: quote.slice(0, header + 8),
        }),
      );
      return lone.stack.pathMtu(IpAddress.parse(peer)!);
    };
    const ports = { sourcePort: 53, destinationPort: 4000, data: counting(1350) };
    expect(tooBig(udpPacket({ source: other, destination: peer, ...ports }))).toBe(1420);
    lone.stack.sendUdpFor(at(other, 53), at(peer, 4000), counting(1350));
    const [sent] = lone.exchange();
    expect(tooBig(sent!)).toBe(1300);
  });

  it('another address of our own does not end what is made in others’ names', () => {
    const { lone, listener } = gateway('deliver');
    const [synAck] = lone.exchange(syn);
    const iss = new DataView(synAck!.buffer).getUint32(header + 4);
    const rest = { ...ends, sourcePort: 1234, destinationPort: 80, acknowledgment: iss + 1, sequence: 101 };
    lone.exchange(tcpPacket({ ...rest, flags: ACK }));
    expect(lone.stack.setAddresses([IpPrefix.parse('10.9.9.9/32')!])).toBe(0);
    lone.exchange();
    expect(listener.accept()!.state).toBe('ESTABLISHED');
    lone.stack.standIn(undefined);
    expect(lone.stack.setAddresses([IpPrefix.parse('10.9.9.8/32')!])).toBe(1);
  });
});

it('datagrams sent for others wait in a queue that has a bound', () => {
  const { lone } = gateway('taken');
  lone.congested = true;
  const at = (text: string, port: number) => ({ address: IpAddress.parse(text)!, port });
  for (let n = 0; n < 200; n++)
    lone.stack.sendUdpFor(at('203.0.113.7', 53), at(PEER_V4, n + 1), concat(counting(1000)));
  expect(lone.drops['udp-send-queue-full']).toBeGreaterThan(100);
  lone.congested = false;
  expect(lone.exchange().length).toBeLessThan(70);
});
