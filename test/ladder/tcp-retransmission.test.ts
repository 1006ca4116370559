import { describe, expect, it } from 'vitest';
import { established } from './tcp-ladder.ts';

describe('the retransmission timer (RFC 6298)', () => {
  it('fires after SRTT plus 200 ms, and doubles (§5.5)', () => {
    // The handshake took 100 ms: RTTVAR is 50, four times that is 200.
    established().run(`
      +0    write 100
      +0    > P. 1:101(100) ack 1
      +300  > P. 1:101(100) ack 1
      +600  > P. 1:101(100) ack 1
      +1200 > P. 1:101(100) ack 1
      +2400 > P. 1:101(100) ack 1`);
  });

  it('never waits longer than 120 s (§2.5), and gives up after about 15 minutes (RFC 9293 §3.8.3)', () => {
    const ladder = established().run('+0 write 100\n+0 > P. 1:101(100)');
    const times: number[] = [];
    ladder.ip.outlet = () => times.push(ladder.now);
    const start = ladder.now;
    ladder.run('+923999 state ESTABLISHED\n+1 state CLOSED\n+0 error ERR_TIMEOUT');
    const gaps = times.map((time, index) => time - (times[index - 1] ?? start));
    expect(Math.max(...gaps)).toBe(120_000);
    expect(gaps.slice(0, 4)).toEqual([300, 600, 1200, 2400]);
    expect(ladder.events).toEqual(['connected', 'stalled', 'closed ERR_TIMEOUT']);
    expect(ladder.layer.pages.used).toBe(0);
  });

  it('tells the application and the routers after three timeouts in a row (RFC 9293 §3.8.3, R1)', () => {
    const ladder = established({ version: 6 }).run(`
      +0    write 100
      +0    > P. 1:101(100)
      +300  > P. 1:101(100)
      +600  > P. 1:101(100)`);
    expect([ladder.events, ladder.ip.lastFlowLabel]).toEqual([['connected'], 1]);
    ladder.run('+1200 > P. 1:101(100)');
    const label = ladder.ip.lastFlowLabel;
    ladder.run('+2400 > P. 1:101(100)');
    expect(ladder.events).toEqual(['connected', 'stalled']);
    expect(new Set([1, label, ladder.ip.lastFlowLabel]).size).toBe(3);
    expect(Math.max(label, ladder.ip.lastFlowLabel)).toBeLessThan(1 << 20);
  });

  it('is restarted by an ACK of new data, and stops when all is acknowledged (§5.2, §5.3)', () => {
    established().run(`
      +0    write 2000
      +0    > . 1:1381(1380) ack 1
      +0    > P. 1381:2001(620) ack 1
      +250  < . 1:1(0) ack 1381
      +200  nothing
      +50   < . 1:1(0) ack 2001
      +9000 nothing`);
  });

  it('keeps its back-off until a segment that was sent once is acknowledged (Karn)', () => {
    established().run(`
      +0    write 100
      +0    > P. 1:101(100) ack 1
      +300  > P. 1:101(100) ack 1
      +100  < . 1:1(0) ack 101
      +0    write 100
      +0    > P. 101:201(100) ack 1
      +600  > P. 101:201(100) ack 1`);
  });

  it('measures by timestamps, but not by an echo older than the resending', () => {
    const ladder = established({ peer: 'mss 1380,TS 1000 0' }).run(`
      +0    write 100
      +0    > P. 1:101(100) ack 1 <TS 100 1000>
      +300  > P. 1:101(100) ack 1 <TS 400 1000>`);
    const rtt = () => ladder.connection!.info().rtt;
    ladder.run('+100 < . 1:1(0) ack 101 <TS 1400 100>');
    expect(rtt()).toBe(100);
    ladder.run('+0 write 100\n+0 > P. 101:201(100)\n+180 < . 1:1(0) ack 201 <TS 1600 500>');
    expect(rtt()).toBe(110);
    // What was sent once is timed by us, whatever the echo says.
    ladder.run('+0 write 100\n+0 > P. 201:301(100)\n+50 < . 1:1(0) ack 301 <TS 1700 99999>');
    expect(rtt()).toBe(102.5);
  });

  it('sends everything again after a timeout, one segment first, then as ACKs allow (RFC 5681 §3.1)', () => {
    const ladder = established().run(`
      +0    write 4140
      +0    > . 1:1381(1380) ack 1
      +0    > . 1381:2761(1380) ack 1
      +0    > P. 2761:4141(1380) ack 1
      +300  > . 1:1381(1380) ack 1`);
    expect(ladder.connection!.info()).toMatchObject({ cwnd: 1380, ssthresh: 2898, timeouts: 1 });
    ladder.run(`
      +100  < . 1:1(0) ack 1381
      +0    > . 1381:2761(1380) ack 1
      +0    > P. 2761:4141(1380) ack 1
      +100  < . 1:1(0) ack 4141
      +5000 nothing`);
  });

  it('skips what the peer turns out to have', () => {
    established().run(`
      +0    write 4140
      +0    > . 1:1381(1380) ack 1
      +0    > . 1381:2761(1380) ack 1
      +0    > P. 2761:4141(1380) ack 1
      +300  > . 1:1381(1380) ack 1
      +100  < . 1:1(0) ack 4141
      +5000 nothing`);
  });

  it('holds ssthresh while the same segment times out again', () => {
    const ladder = established().run(
      `
      +0    write 13800
      +0    > . 1:1381(1380)`
        .replace('write 13800', 'write 1380')
        .replace('> . ', '> P. '),
    );
    ladder.run('+300 > P. 1:1381(1380)');
    const { ssthresh } = ladder.connection!.info();
    ladder.run('+600 > P. 1:1381(1380)');
    expect(ladder.connection!.info().ssthresh).toBe(ssthresh);
  });

  it('keeps the user timeout to the millisecond', () => {
    established({ connect: { userTimeout: 1000 } }).run(`
      +0    write 100
      +0    > P. 1:101(100) ack 1
      +300  > P. 1:101(100) ack 1
      +600  > P. 1:101(100) ack 1
      +99   state ESTABLISHED
      +1    state CLOSED
      +0    error ERR_TIMEOUT`);
  });

  it('does not count the way out being full as loss', () => {
    const ladder = established().run('+0 write 100\n+0 > P. 1:101(100)');
    ladder.ip.congested = true;
    ladder.run('+5000 nothing');
    expect(ladder.connection!.info()).toMatchObject({ timeouts: 0, rto: 300 });
    ladder.ip.congested = false;
    ladder.run('+300 > P. 1:101(100)');
  });
});

describe('a way out that is full, but takes what is short', () => {
  it('lets a keystroke through', () => {
    const ladder = established();
    Object.assign(ladder.ip, { congested: true, takesUpTo: 256 });
    ladder.run(`
      +0    write 64
      +0    > P. 1:65(64)
      +50   < . 1:1(0) ack 65
      +0    write 64
      +0    > P. 65:129(64)`);
  });

  it('but not much, nor the end of much', () => {
    const ladder = established();
    Object.assign(ladder.ip, { congested: true, takesUpTo: 256 });
    ladder.run('+0 write 2000\n+0 nothing');
    ladder.ip.congested = false;
    ladder.run('+0 write 760\n+0 > . 1:1381(1380)\n+0 > P. 1381:2761(1380)');
    ladder.ip.congested = true;
    ladder.run('+0 write 64\n+0 nothing');
    ladder.ip.congested = false;
    ladder.run('+0 write 64\n+0 > P. 2761:2889(128)');
  });
});

/** Ten segments of 1380 bytes in flight, the initial window, and ten more waiting. */
function tenInFlight(peer = 'mss 1380') {
  return established({ peer }).run(`+0 write ${20 * 1380}\n${segments(0, 10)}`);
}

function segments(from: number, to: number, size = 1380): string {
  const lines: string[] = [];
  for (let i = from; i < to; i++) lines.push(`+0 > . ${1 + i * size}:${1 + (i + 1) * size}(${size}) ack 1`);
  return lines.join('\n');
}

describe('congestion control (RFC 5681, RFC 6928, RFC 3465)', () => {
  it('begins with ten segments', () => {
    const ladder = established();
    expect(ladder.connection!.info().cwnd).toBe(13_800);
    ladder.run(`+0 write ${20 * 1380}\n${segments(0, 10)}`);
  });

  it('grows in slow start by what is acknowledged, however many ACKs say it', () => {
    const ladder = established().run(`+0 write ${90 * 1380}\n${segments(0, 10)}`);
    ladder.run(`+100 < . 1:1(0) ack ${1 + 4 * 1380}\n${segments(10, 18)}`);
    expect(ladder.connection!.info().cwnd).toBe(14 * 1380);
    // A thousand ACKs of one byte each are worth no more than one ACK of a thousand (ACK division).
    for (let i = 1; i <= 10; i++) ladder.run(`+0 < . 1:1(0) ack ${1 + 4 * 1380 + i}`);
    expect(ladder.connection!.info().cwnd).toBe(14 * 1380 + 10);
  });

  it('counts eight segments of one ACK at most', () => {
    const ladder = established().run(`+0 write ${90 * 1380}\n${segments(0, 10)}`);
    ladder.run(`+100 < . 1:1(0) ack ${1 + 10 * 1380}\n${segments(10, 28)}`);
    expect(ladder.connection!.info().cwnd).toBe(18 * 1380);
  });

  it('does not grow while the application is what limits it (RFC 7661)', () => {
    const ladder = established();
    for (let i = 0; i < 20; i++) {
      const from = 1 + i * 1380;
      ladder.run(`+0 write 1380\n+0 > P. ${from}:${from + 1380}(1380)\n+100 < . 1:1(0) ack ${from + 1380}`);
    }
    expect(ladder.connection!.info().cwnd).toBe(13_800);
  });

  it('returns to the initial window after an idle time (RFC 5681 §4.1)', () => {
    const ladder = established().run(`+0 write ${28 * 1380}\n${segments(0, 10)}`);
    ladder.run(
      `+100 < . 1:1(0) ack ${1 + 10 * 1380}`.concat('\n', segments(10, 28).replace(/\. (?=37261)/, 'P. ')),
    );
    ladder.run(`+100 < . 1:1(0) ack ${1 + 28 * 1380}`);
    expect(ladder.connection!.info().cwnd).toBe(26 * 1380);
    ladder.run(`+5000 write ${20 * 1380}\n${segments(28, 38)}`);
    expect(ladder.connection!.info().cwnd).toBe(13_800);
  });

  it('waits while the way out is full, and goes on by itself; ACKs leave all the same', () => {
    const ladder = established();
    ladder.ip.congested = true;
    ladder.run(`
      +0    write 100
      +100  < P. 1:11(10) ack 1
      +0    > . 1:1(0) ack 11
      +5000 nothing`);
    expect(ladder.layer.pollAt()).toBeGreaterThan(ladder.now);
    ladder.ip.congested = false;
    expect(ladder.layer.pollAt()).toBe(0);
    ladder.run('+0 poll\n+0 > P. 1:101(100) ack 11');
  });
});

describe('fast retransmit and NewReno (RFC 5681 §3.2, RFC 6582, RFC 3042)', () => {
  const dup = '+0 < . 1:1(0) ack 1';

  it('reckons with what was in the air in the last round trip, when the application pauses before the loss', () => {
    const ladder = established({ peer: 'mss 1380,sackOK' });
    ladder.run(`
      +0   write ${10 * 1380}
      ${segments(0, 9)}
      +0   > P. 12421:13801(1380) ack 1
      +100 < . 1:1(0) ack 9661
      +1   < . 1:1(0) ack 9661 <sack 11041:13801>
      +25  > . 9661:11041(1380) ack 1`);
    // Three of ten are left in the air, and two of them have arrived.
    expect(ladder.connection!.info().ssthresh).toBe(9660);
  });

  it('reckons with what is in the air when nothing more was for several round trips', () => {
    const ladder = established({ peer: 'mss 1380,sackOK' });
    ladder.run(`
      +0   write ${10 * 1380}
      ${segments(0, 9)}
      +0   > P. 12421:13801(1380) ack 1
      +100 < . 1:1(0) ack 13801
      +250 write ${3 * 1380}
      ${segments(10, 12)}
      +0   > P. 16561:17941(1380) ack 1
      +100 < . 1:1(0) ack 13801 <sack 15181:17941>
      +25  > . 13801:15181(1380) ack 1`);
    expect(ladder.connection!.info().ssthresh).toBe(2898);
  });

  it('reckons with what was in the air before the batch whose last ACK tells of a loss', () => {
    const ladder = tenInFlight('mss 1380,sackOK');
    ladder.run(`
      +100 <+ . 1:1(0) ack 2761
      +0   <+ . 1:1(0) ack 5521
      +0   < . 1:1(0) ack 8281 <sack 9661:13801>
      +0   > . 8281:9661(1380) ack 1
      ${segments(10, 16)}`);
    // Seven tenths of ten segments, not of the seven that the last ACK finds.
    expect(ladder.connection!.info()).toMatchObject({ ssthresh: 9660, cwnd: 9660 });
  });

  it('lets one new segment out for each of the first two duplicates, and sends the first again at the third', () => {
    const ladder = tenInFlight();
    ladder.run(`
      +100 < . 1:1(0) ack 1
      ${segments(10, 11)}
      ${dup}
      ${segments(11, 12)}
      ${dup}
      +0 > . 1:1381(1380) ack 1`);
    // Seven tenths of the window (RFC 9438 §4.6). Eight segments are still in the network, and the one sent again.
    expect(ladder.connection!.info()).toMatchObject({ ssthresh: 9660, cwnd: 9 * 1380, retransmits: 1 });
    // Each further duplicate says that a segment has left; when no more than ssthresh is in
    // the network, one leaves for each (RFC 9937).
    ladder.run(`${dup}\n${dup}\n${dup}\n${segments(12, 13)}\n${dup}\n${segments(13, 14)}`);
    ladder.ip.outlet = () => {};
    ladder.run(`+100 < . 1:1(0) ack ${1 + 12 * 1380}`);
    expect(ladder.connection!.info()).toMatchObject({ cwnd: 9660, recoveryPhase: 'open', timeouts: 0 });
  });

  it('lets no forger draw out the window: so many duplicates count as segments were in the air (RFC 5681 §3.2)', () => {
    const ladder = tenInFlight();
    ladder.connection!.write(new Uint8Array(200_000));
    let left = 0;
    ladder.ip.outlet = () => left++;
    for (let i = 0; i < 1000; i++) ladder.run(dup);
    // Two by limited transmit, the first segment again, and no more than what was in the air.
    expect(left).toBeLessThanOrEqual(12);
    expect(ladder.connection!.info()).toMatchObject({ retransmits: 1, recoveries: 1 });
  });

  it('finds the next hole by a partial ACK, without waiting for duplicates', () => {
    const ladder = tenInFlight();
    ladder.run(`${dup}\n${segments(10, 11)}\n${dup}\n${segments(11, 12)}\n${dup}\n+0 > . 1:1381(1380) ack 1`);
    ladder.run(`+100 < . 1:1(0) ack ${1 + 3 * 1380}\n+0 > . ${1 + 3 * 1380}:${1 + 4 * 1380}(1380) ack 1`);
    ladder.ip.outlet = () => {};
    ladder.run(`+100 < . 1:1(0) ack ${1 + 7 * 1380}`);
    expect(ladder.connection!.info()).toMatchObject({ retransmits: 3, recoveries: 1, timeouts: 0 });
    expect(ladder.layer.retransmits).toBe(3);
  });

  it('is not entered by duplicates of what a timeout sent again (RFC 6582 §4)', () => {
    const ladder = established().run(`
      +0    write 5520
      +0    > . 1:1381(1380)
      +0    > . 1381:2761(1380)
      +0    > . 2761:4141(1380)
      +0    > P. 4141:5521(1380)
      +300  > . 1:1381(1380)
      +10   < . 1:1(0) ack 2761
      +0    > . 2761:4141(1380)
      +0    > P. 4141:5521(1380)
      +10   < . 1:1(0) ack 2761
      +0    < . 1:1(0) ack 2761
      +0    < . 1:1(0) ack 2761
      +0    < . 1:1(0) ack 2761`);
    expect(ladder.connection!.info().retransmits).toBe(3);
  });

  it('takes no ACK with text, or another window, for a duplicate', () => {
    const ladder = tenInFlight();
    for (let i = 0; i < 5; i++) ladder.run(`+0 < . 1:1(0) ack 1 win ${60_000 - i}`);
    ladder.ip.outlet = () => {};
    for (let i = 0; i < 5; i++) ladder.run(`+0 <+ P. ${1 + i}:${2 + i}(1) ack 1 win 50000`);
    expect(ladder.connection!.info().retransmits).toBe(0);
  });

  it('with SACK, counts the ACKs that name something new, and no report of a duplicate (RFC 2883)', () => {
    const dsack = tenInFlight('mss 1380,sackOK');
    dsack.run(`+100 < . 1:1(0) ack 1381\n${segments(10, 12)}`);
    for (let i = 0; i < 5; i++) dsack.run('+0 < . 1:1(0) ack 1381 <sack 1:1381>');
    expect(dsack.connection!.info().retransmits).toBe(0);
    const sack = tenInFlight('mss 1380,sackOK');
    sack.run(`
      +100 < . 1:1(0) ack 1 <sack 1381:2761>
      ${segments(10, 11)}
      +0 < . 1:1(0) ack 1 win 60000 <sack 1381:4141>
      ${segments(11, 12)}
      +0 < . 1:1(0) ack 1 win 59000 <sack 1381:5521>
      +0 > . 1:1381(1380) ack 1`);
  });
});
