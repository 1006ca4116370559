import { describe, expect, it } from 'vitest';
import { established } from './tcp-ladder.ts';

describe('what is acceptable (RFC 9293 §3.4, §3.10.7.4)', () => {
  it('acknowledges text that is wholly old, at once', () => {
    established().run(`
      +0    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101
      +5    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101
      +5    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101`);
  });

  it('takes the new part of text that is partly old', () => {
    established().run(`
      +0    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101
      +5    < P. 51:151(100) ack 1
      +0    > . 1:1(0) ack 151
      +0    read 150`);
  });

  it('takes the part inside the window of text that goes beyond it', () => {
    established({ connect: { receiveBufferSize: 1000 } }).run(`
      +0    < P. 1:1201(1200) ack 1
      +0    > . 1:1(0) ack 1001 win 0
      +0    read 1000
      +0    > . 1:1(0) ack 1001 win 1000`);
  });

  it('trims a FIN that stands beyond the window', () => {
    established({ connect: { receiveBufferSize: 1000 } }).run(`
      +0    < FP. 1:1201(1200) ack 1
      +0    > . 1:1(0) ack 1001 win 0
      +0    state ESTABLISHED`);
  });

  it('answers text beyond the window by an ACK, but not more than one in 500 ms', () => {
    established({ connect: { receiveBufferSize: 1000 } }).run(`
      +0    < P. 5001:5101(100) ack 1
      +0    > . 1:1(0) ack 1
      +100  < P. 5001:5101(100) ack 1
      +399  < P. 5001:5101(100) ack 1
      +1    < P. 5001:5101(100) ack 1
      +0    > . 1:1(0) ack 1`);
  });

  it('hears ACK and reset in a closed window (MUST-66)', () => {
    established({ connect: { receiveBufferSize: 100 } }).run(`
      +0    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101 win 0
      +0    write 50
      +0    > P. 1:51(50) ack 101 win 0
      +10   < . 101:101(0) ack 51
      +5000 < P. 101:102(1) ack 51
      +0    > . 51:51(0) ack 101 win 0
      +0    < R 101:101(0)
      +0    error ERR_CONNECTION_RESET`);
  });

  it('takes the ACK of a zero-window probe although it refuses its octet', () => {
    const ladder = established({ connect: { receiveBufferSize: 100 } }).run(`
      +0    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101 win 0
      +0    write 50
      +0    > P. 1:51(50) ack 101
      +10   < P. 101:102(1) ack 51
      +0    > . 51:51(0) ack 101 win 0
      +5000 nothing`);
    expect(ladder.connection!.info().bytesInFlight).toBe(0);
  });

  it('drops a segment without ACK (§3.10.7.4, fifth)', () => {
    const ladder = established().run('+0 < P 1:101(100)\n+100 nothing\n+0 < - 1:1(0)');
    expect(ladder.connection!.readableBytes).toBe(0);
    expect(ladder.layer.drops.of('tcp_no_ack')).toBe(2);
  });

  it('drops a segment with a wrong checksum, and one too short or with an offset that points outside', () => {
    const ladder = established();
    const segment = new Uint8Array(30);
    const view = new DataView(segment.buffer);
    view.setUint8(12, 0x50);
    ladder.injectBytes(segment, true);
    expect(ladder.layer.drops.of('tcp_checksum')).toBe(1);
    for (const offset of [0x00, 0x40, 0x80, 0xf0]) {
      view.setUint8(12, offset);
      ladder.injectBytes(segment);
    }
    ladder.injectBytes(segment.subarray(0, 19));
    expect(ladder.layer.drops.of('tcp_malformed')).toBe(5);
    ladder.run('+100 nothing');
  });
});

describe('blind attacks (RFC 5961)', () => {
  it('believes a reset only at RCV.NXT, challenges one in the window, ignores one outside (§3.2)', () => {
    established().run(`
      +0    < R 2:2(0)
      +0    > . 1:1(0) ack 1
      +600  < R 70000:70000(0)
      +0    < R 0:0(0)
      +0    state ESTABLISHED
      +0    < R 1:1(0)
      +0    state CLOSED`);
  });

  it('challenges a SYN whatever its number (§4.2)', () => {
    established().run(`
      +0    < S 0:0(0)
      +0    > . 1:1(0) ack 1
      +500  < S 1:1(0)
      +0    > . 1:1(0) ack 1
      +500  < S 900000:900000(0)
      +0    > . 1:1(0) ack 1
      +500  < S. 0:0(0) ack 1
      +0    > . 1:1(0) ack 1
      +0    state ESTABLISHED`);
  });

  it('challenges an ACK of what was never sent, or older than any window, and takes none of the text (§5.2)', () => {
    const ladder = established().run(`
      +0    < P. 1:101(100) ack 2
      +0    > . 1:1(0) ack 1
      +500  < P. 1:101(100) ack -70000
      +0    > . 1:1(0) ack 1`);
    expect(ladder.connection!.readableBytes).toBe(0);
  });

  it('takes text with an old ACK that is not too old', () => {
    established().run(`
      +0    write 100
      +0    > P. 1:101(100) ack 1
      +50   < . 1:1(0) ack 101
      +5    < P. 1:11(10) ack 1
      +0    > . 101:101(0) ack 11
      +0    read 10`);
  });

  it('challenges each connection at most twice a second', () => {
    const ladder = established();
    let sent = 0;
    ladder.ip.outlet = () => sent++;
    for (let i = 0; i < 100; i++) ladder.run('+10 < S 0:0(0)');
    expect(sent).toBe(2);
  });
});

describe('timestamps (RFC 7323)', () => {
  const withTimestamps = () => established({ peer: 'mss 1380,TS 1000 0' });

  it('stand in every segment, and echo the last that advanced (§4.3)', () => {
    withTimestamps().run(`
      +0    write 10
      +0    > P. 1:11(10) ack 1 <TS 100 1000>
      +50   < . 1:1(0) ack 11 <TS 1050>
      +0    < P. 1:101(100) ack 11 <TS 1060>
      +0    > . 11:11(0) ack 101 <TS 150 1060>`);
  });

  it('echo, for several segments, the one that began what is acknowledged (§4.3)', () => {
    withTimestamps().run(`
      +0    <+ P. 1:101(100) ack 1 <TS 1010>
      +0    < P. 101:201(100) ack 1 <TS 1020>
      +0    > . 1:1(0) ack 201 <TS 100 1010>`);
  });

  it('that go back are dropped and acknowledged (§5.3, PAWS), a reset excepted', () => {
    const ladder = withTimestamps().run(`
      +0    < P. 1:11(10) ack 1 <TS 999>
      +0    > . 1:1(0) ack 1
      +500  < R 1:1(0) <TS 5>
      +0    state CLOSED`);
    expect(ladder.layer.drops.of('tcp_paws')).toBe(1);
    expect(ladder.connection!.readableBytes).toBe(0);
  });

  it('compare on the circle', () => {
    established({ peer: 'mss 1380,TS 4294967290 0' }).run(`
      +0    < P. 1:11(10) ack 1 <TS 5>
      +0    > . 1:1(0) ack 11 <TS 100 5>`);
  });

  it('are forgotten after 24 days of silence (§5.5)', () => {
    withTimestamps().run(`
      +2073600000 < P. 1:11(10) ack 1 <TS 5>
      +0          > . 1:1(0) ack 11`);
  });

  it('missing from a segment: it is dropped (§3.2)', () => {
    const ladder = withTimestamps().run('+0 < P. 1:11(10) ack 1\n+100 nothing');
    expect(ladder.layer.drops.of('tcp_no_timestamp')).toBe(1);
  });

  it('of a segment with a bad ACK leave no trace', () => {
    withTimestamps().run(`
      +0    < P. 1:11(10) ack 99 <TS 9000>
      +0    > . 1:1(0) ack 1 <TS 100 1000>
      +500  < P. 1:11(10) ack 1 <TS 1500>
      +0    > . 1:1(0) ack 11 <TS 600 1500>`);
  });

  it('of a segment behind a gap are not echoed', () => {
    withTimestamps().run(`
      +0    < P. 11:21(10) ack 1 <TS 1100>
      +0    > . 1:1(0) ack 1 <TS 100 1000>`);
  });
});
