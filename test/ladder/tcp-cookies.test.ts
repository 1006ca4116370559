import { describe, expect, it } from 'vitest';
import type { LadderOptions } from './tcp-ladder.ts';
import { Ladder } from './tcp-ladder.ts';

/** A listener that remembers one half-open connection, and has one. */
function full(options: LadderOptions = {}): Ladder {
  const ladder = new Ladder({ ...options, listen: { backlog: 1, ...options.listen } });
  ladder.remotePort = 3999;
  ladder.run('+0 listen\n+0 < S 0:0(0)\n+0 > S. 0:0(0) ack 1');
  ladder.remotePort = 4000;
  return ladder;
}

describe('SYN cookies (RFC 4987 §3.6)', () => {
  it('answer a SYN that finds no room, and the last ACK makes the connection with all its options', () => {
    const ladder = full().run(`
      +1    < S 0:0(0) win 5000 <mss 1370,sackOK,TS 700 0,wscale 7>
      +0    > S. 0:0(0) ack 1 win 65535`);
    expect(ladder.layer.halfOpenCount).toBe(1);
    ladder.run(`
      +80   < P. 1:101(100) ack 1 win 100 <TS 780>
      +0    > . 1:1(0) ack 101
      +0    accept
      +0    read 100
      +0    state ESTABLISHED`);
    expect(ladder.layer.cookies).toEqual({ sent: 1, accepted: 1 });
    expect(ladder.connection!.info()).toMatchObject({
      mss: 1360 - 12,
      sack: true,
      timestamps: true,
      windowScale: { send: 7, receive: 9 },
      sendWindow: 12_800,
      // Nothing is known of the path.
      rtt: 0,
      rto: 1000,
    });
    ladder.run('+0 write 100\n+0 > P. 1:101(100) ack 101\n+50 < . 101:101(0) ack 101 win 100 <TS 830>');
    expect(ladder.connection!.info().rtt).toBe(50);
  });

  it('carry every shift count, and none, and SACK or not', () => {
    for (const scale of [undefined, 0, 1, 13, 14]) {
      for (const sack of [true, false]) {
        const offer = `TS 700 0${sack ? ',sackOK' : ''}${scale === undefined ? '' : `,wscale ${scale}`}`;
        const ladder = full({ version: 6 }).run(`
      +1    < S 0:0(0) win 5000 <${offer}>
      +0    > S. 0:0(0) ack 1
      +80   < . 1:1(0) ack 1 win 100 <TS 780>
      +0    accept`);
        const { windowScale, sack: sackUsed } = ladder.connection!.info();
        expect([windowScale, sackUsed]).toEqual([
          { send: scale ?? 0, receive: scale === undefined ? 0 : 9 },
          sack,
        ]);
      }
    }
  });

  it('promise nothing they cannot remember to a peer without timestamps', () => {
    const ladder = full().run(`
      +1    < S 0:0(0) win 5000 <mss 1460,sackOK,wscale 7>
      +0    > S. 0:0(0) ack 1 win 65535 <mss 1380>
      +80   < . 1:1(0) ack 1 win 5000
      +0    accept`);
    expect(ladder.connection!.info()).toMatchObject({
      mss: 1380,
      sack: false,
      windowScale: { send: 0, receive: 0 },
      sendWindow: 5000,
    });
  });

  it('round the MSS down, whatever it was', () => {
    const mssFor = (offer: string, version: 4 | 6 = 4) => {
      const ladder = full({ mtu: 9000, version });
      ladder.run(`+1 < S 0:0(0)${offer}\n+0 > S. 0:0(0) ack 1\n+9 < . 1:1(0) ack 1\n+0 accept`);
      return ladder.connection!.info().mss;
    };
    const offered = [1, 535, 536, 1219, 1220, 1459, 1460, 8960, 65_535];
    expect(offered.map((mss) => mssFor(` <mss ${mss}>`))).toEqual([
      48, 48, 536, 536, 1220, 1440, 1440, 8900, 8900,
    ]);
    expect([mssFor(''), mssFor('', 6)]).toEqual([536, 1220]);
  });

  it('complete by the first data when the last ACK is lost', () => {
    full().run(`
      +1    < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +200  < P. 1:11(10) ack 1 win 5000
      +0    > . 1:1(0) ack 11
      +0    accept
      +0    read 10`);
  });

  it('are good for at least one slot of 64 s and at most two', () => {
    const answeredAfter = (wait: number) => {
      const ladder = full().run('+1 < S 0:0(0) win 5000\n+0 > S. 0:0(0) ack 1');
      // Without the repetitions of the other one.
      ladder.remotePort = 3999;
      ladder.run('+0 < R 1:1(0)');
      ladder.remotePort = 4000;
      ladder.run(`+${wait} < . 1:1(0) ack 1`);
      return ladder;
    };
    expect(answeredAfter(64_000).layer.cookies.accepted).toBe(1);
    expect(() => answeredAfter(128_000)).toThrow('R 1:1(0)');
  });

  it('are asked for only while they are being sent: otherwise an ACK is nobody’s', () => {
    const ladder = new Ladder().run('+0 listen\n+0 < . 1:1(0) ack 77\n+0 > R 77:77(0)');
    expect(ladder.layer.drops.toRecord()).toEqual({ tcp_no_connection: 1 });
  });

  it('are refused from another port, for another number, or with another MSS', () => {
    const ladder = full().run('+1 < S 0:0(0) win 5000 <mss 1460>\n+0 > S. 0:0(0) ack 1');
    ladder.run('+0 < . 1:1(0) ack 2\n+0 > R 2:2(0)');
    ladder.run('+0 < . 2:2(0) ack 1\n+0 > R 1:1(0)');
    ladder.remotePort = 4001;
    ladder.run('+0 < . 1:1(0) ack 1\n+0 > R 1:1(0)');
    expect(ladder.layer.drops.of('tcp_bad_cookie')).toBe(3);
    ladder.remotePort = 4000;
    ladder.run('+0 < . 1:1(0) ack 1');
    expect(ladder.layer.cookies.accepted).toBe(1);
  });

  it('wait for room among the unaccepted', () => {
    const ladder = full();
    const cookie = '+1 < S 0:0(0) win 5000\n+0 > S. 0:0(0) ack 1';
    ladder.run(cookie);
    ladder.remotePort = 4001;
    ladder.run(`${cookie}\n+0 < . 1:1(0) ack 1`);
    expect(ladder.listener!.hasRoom).toBe(false);
    ladder.remotePort = 4002;
    ladder.run('+1 < S 0:0(0) win 5000');
    expect(ladder.layer.drops.toRecord()).toEqual({ tcp_accept_queue_full: 1 });
  });

  it('do not follow upon TIME-WAIT: they cannot begin beyond its numbers', () => {
    const ladder = full().run(`
      +1    < S 0:0(0) win 5000
      +0    > S. 0:0(0) ack 1
      +1    < . 1:1(0) ack 1
      +0    accept
      +0    close
      +0    > F. 1:1(0) ack 1
      +10   < F. 1:1(0) ack 2
      +0    > . 2:2(0) ack 2
      +0    < S 500:500(0)`);
    expect(ladder.layer.drops.of('tcp_syn_queue_full')).toBe(1);
    expect(ladder.layer.timeWaitCount).toBe(1);
  });
});
