import { describe, expect, it } from 'vitest';
import { Ladder } from './tcp-ladder.ts';

/** A client's SYN with all that a client offers today, and its answer. */
const syn = `
      +0    listen
      +0    < S 0:0(0) win 5000 <mss 1300,sackOK,TS 700 0,wscale 7>
      +0    > S. 0:0(0) ack 1 win 65535 <mss 1380,sackOK,TS 0 700,wscale 9>`;

describe('SYN-RECEIVED after a passive open (RFC 9293 §3.10.7.4)', () => {
  it('makes no control block before the handshake ends, and then one with all that was agreed', () => {
    const ladder = new Ladder().run(syn);
    expect([ladder.layer.halfOpenCount, ladder.layer.connectionCount]).toEqual([1, 0]);
    ladder.run(`
      +40   < . 1:1(0) ack 1 win 100 <TS 740>
      +0    accept`);
    expect([ladder.layer.halfOpenCount, ladder.layer.connectionCount]).toEqual([0, 1]);
    expect(ladder.connection!.info()).toMatchObject({
      state: 'ESTABLISHED',
      mss: 1288,
      sack: true,
      timestamps: true,
      windowScale: { send: 7, receive: 9 },
      sendWindow: 12_800,
      rtt: 40,
    });
  });

  it('offers nothing that the SYN did not, and measures the round trip without timestamps', () => {
    const ladder = new Ladder().run(`
      +0    listen
      +0    < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1 win 65535 <mss 1380>
      +30   < . 1:1(0) ack 1 win 5000
      +0    accept`);
    expect(ladder.connection!.info()).toMatchObject({
      mss: 536,
      sack: false,
      timestamps: false,
      windowScale: { send: 0, receive: 0 },
      sendWindow: 5000,
      rtt: 30,
    });
  });

  it('does not measure by an answer that may be to either of two SYN|ACKs (Karn’s rule)', () => {
    const handshake = (between: string) =>
      new Ladder()
        .run(`
      +0    listen
      +0    < S 0:0(0) win 5000 <mss 1380>
      +0    > S. 0:0(0) ack 1${between}
      +10   < . 1:1(0) ack 1 win 5000
      +0    accept`)
        .connection!.info();
    expect(handshake('').rtt).toBe(10);
    expect(handshake('\n+500 < S 0:0(0) win 5000 <mss 1380>\n+0 > S. 0:0(0) ack 1').rtt).toBe(0);
    expect(handshake('\n+1000 > S. 0:0(0) ack 1').rtt).toBe(0);
  });

  it('takes text and FIN with the last ACK at once', () => {
    new Ladder().run(syn).run(`
      +10   < FP. 1:101(100) ack 1 win 100 <TS 710>
      +0    > . 1:1(0) ack 102
      +0    accept
      +0    state CLOSE-WAIT
      +0    read 100`);
  });

  it('challenges what is outside the window, a SYN inside it and an old timestamp, once in 500 ms', () => {
    const challenged = '+0 > . 1:1(0) ack 1 win 127 <TS';
    const ladder = new Ladder().run(syn).run(`
      +10   < . 90000:90000(0) ack 1 <TS 710>
      ${challenged} 10 700>
      +490  < . 90000:90000(0) ack 1 <TS 710>
      +10   < S 500:500(0) <TS 720>
      ${challenged} 510 700>
      +490  > S. 0:0(0) ack 1
      +9    < . 1:1(0) ack 1 <TS 699>
      +1    < . 1:1(0) ack 1 <TS 699>
      ${challenged} 1010 700>
      +0    < P. 1:11(10) ack 1
      +0    < - 1:11(10) <TS 800>
      +10   < . 1:1(0) ack 1 win 100 <TS 710>
      +0    accept
      +0    state ESTABLISHED`);
    expect(ladder.layer.drops.toRecord()).toEqual({
      tcp_outside_window: 2,
      tcp_unexpected_syn: 1,
      tcp_paws: 2,
      tcp_no_timestamp: 1,
      tcp_no_ack: 1,
    });
  });

  it('answers no reset, whatever is wrong with it but its number', () => {
    const ladder = new Ladder().run(syn).run(`
      +10   < R 90000:90000(0)
      +10   < R. 1:1(0) ack 500`);
    expect(ladder.layer.halfOpenCount).toBe(0);
  });

  it('goes on the word of the network that nobody is there (RFC 1122 §4.2.3.9), if it quotes our SYN|ACK', () => {
    const ladder = new Ladder().run(syn);
    ladder.remotePort = 80;
    ladder.run('+0 < S 0:0(0)\n+0 > S. 0:0(0) ack 1');
    expect(ladder.layer.halfOpenCount).toBe(2);
    ladder.icmp('refused', 1);
    ladder.icmp('unreachable', 0);
    expect(ladder.layer.halfOpenCount).toBe(2);
    ladder.icmp('refused', 0);
    expect(ladder.layer.halfOpenCount).toBe(1);
    expect(ladder.layer.drops.of('tcp_icmp_mismatch')).toBe(1);
  });

  it('is reset when its listener closes', () => {
    const ladder = new Ladder().run(syn);
    ladder.listener!.close();
    expect(ladder.layer.pollAt()).toBe(0);
    ladder.run('+0 poll\n+0 > R 1:1(0)');
    expect(ladder.layer.halfOpenCount).toBe(0);
    expect(ladder.layer.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('does not outlive its listener, even if its last ACK comes in the same turn', () => {
    const ladder = new Ladder().run(syn);
    ladder.listener!.close();
    ladder.run('+0 <+ . 1:1(0) ack 1 <TS 710>\n+0 > R 1:1(0)');
    expect([ladder.layer.halfOpenCount, ladder.layer.connectionCount]).toEqual([0, 0]);
  });

  it('is not mistaken for one on another listener of the same port number', () => {
    const ladder = new Ladder().run(syn);
    ladder.listener!.close();
    ladder.run('+0 listen\n+0 > R 1:1(0)\n+0 < . 1:1(0) ack 1 <TS 710>\n+0 > R 1:1(0)');
    expect(ladder.listener!.accept()).toBeUndefined();
  });

  it('keeps its ports from `connect`', () => {
    const ladder = new Ladder();
    ladder.run('+0 listen\n+0 < S 0:0(0)\n+0 > S. 0:0(0) ack 1');
    const { local, remote } = { local: { localPort: 80 }, remote: ladder.remote(4000) };
    expect(() => ladder.layer.connect(remote, local, ladder.now)).toThrow('is connected to 10.0.0.2:4000');
  });
});
