import { describe, expect, it } from 'vitest';
import { address } from '../core/netstack/tcp/fake-ip.ts';
import { established, Ladder } from './tcp-ladder.ts';

describe('opening (RFC 9293 §3.5, §3.10)', () => {
  it('offers MSS, SACK, timestamps and window scale in its SYN, and an unscaled window', () => {
    new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0) win 65535 <mss 1380,sackOK,TS 0 0,wscale 9>
      +0    state SYN-SENT
      +100  < S. 0:0(0) ack 1 win 5000 <mss 1460,sackOK,TS 700 0,wscale 7>
      +0    > . 1:1(0) ack 1 win 256 <TS 100 700>
      +0    state ESTABLISHED`);
  });

  it('offers an MSS of the MTU less 60 bytes over IPv6', () => {
    new Ladder({ connect: {}, version: 6, mtu: 1280 }).run(`
      +0    connect
      +0    > S 0:0(0) <mss 1220,sackOK,TS 0 0,wscale 9>`);
  });

  it('uses no option the peer did not answer, and 536 bytes where it said no MSS (MUST-15)', () => {
    const ladder = established({ peer: '' });
    ladder.run(`
      +0    write 1000
      +0    > . 1:537(536) ack 1 win 65535 <>
      +0    > P. 537:1001(464) ack 1 win 65535 <>`);
    expect(ladder.connection!.info()).toMatchObject({ timestamps: false, sack: false, mss: 536 });
  });

  it('answers only with the options that the SYN offered (RFC 7323 §2.2, RFC 2018 §2)', () => {
    new Ladder().run(`
      +0    listen
      +0    < S 0:0(0) win 1000 <mss 1000>
      +0    > S. 0:0(0) ack 1 win 65535 <mss 1380>
      +10   < . 1:1(0) ack 1 win 1000
      +0    accept
      +0    state ESTABLISHED`);
    new Ladder().run(`
      +0    listen
      +0    < S 0:0(0) win 1000 <mss 1000,sackOK,TS 5 0,wscale 3>
      +0    > S. 0:0(0) ack 1 win 65535 <mss 1380,sackOK,TS 0 5,wscale 9>`);
  });

  it('never scales the window of a SYN or SYN|ACK (RFC 7323 §2.2)', () => {
    const ladder = established({ peer: 'mss 1380,wscale 7', window: 3000 });
    expect(ladder.connection!.info().sendWindow).toBe(3000);
    ladder.run('+0 < . 1:1(0) ack 1 win 100');
    expect(ladder.connection!.info().sendWindow).toBe(12_800);
  });

  it('takes a shift count above 14 as 14 (RFC 7323 §2.3)', () => {
    const ladder = established({ peer: 'mss 1380,wscale 200' });
    expect(ladder.connection!.info().windowScale.send).toBe(14);
  });

  it('keeps at least 36 bytes of payload whatever MSS the peer claims', () => {
    expect(established({ peer: 'mss 1,TS 1000 0' }).connection!.info().mss).toBe(36);
    expect(established({ peer: 'mss 65535' }).connection!.info().mss).toBe(1380);
  });

  it('sends its SYN again after 1, 3, 7, 15, 31, 63 and 127 s and gives up after 180 s (§3.8.3, MUST-23)', () => {
    const ladder = new Ladder({ connect: {} }).run(`
      +0     connect
      +0     > S 0:0(0)
      +1000  > S 0:0(0)
      +2000  > S 0:0(0)
      +4000  > S 0:0(0)
      +8000  > S 0:0(0)
      +16000 > S 0:0(0)
      +32000 > S 0:0(0)
      +64000 > S 0:0(0)
      +53000 error ERR_TIMEOUT
      +0     state CLOSED`);
    expect(ladder.error!.message).toContain('10.0.0.2:80');
    expect(ladder.layer.connectionCount).toBe(0);
  });

  it('is refused by a reset that acknowledges its SYN (§3.10.7.3)', () => {
    const ladder = new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +10   < R. 0:0(0) ack 1
      +0    error ERR_CONNECTION_REFUSED
      +9000 nothing`);
    expect(ladder.events).toEqual(['closed ERR_CONNECTION_REFUSED']);
  });

  it('ignores a reset in SYN-SENT without an ACK, or with a wrong one', () => {
    new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +10   < R 0:0(0)
      +10   < R. 0:0(0) ack 5
      +0    state SYN-SENT`);
  });

  it('answers a wrong ACK in SYN-SENT by a reset and stays (§3.10.7.3, first)', () => {
    new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +10   < S. 0:0(0) ack 0
      +0    > R 0:0(0)
      +10   < . 0:0(0) ack 2
      +0    > R 2:2(0)
      +0    state SYN-SENT
      +10   < S. 0:0(0) ack 1
      +0    > . 1:1(0) ack 1`);
  });

  it('takes in text and FIN that come with the SYN|ACK', () => {
    new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +10   < SF. 0:100(100) ack 1
      +0    > . 1:1(0) ack 102
      +0    state CLOSE-WAIT`);
  });

  it('opens simultaneously: a bare SYN in SYN-SENT is answered by SYN|ACK (§3.5, MUST-10)', () => {
    const ladder = new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +10   < S 0:0(0) win 5000 <mss 1000>
      +0    > S. 0:0(0) ack 1 <mss 1380>
      +0    state SYN-RECEIVED
      +10   < S. 0:0(0) ack 1 win 5000 <mss 1000>
      +0    state ESTABLISHED`);
    expect(ladder.events).toContain('connected');
    // Whatever it still says is an ACK and nothing else.
    ladder.run(`
      +0    write 10
      +0    > P. 1:11(10) ack 1`);
  });

  it('completes a simultaneous open by a plain ACK as well', () => {
    new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +10   < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +10   < . 1:1(0) ack 1 win 5000
      +0    state ESTABLISHED`);
  });

  it('is refused by a reset in a simultaneous open (§3.10.7.4, second)', () => {
    new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +10   < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +10   < R 1:1(0)
      +0    error ERR_CONNECTION_REFUSED`);
  });

  it('says nothing when closed in SYN-SENT, and resets the SYN|ACK that comes late', () => {
    const ladder = new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +10   close
      +0    state CLOSED
      +10   < S. 0:0(0) ack 1
      +0    > R 1:1(0)`);
    expect(ladder.events).toEqual(['closed']);
  });

  it('queues what is written before the handshake ends, and the FIN too', () => {
    new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +0    write 500
      +0    shutdown
      +100  < S. 0:0(0) ack 1 <mss 1380>
      +0    > FP. 1:501(500) ack 1
      +0    state FIN-WAIT-1`);
  });

  it('waits 3 s for the first data when its SYN had to be repeated and nothing was measured (RFC 6298 §5.7)', () => {
    new Ladder({ connect: {} }).run(`
      +0    connect
      +0    > S 0:0(0)
      +1000 > S 0:0(0)
      +100  < S. 0:0(0) ack 1 <mss 1380>
      +0    > . 1:1(0) ack 1
      +0    write 100
      +0    > P. 1:101(100) ack 1
      +3000 > P. 1:101(100) ack 1`);
  });

  it('starts with one segment after two lost SYNs, with ten after one (RFC 6928 §2)', () => {
    const afterSyns = (count: number) => {
      const ladder = new Ladder({ connect: {} }).run('+0 connect\n+0 > S 0:0(0)');
      for (let i = 0; i < count; i++) ladder.run(`+${1000 * 2 ** i} > S 0:0(0)`);
      return ladder.run('+10 < S. 0:0(0) ack 1 <mss 1380>\n+0 > . 1:1(0) ack 1').connection!.info().cwnd;
    };
    expect(afterSyns(0)).toBe(13_800);
    expect(afterSyns(1)).toBe(13_800);
    expect(afterSyns(2)).toBe(1380);
  });
});

describe('listening (RFC 9293 §3.10.7.2)', () => {
  const open = `
      +0    < S 0:0(0) win 5000 <mss 1000>
      +0    > S. 0:0(0) ack 1
      +10   < . 1:1(0) ack 1 win 5000`;

  it('takes text that comes with the last ACK of the handshake', () => {
    new Ladder().run(`
      +0    listen
      +0    < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +10   < P. 1:101(100) ack 1 win 5000
      +0    > . 1:1(0) ack 101
      +0    accept
      +0    read 100`);
  });

  it('completes by the first data when that ACK is lost', () => {
    new Ladder().run(`
      +0    listen
      +0    < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +500  < P. 1:11(10) ack 1 win 5000
      +0    > . 1:1(0) ack 11
      +0    accept
      +0    state ESTABLISHED`);
  });

  it('leaves text in a SYN for the peer to send again', () => {
    new Ladder().run(`
      +0    listen
      +0    < S 0:100(100) win 5000
      +0    > S. 0:0(0) ack 1`);
  });

  it('answers a repeated SYN by its SYN|ACK again', () => {
    new Ladder().run(`
      +0    listen
      +0    < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +500  < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1`);
  });

  it('sends the SYN|ACK again after 1, 3, 7, 15 and 31 s and then forgets', () => {
    const ladder = new Ladder().run(`
      +0     listen
      +0     < S 0:0(0) win 5000
      +0     > S. 0:0(0) ack 1
      +1000  > S. 0:0(0) ack 1
      +2000  > S. 0:0(0) ack 1
      +4000  > S. 0:0(0) ack 1
      +8000  > S. 0:0(0) ack 1
      +16000 > S. 0:0(0) ack 1
      +31000 nothing`);
    expect(ladder.layer.halfOpenCount).toBe(1);
    ladder.run('+1001 nothing');
    expect(ladder.layer.halfOpenCount).toBe(0);
  });

  it('forgets a half-open connection on an exact reset, challenges one in the window (RFC 5961)', () => {
    const ladder = new Ladder().run(`
      +0    listen
      +0    < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +10   < R 500:500(0)
      +0    > . 1:1(0) ack 1
      +10   < R 1:1(0)
      +9000 nothing`);
    expect(ladder.layer.halfOpenCount).toBe(0);
  });

  it('answers a wrong ACK in SYN-RECEIVED by a reset and stays (§3.10.7.4, fifth)', () => {
    new Ladder().run(`
      +0    listen
      +0    < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +10   < . 1:1(0) ack 700
      +0    > R 700:700(0)
      +10   < . 1:1(0) ack 1
      +0    accept
      +0    state ESTABLISHED`);
  });

  it('drops SYN|FIN and segments without SYN or ACK, resets an ACK', () => {
    const ladder = new Ladder().run(`
      +0    listen
      +0    < SF 0:0(0)
      +0    < F 0:0(0)
      +0    < - 0:0(0)
      +0    < R 0:0(0)
      +0    < . 1:1(0) ack 77
      +0    > R 77:77(0)`);
    expect(ladder.layer.connectionCount).toBe(0);
  });

  it('lets no more than the backlog wait: the last ACK is ignored until there is room', () => {
    const ladder = new Ladder({ listen: { backlog: 4 } }).run('+0 listen');
    for (let i = 0; i < 4; i++) {
      ladder.remotePort = 5000 + i;
      ladder.run(open);
    }
    ladder.remotePort = 6000;
    ladder.run('+0 < S 0:0(0) win 5000\n+5000 nothing');
    expect(ladder.layer.drops.of('tcp_accept_queue_full')).toBe(1);
    ladder.run('+0 accept');
    ladder.run(open);
  });

  it('ignores the last ACK of a handshake while nobody accepts, and takes it when its SYN|ACK is repeated', () => {
    const ladder = new Ladder({ listen: { backlog: 8 } }).run('+0 listen');
    for (let i = 0; i < 7; i++) {
      ladder.remotePort = 5000 + i;
      ladder.run(open);
    }
    const syn = '+0 < S 0:0(0) win 5000\n+0 > S. 0:0(0) ack 1';
    for (ladder.remotePort of [6000, 6001]) ladder.run(syn);
    ladder.run('+0 < . 1:1(0) ack 1');
    expect(ladder.listener!.hasRoom).toBe(false);
    ladder.remotePort = 6000;
    const repeated = '> S. 0:0(0) ack 1\n+0 < . 1:1(0) ack 1';
    ladder.run(`+1000 ${repeated}`);
    expect(ladder.layer.drops.of('tcp_accept_queue_full')).toBe(1);
    ladder.run('+0 accept');
    expect(ladder.listener!.hasRoom).toBe(true);
    ladder.run(`+2000 ${repeated}\n+90000 nothing`);
    expect(ladder.listener!.hasRoom).toBe(false);
  });

  it('bounds half-open connections, per source too', () => {
    const ladder = new Ladder({ listen: { backlog: 16 } }).run('+0 listen');
    for (let i = 0; i < 20; i++) {
      ladder.remotePort = 7000 + i;
      // What is too much is answered too, but not remembered.
      ladder.run('+0 < S 0:0(0)\n+0 > S. 0:0(0)');
    }
    expect(ladder.layer.halfOpenCount).toBe(4);
    expect(ladder.layer.cookies.sent).toBe(16);
  });

  it('resets what nobody has accepted when it closes', () => {
    const ladder = new Ladder().run('+0 listen');
    ladder.run(open);
    ladder.listener!.close();
    ladder.run('+0 poll\n+0 > R. 1:1(0) ack 1');
    expect(ladder.layer.connectionCount).toBe(0);
  });

  it('hands over a connection that its peer reset before it was accepted, data first', () => {
    const ladder = new Ladder().run('+0 listen');
    ladder.run(open);
    ladder.run(
      '+0 < P. 1:51(50) ack 1\n+0 > . 1:1(0) ack 51\n+0 < R 51:51(0)\n+0 accept\n+0 state CLOSED\n+0 read 50',
    );
    expect(ladder.connection!.error).toMatchObject({ code: 'ERR_CONNECTION_RESET' });
  });

  it('finds the listener on an address before the one on all addresses, and refuses a second of either', () => {
    const ladder = new Ladder();
    const { layer, now } = ladder;
    const all = layer.listen({ port: 80 }, now);
    const one = layer.listen({ port: 80, address: address('10.0.0.1') }, now);
    expect(() => layer.listen({ port: 80 }, now)).toThrow('listens on [::]:80 already');
    expect(() => layer.listen({ port: 80, address: address('0.0.0.0') }, now)).toThrow(
      'listens on 0.0.0.0:80',
    );
    expect(() => layer.listen({ port: 80, address: address('10.0.0.1') }, now)).toThrow(
      'listens on 10.0.0.1:80',
    );
    expect(() => layer.listen({ port: 80, address: address('10.9.9.9') }, now)).toThrow('not an address of');
    ladder.run(open);
    expect([one.accept() !== undefined, all.accept()]).toEqual([true, undefined]);
  });
});

describe('a port where nobody listens (RFC 9293 §3.10.7.1)', () => {
  it('resets a SYN with <SEQ=0, ACK=SEG.SEQ+SEG.LEN>, counting SYN, text and FIN', () => {
    new Ladder().run(`
      +0    < S 0:0(0)
      +0    > R. 0:0(0) ack 1
      +0    < SF 0:10(10)
      +0    > R. 0:0(0) ack 12`);
  });

  it('resets a segment with an ACK at SEG.ACK, and answers no reset', () => {
    new Ladder().run(`
      +0    < . 5:5(0) ack 1234
      +0    > R 1234:1234(0)
      +0    < R 5:5(0)
      +0    < R. 5:5(0) ack 99`);
  });

  it('sends no more than 100 resets a second to one source', () => {
    const ladder = new Ladder();
    let sent = 0;
    ladder.ip.outlet = () => sent++;
    for (let i = 0; i < 1000; i++) ladder.run('+0 < S 0:0(0)');
    expect(sent).toBe(100);
    ladder.run('+500 nothing');
    for (let i = 0; i < 1000; i++) ladder.run('+0 < S 0:0(0)');
    expect(sent).toBe(150);
    expect(ladder.layer.drops.of('tcp_reset_rate_limit')).toBe(1850);
  });

  it('nor more to one whose handshake it answers with wrong numbers', () => {
    const ladder = new Ladder({ listen: {} }).run('+0 listen\n+0 < S 0:0(0)\n+0 > S. 0:0(0) ack 1');
    let sent = 0;
    ladder.ip.outlet = () => sent++;
    for (let i = 0; i < 1000; i++) ladder.run('+0 < . 1:1(0) ack 99');
    expect(sent).toBe(100);
    expect(ladder.layer.drops.of('tcp_bad_ack')).toBe(1000);
  });
});
