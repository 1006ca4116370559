import { describe, expect, it } from 'vitest';
import { established } from './tcp-ladder.ts';

describe('a closed window (RFC 9293 §3.8.6.1)', () => {
  it('is probed by one octet after a timeout, then ever more rarely, and kept open as long as it is answered', () => {
    const ladder = established({ window: 1000 }).run(`
      +0    write 2000
      +0    > . 1:1001(1000) ack 1
      +100  < . 1:1(0) ack 1001 win 0
      +300  > P. 1001:1002(1) ack 1
      +50   < . 1:1(0) ack 1001 win 0
      +550  > P. 1001:1002(1) ack 1
      +50   < . 1:1(0) ack 1001 win 0
      +1150 > P. 1001:1002(1) ack 1
      +50   < . 1:1(0) ack 1001 win 0`);
    // Hours later it is still there.
    let probes = 0;
    ladder.ip.outlet = (packet) => {
      probes++;
      expect(packet.end - packet.start).toBe(21);
    };
    for (let hour = 0; hour < 100; hour++) ladder.run('+120000 < . 1:1(0) ack 1001 win 0');
    expect(probes).toBeGreaterThan(95);
    expect(probes).toBeLessThan(110);
    expect(ladder.connection!.state).toBe('ESTABLISHED');
  });

  it('that opens by a bare update starts transmission at once', () => {
    established({ window: 1000 }).run(`
      +0    write 2000
      +0    > . 1:1001(1000) ack 1
      +100  < . 1:1(0) ack 1001 win 0
      +300  > P. 1001:1002(1) ack 1
      +50   < . 1:1(0) ack 1001 win 0
      +100  < . 1:1(0) ack 1001 win 5000
      +0    > P. 1001:2001(1000) ack 1
      +50   < . 1:1(0) ack 2001 win 5000
      +9000 nothing`);
  });

  it('that opens by taking the probe goes on behind it', () => {
    established({ window: 1000 }).run(`
      +0    write 2000
      +0    > . 1:1001(1000) ack 1
      +100  < . 1:1(0) ack 1001 win 0
      +300  > P. 1001:1002(1) ack 1
      +50   < . 1:1(0) ack 1002 win 5000
      +0    > P. 1002:2001(999) ack 1`);
  });

  it('is probed by the FIN when nothing else is left', () => {
    established({ window: 1000 }).run(`
      +0    write 1000
      +0    > P. 1:1001(1000) ack 1
      +0    shutdown
      +100  < . 1:1(0) ack 1001 win 0
      +300  > F. 1001:1001(0) ack 1
      +50   < . 1:1(0) ack 1002 win 0
      +0    state FIN-WAIT-2`);
  });

  it('ends the connection when the user timeout says so', () => {
    established({ window: 0, connect: { userTimeout: 2000 } }).run(`
      +0    write 10
      +300  > P. 1:2(1) ack 1
      +600  > P. 1:2(1) ack 1
      +100  < . 1:1(0) ack 1 win 0
      +999  state ESTABLISHED
      +1    error ERR_TIMEOUT`);
  });

  it('that closes on text in flight leaves the retransmission timer to it', () => {
    established({ window: 5000 }).run(`
      +0    write 2000
      +0    > . 1:1381(1380) ack 1
      +0    > P. 1381:2001(620) ack 1
      +100  < . 1:1(0) ack 1381 win 0
      +300  > P. 1381:2001(620) ack 1
      +100  < . 1:1(0) ack 2001 win 0`);
  });
});

describe('the send window (RFC 9293 §3.10.7.4)', () => {
  it('is not moved by an old segment that comes late (SND.WL1, SND.WL2)', () => {
    const ladder = established().run(`
      +0    < P. 11:21(10) ack 1 win 30000
      +0    > . 1:1(0) ack 1
      +0    < P. 1:11(10) ack 1 win 10
      +0    > . 1:1(0) ack 21`);
    expect(ladder.connection!.info().sendWindow).toBe(30_000);
  });

  it('may shrink: what was sent is still acknowledged (MUST-34)', () => {
    const ladder = established({ window: 5000 }).run(`
      +0    write 5000
      +0    > . 1:1381(1380) ack 1
      +0    > . 1381:2761(1380) ack 1
      +0    > . 2761:4141(1380) ack 1
      +0    > P. 4141:5001(860) ack 1
      +50   < . 1:1(0) ack 1 win 1000
      +50   < . 1:1(0) ack 5001 win 1000
      +9000 nothing`);
    expect(ladder.connection!.info().bytesInFlight).toBe(0);
  });

  it('when shrunk: our ACKs come from its edge, where the peer takes them', () => {
    established({ window: 5000 }).run(`
      +0    write 3000
      +0    > . 1:1381(1380) ack 1
      +0    > . 1381:2761(1380) ack 1
      +0    > P. 2761:3001(240) ack 1
      +50   < P. 1:11(10) ack 1 win 1000
      +0    > . 1001:1001(0) ack 11`);
  });

  it('is not nibbled at: no small segment into a small window (SWS avoidance)', () => {
    established({ window: 4000 }).run(`
      +0    write 6000
      +0    > . 1:1381(1380) ack 1
      +0    > . 1381:2761(1380) ack 1
      +50   < . 1:1(0) ack 1381 win 2880
      +0    > . 2761:4141(1380) ack 1
      +50   < . 1:1(0) ack 4141 win 100
      +0    nothing
      +295  > . 4141:4241(100) ack 1`);
  });

  it('takes half of the largest window there was for worth filling', () => {
    established({ window: 1000 }).run(`
      +0    write 3000
      +0    > . 1:1001(1000) ack 1
      +50   < . 1:1(0) ack 1001 win 500
      +0    > . 1001:1501(500) ack 1`);
  });
});

describe("Nagle's algorithm (RFC 9293 §3.7.4)", () => {
  it('holds a small segment back while a small one is in flight', () => {
    established().run(`
      +0    write 10
      +0    > P. 1:11(10) ack 1
      +0    write 10
      +0    write 10
      +50   < . 1:1(0) ack 11
      +0    > P. 11:31(20) ack 1`);
  });

  it('sends full segments, and one small one behind full ones (Minshall)', () => {
    established().run(`
      +0    write 1500
      +0    > . 1:1381(1380) ack 1
      +0    > P. 1381:1501(120) ack 1
      +0    write 1380
      +0    > P. 1501:2881(1380) ack 1
      +0    write 5`);
  });

  it('can be switched off, at any time', () => {
    const ladder = established({ connect: { noDelay: true } }).run(`
      +0    write 10
      +0    > P. 1:11(10) ack 1
      +0    write 10
      +0    > P. 11:21(10) ack 1`);
    ladder.connection!.setOptions({ noDelay: false });
    ladder.run('+0 write 10');
    ladder.connection!.setOptions({ noDelay: true });
    ladder.run('+0 poll\n+0 > P. 21:31(10) ack 1');
  });

  it('does not delay the FIN', () => {
    established().run(`
      +0    write 10
      +0    > P. 1:11(10) ack 1
      +0    write 10
      +0    shutdown
      +0    > FP. 11:21(10) ack 1`);
  });
});

describe('the receive window (RFC 9293 §3.8.6.2.2)', () => {
  it('is 128 KiB at first, and grows for a reader who reads what comes, not for a slow one', () => {
    const grown = (readsAll: boolean) => {
      const ladder = established({ peer: 'mss 1380,wscale 7,TS 1000 0' });
      ladder.ip.outlet = () => {};
      const { connection } = ladder;
      const info = () => connection!.info();
      ladder.run('+100 < . 1:1381(1380) ack 1 <TS 1100 0>\n+0 read');
      expect(info().bytesReceived + info().receiveWindow).toBeLessThanOrEqual((128 << 10) + 1380);
      // Ten rounds in which the peer sends twice as much as in the one before.
      let at = 1381;
      for (let round = 1; round <= 10; round++) {
        ladder.run('+100 poll');
        for (let segment = 0; segment < 2 ** round && info().receiveWindow >= 1380; segment++, at += 1380)
          ladder.run(`+0 <+ . ${at}:${at + 1380}(1380) ack 1 <TS ${1100 + 100 * round} ${100 * round}>`);
        ladder.run(readsAll ? '+0 read' : '+0 read 100');
      }
      return info().bytesReceived + info().receiveWindow - at;
    };
    expect(grown(true)).toBeGreaterThan(2 << 20);
    expect(grown(false)).toBeLessThanOrEqual(128 << 10);
  });

  it('closes as text waits, and opens by an update when enough was read', () => {
    established({ connect: { receiveBufferSize: 4000 } }).run(`
      +0    <+ . 1:1001(1000) ack 1
      +0    <+ . 1001:2001(1000) ack 1
      +0    <+ . 2001:3001(1000) ack 1
      +0    < P. 3001:4001(1000) ack 1
      +0    > . 1:1(0) ack 2001 win 2000
      +0    > . 1:1(0) ack 4001 win 0
      +0    read 500
      +0    read 500
      +0    read 999
      +0    read 1
      +0    > . 1:1(0) ack 4001 win 2000`);
  });

  it('is not opened by crumbs', () => {
    established({ connect: { receiveBufferSize: 10000 } }).run(`
      +0    <+ . 1:1381(1380) ack 1
      +0    < P. 1381:2761(1380) ack 1
      +0    > . 1:1(0) ack 2761 win 7240
      +0    read 100
      +0    < P. 2761:2762(1) ack 1
      +0    > . 1:1(0) ack 2762 win 7239`);
  });

  it('takes the whole window out of order, not a part of it', () => {
    const ladder = established({ connect: { receiveBufferSize: 10000 } });
    ladder.ip.outlet = () => {};
    for (let at = 1001; at < 10_001; at += 1000)
      ladder.run(`+0 < . ${at}:${at + 1000 > 10_001 ? 10_001 : at + 1000}(1000) ack 1`);
    ladder.run('+0 < . 1:1001(1000) ack 1');
    expect(ladder.connection!.readableBytes).toBe(10_000);
    ladder.run('+0 read 10000');
  });

  it('stops growing when the memory of all sockets is nearly full, and text in order goes first', () => {
    const ladder = established({
      connect: { receiveBufferSize: 4 << 20 },
      bufferLimit: 1 << 20,
      peer: 'mss 1380,wscale 7',
      window: 65_535,
    });
    ladder.ip.outlet = () => {};
    // Far behind a gap: 1380 bytes in each of 250 different places, four of them a page apart.
    for (let i = 0; i < 252; i++) ladder.run(`+0 < . ${8193 + i * 4096}:${8194 + i * 4096}(1) ack 1`);
    const { used } = ladder.layer.pages;
    expect(used).toBeGreaterThan(240);
    for (let i = 252; i < 300; i++) ladder.run(`+0 < . ${8193 + i * 4096}:${8194 + i * 4096}(1) ack 1`);
    expect(ladder.layer.pages.used).toBeLessThanOrEqual(256);
    for (let at = 1; at < 100_001; at += 1000) ladder.run(`+0 < . ${at}:${at + 1000}(1000) ack 1`);
    expect(ladder.connection!.readableBytes).toBeGreaterThanOrEqual(100_000);
    ladder.run('+0 read 100000');
  });

  it('offers no new edge, and takes nothing from writers, while the last 5 % of all memory is in use', () => {
    const ladder = established({
      connect: { receiveBufferSize: 4 << 20 },
      bufferLimit: 1 << 20,
      peer: 'mss 1380,wscale 7',
    });
    const { outlet } = ladder.ip;
    ladder.ip.outlet = () => {};
    const fill = (from: number, to: number) => {
      for (let at = from; at < to; at += 4000) ladder.run(`+0 < . ${at}:${at + 4000}(4000) ack 1`);
    };
    const edge = () => ladder.connection!.info().bytesReceived + ladder.connection!.info().receiveWindow;
    fill(1, 780_001);
    expect(edge()).toBe(4 << 20);
    fill(780_001, 1_032_001);
    expect(ladder.layer.pages.pressure).toBe('critical');
    expect(edge()).toBe(4 << 20);
    expect(ladder.connection!.write(new Uint8Array(10))).toBe(0);
    // Reading a little does not move the edge; reading much does.
    ladder.run('+0 read 10000');
    fill(1_032_001, 1_040_001);
    expect(edge()).toBe(4 << 20);
    expect(ladder.events).not.toContain('writable');
    ladder.run('+0 read 490000');
    fill(1_040_001, 1_048_001);
    expect(edge()).toBeGreaterThan(4 << 20);
    ladder.ip.outlet = outlet;
    expect(ladder.events.filter((event) => event === 'writable')).toHaveLength(1);
    ladder.run('+0 write 10\n+0 > P. 1:11(10)');
  });

  it('of a new connection is small while three quarters of all memory are in use, and closed beyond', () => {
    const hog = established({
      connect: { receiveBufferSize: 4 << 20 },
      bufferLimit: 1 << 20,
      peer: 'mss 1380,wscale 7',
    });
    hog.ip.outlet = () => {};
    for (let at = 1; at < 800_001; at += 4000) hog.run(`+0 < . ${at}:${at + 4000}(4000) ack 1`);
    expect(hog.layer.pages.pressure).toBe('high');
    const second = hog.layer.connect({ ...hog.connection!.remote, port: 80 }, {}, hog.now);
    hog.adopt(second);
    hog.run('+0 poll\n+10 < S. 0:0(0) ack 1 <mss 1380,wscale 7>');
    expect(second.info().receiveWindow).toBeLessThanOrEqual(65_536);
  });
});

describe('writing', () => {
  it('takes as much as may wait, and tells when half of it is gone', () => {
    const ladder = established();
    ladder.ip.outlet = () => {};
    const connection = ladder.connection!;
    expect(connection.write(new Uint8Array(300_000))).toBe(128 << 10);
    expect([connection.writableBytes, connection.write(new Uint8Array(1))]).toEqual([0, 0]);
    ladder.run('+0 poll');
    expect(connection.writableBytes).toBe(13_800);
    const told = () => ladder.events.filter((event) => event === 'writable').length;
    let acknowledged = 1;
    const acknowledgeUntil = (unsent: number) => {
      while (connection.info().unsentBytes > unsent) {
        acknowledged += 1380;
        ladder.run(`+1 < . 1:1(0) ack ${acknowledged}`);
      }
    };
    acknowledgeUntil(70_000);
    expect(told()).toBe(0);
    acknowledgeUntil(60_000);
    expect(told()).toBe(1);
    acknowledgeUntil(0);
    expect(told()).toBe(1);
  });

  it('keeps to a send buffer of a given size, in flight and waiting together', () => {
    const ladder = established({ connect: { sendBufferSize: 5000 } });
    ladder.ip.outlet = () => {};
    expect(ladder.connection!.write(new Uint8Array(9000))).toBe(5000);
    ladder.run('+0 poll');
    expect(ladder.connection!.writableBytes).toBe(0);
    ladder.run('+0 < . 1:1(0) ack 2001');
    expect(ladder.connection!.writableBytes).toBe(2000);
    expect(ladder.events.at(-1)).toBe('writable');
  });

  it('is refused after shutdown, and after the end', () => {
    const ladder = established().run('+0 shutdown\n+0 > F. 1:1(0) ack 1');
    expect([ladder.connection!.writableBytes, ladder.connection!.write(new Uint8Array(1))]).toEqual([0, 0]);
  });
});
