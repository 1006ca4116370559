// Hostile input to listeners, to connections and to what is left of them; each over IPv4 and IPv6.
import { describe, expect, it } from 'vitest';
import { ACK, readTcp, TcpSegment } from '../../src/core/wire/tcp.ts';
import { established, Ladder } from './tcp-ladder.ts';

const MINIMUM_MSS = 48;

describe.each([4, 6] as const)('hostile input over IPv%i', (version) => {
  it('to a listener: SYN|FIN, SYN|RST, all flags, no flags: no child, no reply', () => {
    const ladder = new Ladder({ version }).run('+0 listen');
    for (const flags of ['SF', 'SR', 'SFR', 'SFRPU.', 'SFPU', '-', 'F', 'P', 'U', 'FPU'])
      ladder.run(`+0 < ${flags} 0:0(0) win 1000`);
    const { layer } = ladder;
    expect([layer.halfOpenCount, layer.connectionCount, layer.cookies.sent]).toEqual([0, 0, 0]);
    const { tcp_bad_flags: flags, tcp_bad_reset: resets, ...others } = layer.drops.toRecord();
    expect([flags! + resets!, others]).toEqual([10, {}]);
  });

  it('a SYN with a shift count of 15 or 255: taken as 14 (RFC 7323 §2.3)', () => {
    for (const shift of [15, 255]) {
      const ladder = new Ladder({ version }).run(`
      +0    listen
      +0    < S 0:0(0) win 5000 <mss 1300,wscale ${shift}>
      +0    > S. 0:0(0) ack 1
      +1    < . 1:1(0) ack 1 win 2
      +0    accept`);
      expect(ladder.connection!.info()).toMatchObject({
        windowScale: { send: 14, receive: 9 },
        sendWindow: 2 << 14,
      });
    }
  });

  it('a SYN with an MSS of 0, of 1, or with none: a floor, and the default', () => {
    for (const [offer, mss] of [
      ['<mss 0>', MINIMUM_MSS],
      ['<mss 1>', MINIMUM_MSS],
      ['<mss 65535>', version === 4 ? 1380 : 1360],
      ['', version === 4 ? 536 : 1220],
    ] as const) {
      const ladder = new Ladder({ version }).run(`
      +0    listen
      +0    < S 0:0(0) win 5000 ${offer}
      +0    > S. 0:0(0) ack 1
      +1    < . 1:1(0) ack 1 win 5000
      +0    accept`);
      expect(ladder.connection!.info().mss).toBe(mss);
    }
  });

  it('a reset in the window, but not at RCV.NXT: challenged; the exact one ends it, once', () => {
    const ladder = established({ version }).run(`
      +10   < R 500:500(0)
      +0    > . 1:1(0) ack 1
      +0    state ESTABLISHED
      +10   < R 1:1(0)
      +0    state CLOSED
      +0    error ERR_CONNECTION_RESET
      +10   < R 1:1(0)
      +9000 nothing`);
    expect(ladder.events).toEqual(['connected', 'closed ERR_CONNECTION_RESET']);
  });

  it('an ACK storm: two ends whose numbers do not fit send two ACKs a second each, at most', () => {
    const ladder = established({ version, window: 0 });
    const segment = new TcpSegment();
    let acks = 0;
    ladder.ip.outlet = (packet) => {
      if (readTcp(packet.view, packet.start, packet.end, segment) && segment.flags === ACK) acks++;
    };
    // The other end answers each of ours after 5 ms, and now and then says it by itself.
    let answered = 0;
    for (let at = 0; at < 10_000; at += 5) {
      const isDue = acks > answered || at % 500 === 0;
      answered = acks;
      ladder.run(isDue ? '+5 < . 900000:900000(0) ack 1 win 0' : '+5 nothing');
    }
    expect(acks).toBeGreaterThan(2);
    expect(acks).toBeLessThanOrEqual(20);
  });

  it('to TIME-WAIT: resets and bare ACKs are ignored, text is acknowledged, an old SYN does not reopen it', () => {
    const ladder = established({ version, peer: 'mss 1300,TS 1000 0' }).run(`
      +0    shutdown
      +0    > F. 1:1(0) ack 1
      +50   < F. 1:1(0) ack 2 <TS 2000>
      +0    > . 2:2(0) ack 2
      +10   < R 2:2(0)
      +10   < R. 2:2(0) ack 2 <TS 2001>
      +10   < . 2:2(0) ack 2 <TS 2001>
      +10   < P. 2:12(10) ack 2 <TS 2001>
      +0    > . 2:2(0) ack 2
      +10   < S 9000:9000(0) <TS 1999 0>
      +0    > . 2:2(0) ack 2`);
    expect([ladder.layer.timeWaitCount, ladder.layer.halfOpenCount]).toEqual([1, 0]);
  });
});
