import { describe, expect } from 'vitest';
import { LoneStack } from '../../../support/lone-stack.ts';
import { concat, counting, u32 } from '../../../support/packets.ts';
import { SeededRandom } from '../../../support/random.ts';
import { threadTime } from '../../../support/thread-time.ts';
import type { Family } from './family.ts';
import { row } from './scene.ts';
import { TcpPeer, tcpPacket } from './tcp-peer.ts';

const raw = (family: Family, fields: Partial<Parameters<typeof tcpPacket>[0]>) =>
  tcpPacket({
    source: family.peer,
    destination: family.us,
    sourcePort: 4000,
    destinationPort: 80,
    flags: 'S',
    ...fields,
  });

/** A stack that listens on port 80, given one packet: what it says, and whether anything began. */
function toListener(...packets: Uint8Array[]) {
  const lone = new LoneStack();
  const listener = lone.stack.listenTcp({ port: 80 }, lone.now);
  const answers = lone.exchange(...packets).length;
  return { answers, connections: lone.stack.tcp.connectionCount, accepted: listener.accept() !== undefined };
}

const NOTHING = { answers: 0, connections: 0, accepted: false };

describe('hostile TCP segments', () => {
  row(32, 'a data offset below 5 or beyond the segment, and port 0: dropped', (family) => {
    for (const dataOffset of [0, 1, 4, 6, 15])
      expect(toListener(raw(family, { dataOffset }))).toEqual(NOTHING);
    expect(toListener(raw(family, { sourcePort: 0 }))).toEqual(NOTHING);
    expect(toListener(raw(family, { destinationPort: 0 }))).toEqual(NOTHING);
    expect(toListener(raw(family, {})).answers).toBe(1);
  });

  row(33, 'option lengths of 0, 1 and 255, and cut-off timestamps: dropped, no loop', (family) => {
    const broken = [
      [2, 0, 0, 0],
      [2, 1, 0, 0],
      [254, 255, 0, 0],
      [1, 1, 8, 10],
      [1, 1, 1, 2],
      [5, 10, 0, 0],
    ];
    for (const options of broken) {
      expect(toListener(raw(family, { options: Uint8Array.from(options) }))).toEqual(NOTHING);
      const peer = TcpPeer.established(family);
      const data = counting(10);
      expect(peer.send({ flags: 'PA', data, options: Uint8Array.from(options) })).toEqual([]);
      expect(peer.connection.readableBytes).toBe(0);
      peer.send({ flags: 'PA', data });
      expect(peer.read()).toEqual(data);
    }
  });

  row(34, 'a wrong checksum in mid-stream: dropped, and the stream stays whole', (family) => {
    const peer = TcpPeer.established(family);
    const data = counting(300);
    peer.send({ flags: 'PA', data: data.slice(0, 100) });
    for (let i = 0; i < 20; i++) {
      const packet = peer.packet({ flags: 'PA', sequence: 100, data: data.slice(100, 200) });
      packet[family.header + 20 + i * 5]! ^= 0x40;
      expect(peer.lone.exchange(packet)).toEqual([]);
    }
    peer.send({ flags: 'PA', sequence: 100, data: data.slice(100) });
    expect(peer.read()).toEqual(data);
    expect(peer.tcpDrops).toEqual({ tcp_checksum: 20 });
  });

  row(35, 'SYN+FIN, SYN+RST, all flags and none at a listener: dropped, no child, no reply', (family) => {
    for (const flags of ['SF', 'SR', 'FSRPAUEW', '', 'F', 'U', 'P', 'FPU'])
      expect(toListener(raw(family, { flags })), flags).toEqual(NOTHING);
  });

  row(36, '20,000 SYNs from everywhere: bounded, and a real client connects through cookies', (family) => {
    const lone = new LoneStack();
    const listener = lone.stack.listenTcp({ port: 80, backlog: 128 }, lone.now);
    const random = new SeededRandom(3);
    let [answered, bytes] = [0, 0];
    for (let i = 0; i < 20_000; i++) {
      const host = random.below(60_000) + 300;
      const source =
        family.name === 'IPv4' ? `10.7.${host >> 8}.${host & 255}` : `fd07:0:0:${host.toString(16)}::1`;
      const syn = raw(family, {
        source,
        sequence: random.below(1 << 30),
        sourcePort: 1 + random.below(65_000),
      });
      for (const answer of lone.exchange(syn)) {
        answered++;
        bytes = Math.max(bytes, answer.length - syn.length);
      }
    }
    expect(lone.stack.tcp.connectionCount).toBe(0);
    expect(answered).toBeLessThanOrEqual(20_000);
    expect(bytes).toBeLessThanOrEqual(60);
    const peer = new TcpPeer(family, { mss: 1300 }, lone);
    peer.connect();
    peer.send({ flags: 'PA', data: counting(5) });
    peer.connection = listener.accept()!;
    expect(peer.connection.state).toBe('ESTABLISHED');
    expect(peer.read()).toEqual(counting(5));
  });

  row(37, '20,000 ACKs with guessed cookies: no connection, and no more resets than the limit', (family) => {
    const lone = new LoneStack();
    const listener = lone.stack.listenTcp({ port: 80, backlog: 16 }, lone.now);
    const random = new SeededRandom(4);
    // Cookies are being handed out.
    for (let i = 0; i < 1000; i++) lone.exchange(raw(family, { sourcePort: 1 + i, sequence: i }));
    let resets = 0;
    for (let i = 0; i < 20_000; i++) {
      lone.now += 0.05;
      const guess = { flags: 'A', sequence: random.below(1 << 30), acknowledgment: random.below(1 << 30) };
      resets += lone.exchange(raw(family, { ...guess, sourcePort: 2000 + random.below(60_000) })).length;
    }
    expect(listener.accept()).toBeUndefined();
    expect(lone.stack.tcp.connectionCount).toBe(0);
    // One second: the limit's burst and its rate.
    expect(resets).toBeLessThanOrEqual(400);
  });

  row(38, 'an MSS of 0, 1 or 65,535, or none: 48, 48, what the MTU allows, 536 or 1220', (family) => {
    const mssOf = (mss: number | undefined) => TcpPeer.established(family, { mss }).connection.info().mss;
    expect(mssOf(0)).toBe(48);
    expect(mssOf(1)).toBe(48);
    expect(mssOf(65_535)).toBe(1420 - family.header - 20);
    expect(mssOf(undefined)).toBe(family.name === 'IPv4' ? 536 : 1220);
    // And data flows in such crumbs.
    const peer = TcpPeer.established(family, { mss: 1 });
    peer.connection.write(counting(100));
    const sent = peer.poll();
    expect(Math.max(...sent.map(({ data }) => data.length))).toBe(48);
  });

  row(39, 'a window scale of 15 or 255: taken for 14', (family) => {
    for (const windowScale of [15, 255])
      expect(TcpPeer.established(family, { windowScale }).connection.info().windowScale.send).toBe(14);
  });
});

describe('hostile numbers', () => {
  row(40, 'a reset in the window that is not exact: challenged, and alive', (family) => {
    const peer = TcpPeer.established(family);
    const [challenge, ...more] = peer.send({ flags: 'R', sequence: 100 });
    expect(more).toEqual([]);
    expect(challenge).toMatchObject({ flags: 'A', sequence: 0, acknowledgment: 0 });
    expect(peer.connection.state).toBe('ESTABLISHED');
    // Outside of it: nothing at all.
    expect(peer.send({ flags: 'R', sequence: -1 })).toEqual([]);
    expect(peer.send({ flags: 'R', sequence: 100_000_000 })).toEqual([]);
    expect(peer.connection.state).toBe('ESTABLISHED');
  });

  row(41, 'an exact reset: the connection is reset, once', (family) => {
    const peer = TcpPeer.established(family);
    const ends: (string | undefined)[] = [];
    peer.connection.observer = {
      connected: () => {},
      readable: () => {},
      writable: () => {},
      closed: (error) => ends.push(error?.code),
    };
    expect(peer.send({ flags: 'R' }, { flags: 'R' })).toEqual([]);
    expect(ends).toEqual(['ERR_CONNECTION_RESET']);
    expect(peer.connection.state).toBe('CLOSED');
  });

  row(
    42,
    'a SYN in an established connection, whatever its number: challenged, within the limit',
    (family) => {
      const peer = TcpPeer.established(family);
      let challenges = 0;
      for (let i = 0; i < 100; i++)
        challenges += peer.send({ flags: 'S', sequence: (i * 0x3b9a_ca07) | 0 }).length;
      expect(challenges).toBe(1);
      peer.lone.now += 500;
      expect(peer.send({ flags: 'S', sequence: -1 })).toMatchObject([{ flags: 'A' }]);
      expect(peer.connection.state).toBe('ESTABLISHED');
    },
  );

  row(
    43,
    'data with an ACK of what was never sent, or of long ago: challenged, the data not taken',
    (family) => {
      const data = counting(20);
      for (const acknowledgment of [101, 1 << 30, -70_000]) {
        const peer = TcpPeer.established(family);
        peer.connection.write(counting(100));
        peer.poll();
        expect(peer.send({ flags: 'PA', acknowledgment, data })).toMatchObject([
          { flags: 'A', acknowledgment: 0 },
        ]);
        expect(peer.send({ flags: 'PA', acknowledgment, data })).toEqual([]);
        expect(peer.connection.readableBytes).toBe(0);
        peer.send({ flags: 'PA', acknowledgment: 100, data });
        expect(peer.read()).toEqual(data);
      }
    },
  );

  const blocks =
    (...ranges: [number, number][]) =>
    (peer: TcpPeer) =>
      concat(
        Uint8Array.of(1, 1, 5, 2 + 8 * ranges.length),
        ...ranges.flatMap(([start, end]) => [
          u32((peer.iss + 1 + start) >>> 0),
          u32((peer.iss + 1 + end) >>> 0),
        ]),
      );

  row(
    44,
    'SACK blocks reversed, empty, beyond what was sent, and 10,000 tiny ones: ignored, bounded work',
    (family) => {
      const peer = TcpPeer.established(family, { sack: true, windowScale: 7, window: 8000 });
      peer.connection.write(new Uint8Array(200_000));
      const first = peer.poll();
      const before = peer.connection.info();
      const { length } = first[0]!.data;
      for (const make of [
        blocks([3 * length, 2 * length]),
        blocks([length, length]),
        blocks([1_000_000, 1_000_100]),
        blocks([-5000, -10]),
        blocks([0x7fff_0000, -0x7fff_0000]),
      ])
        peer.send({ flags: 'A', options: make(peer) });
      expect(peer.connection.info()).toMatchObject({ retransmits: 0, cwnd: before.cwnd });
      const startedAt = threadTime();
      for (let i = 0; i < 10_000; i++) {
        const at = 2 + ((i * 7) % (length * 8));
        peer.send({ flags: 'A', options: blocks([at, at + 1])(peer) });
      }
      expect((threadTime() - startedAt) / 10_000).toBeLessThan(2);
      // No whole segment was reported: none is taken for lost by that.
      peer.send({ flags: 'A', acknowledgment: first.reduce((sum, { data }) => sum + data.length, 0) });
      expect(peer.connection.state).toBe('ESTABLISHED');
    },
  );

  row(45, 'optimistic ACKs of what was never sent: challenged, no growth', (family) => {
    const peer = TcpPeer.established(family);
    peer.connection.write(new Uint8Array(100_000));
    const sent = peer.poll().reduce((sum, { data }) => sum + data.length, 0);
    const { cwnd } = peer.connection.info();
    let challenges = 0;
    for (let i = 1; i <= 100; i++)
      challenges += peer.send({ flags: 'A', acknowledgment: sent + i * 100 }).length;
    expect(challenges).toBe(1);
    expect(peer.connection.info()).toMatchObject({ cwnd, bytesAcknowledged: 0 });
  });

  row(46, 'ACKs of one byte each: the window grows by bytes, not by ACKs', (family) => {
    const peer = TcpPeer.established(family);
    peer.connection.write(new Uint8Array(400_000));
    peer.poll();
    const { cwnd } = peer.connection.info();
    for (let i = 1; i <= 1000; i++) peer.send({ flags: 'A', acknowledgment: i });
    expect(peer.connection.info().cwnd).toBeLessThanOrEqual(cwnd + 1000);
  });

  row(47, 'a flood of duplicate ACKs: what leaves because of them is bounded', (family) => {
    /** Bytes that left at once, and those that 5,000 duplicates drew out. */
    const drawn = (sack: boolean) => {
      const peer = TcpPeer.established(family, { sack });
      peer.connection.write(new Uint8Array(400_000));
      const flight = peer.poll().reduce((sum, { data }) => sum + data.length, 0);
      let bytes = 0;
      for (let i = 0; i < 5000; i++)
        for (const { data } of peer.send({ flags: 'A', acknowledgment: 0 })) bytes += data.length;
      return { flight, bytes };
    };
    // Without blocks they say nothing to a sender that knows SACK.
    const told = drawn(true);
    expect(told.bytes).toBeLessThanOrEqual(told.flight);
    // One that does not must believe that something arrived; it stays within the window that was offered.
    const untold = drawn(false);
    expect(untold.flight + untold.bytes).toBeLessThanOrEqual(65_535 + 2 * 1380);
  });
});

describe('hostile segments out of order and out of time', () => {
  row(48, 'one byte at every second place of the window: bounded ranges and memory, few ACKs', (family) => {
    const peer = TcpPeer.established(family, { sack: true });
    let acks = 0;
    for (let at = 1; at < 60_000; at += 2) {
      peer.lone.receive(peer.packet({ flags: 'A', sequence: at, data: Uint8Array.of(at & 255) }));
      if (at % 2001 === 0) acks += peer.poll().length;
    }
    acks += peer.poll().length;
    expect(acks).toBeLessThan(3000);
    expect(peer.connection.readableBytes).toBe(0);
    expect(peer.lone.stack.tcp.pages.used * 4096).toBeLessThanOrEqual(128 << 10);
    // The gaps are filled by an honest retransmission.
    const data = Uint8Array.from({ length: 60_000 }, (_, i) => i & 255);
    for (let at = 0; at < data.length; at += 1000)
      peer.send({ flags: 'PA', sequence: at, data: data.slice(at, at + 1000) });
    expect(peer.read()).toEqual(data);
  });

  row(50, 'timestamps that jump, step back or are missing: PAWS', (family) => {
    const data = counting(10);
    const heard = (timestamp: number | false) => {
      const peer = TcpPeer.established(family, { timestamps: true });
      peer.send({ flags: 'PA', data, timestamp });
      return peer.connection.readableBytes > 0;
    };
    expect(heard(5000)).toBe(true);
    expect(heard(5001)).toBe(true);
    expect(heard(5000 + (1 << 30))).toBe(true);
    expect(heard(4999)).toBe(false);
    expect(heard(0)).toBe(false);
    expect(heard(false)).toBe(false);
  });

  row(51, 'an old duplicate after the numbers have wrapped: dropped by PAWS', (family) => {
    const peer = TcpPeer.established(family, { timestamps: true, isn: 0xffff_ff00 });
    const data = counting(200);
    peer.send({ flags: 'PA', data });
    peer.tsVal += 1000;
    peer.send({ flags: 'PA', sequence: 200, data });
    expect(peer.read()).toHaveLength(400);
    // The same place in the numbers, a whole circle ago.
    const [answer] = peer.send({ flags: 'PA', sequence: 400, data, timestamp: 4000 });
    expect(answer).toMatchObject({ flags: 'A', acknowledgment: 400 });
    expect(peer.connection.readableBytes).toBe(0);
  });

  row(55, 'a FIN twice at different places, and data after it: the first counts', (family) => {
    const peer = TcpPeer.established(family);
    const data = counting(10);
    peer.send({ flags: 'FA', data });
    expect(peer.connection.state).toBe('CLOSE-WAIT');
    peer.send({ flags: 'PA', sequence: 11, data });
    peer.send({ flags: 'FA', sequence: 15, data: new Uint8Array(0) });
    peer.send({ flags: 'FA', sequence: 8, data: counting(20) });
    expect(peer.read()).toEqual(data);
    expect(peer.connection.readEnded).toBe(true);
    // Out of order: the FIN is known before what leads to it.
    const early = TcpPeer.established(family);
    early.send({ flags: 'FA', sequence: 10, data: new Uint8Array(0) });
    early.send({ flags: 'FA', sequence: 5, data: new Uint8Array(0) });
    early.send({ flags: 'PA', sequence: 10, data });
    early.send({ flags: 'PA', sequence: 0, data });
    expect(early.read().length).toBeLessThanOrEqual(10);
  });

  row(56, 'segments across the right edge, and over the whole window and more: trimmed', (family) => {
    const peer = TcpPeer.established(family, { receiveBufferSize: 4096 });
    const data = counting(1000);
    for (let at = 0; at < 4000; at += 1000) peer.send({ flags: 'PA', sequence: at, data });
    peer.send({ flags: 'PA', sequence: 4000, data });
    expect(peer.connection.readableBytes).toBe(4096);
    const wide = TcpPeer.established(family, { receiveBufferSize: 4096 });
    wide.send({ flags: 'PA', sequence: -100, data: counting(8300) });
    expect(wide.read()).toEqual(counting(8300).slice(100, 4196));
  });

  row(57, 'an urgent pointer of 0, and of 65,535 beyond the data: the data stays in line', (family) => {
    for (const urgent of [0, 1, 65_535]) {
      const peer = TcpPeer.established(family);
      peer.send({ flags: 'PAU', urgent, data: counting(10) });
      peer.send({ flags: 'PA', sequence: 10, data: counting(10) });
      expect(peer.read()).toEqual(concat(counting(10), counting(10)));
    }
  });

  row(59, 'resets, data and older SYNs in TIME-WAIT: ignored or acknowledged, not reopened', (family) => {
    const peer = TcpPeer.established(family, { timestamps: true });
    const { stack } = peer.lone;
    stack.listenTcp({ port: 80 }, peer.lone.now);
    peer.connection.shutdown();
    peer.poll();
    peer.send({ flags: 'A', acknowledgment: 1 });
    peer.send({ flags: 'FA', acknowledgment: 1 });
    expect([stack.tcp.connectionCount, stack.tcp.timeWaitCount]).toEqual([0, 1]);
    expect(peer.send({ flags: 'R', sequence: 1, acknowledgment: 1 })).toEqual([]);
    expect(peer.send({ flags: 'RA', sequence: 1, acknowledgment: 1 })).toEqual([]);
    expect(stack.tcp.timeWaitCount).toBe(1);
    const acks = peer.send({ flags: 'PA', sequence: 1, acknowledgment: 1, data: counting(5) });
    for (const { flags } of acks) expect(flags).toBe('A');
    expect(peer.send({ flags: 'FA', acknowledgment: 1 })).toMatchObject([{ flags: 'A', acknowledgment: 1 }]);
    // Older by number and by timestamp.
    const old = peer.send({ flags: 'S', sequence: -5000, timestamp: 4000 });
    expect(old.every(({ flags }) => !flags.includes('S'))).toBe(true);
    expect([stack.tcp.connectionCount, stack.tcp.timeWaitCount]).toEqual([0, 1]);
  });
});
