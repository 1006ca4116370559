import { describe, expect, it } from 'vitest';
import { established, Ladder } from './tcp-ladder.ts';

describe('closing (RFC 9293 §3.6)', () => {
  it('goes FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT when we close first', () => {
    const ladder = established().run(`
      +0    shutdown
      +0    > F. 1:1(0) ack 1
      +0    state FIN-WAIT-1
      +50   < . 1:1(0) ack 2
      +0    state FIN-WAIT-2
      +50   < F. 1:1(0) ack 2
      +0    > . 2:2(0) ack 2
      +0    state TIME-WAIT`);
    expect(ladder.layer.timeWaitCount).toBe(1);
    expect(ladder.events.filter((event) => event.startsWith('closed'))).toEqual(['closed']);
    ladder.run('+239999 nothing');
    expect(ladder.layer.timeWaitCount).toBe(1);
    ladder.run('+1 nothing');
    expect(ladder.layer.timeWaitCount).toBe(0);
    expect(ladder.layer.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('goes from FIN-WAIT-1 to TIME-WAIT when FIN and ACK come together', () => {
    established().run(`
      +0    shutdown
      +0    > F. 1:1(0) ack 1
      +50   < F. 1:1(0) ack 2
      +0    > . 2:2(0) ack 2
      +0    state TIME-WAIT`);
  });

  it('goes CLOSE-WAIT, LAST-ACK, CLOSED when the peer closes first', () => {
    const ladder = established().run(`
      +0    < F. 1:1(0) ack 1
      +0    > . 1:1(0) ack 2
      +0    state CLOSE-WAIT
      +500  write 100
      +0    > P. 1:101(100) ack 2
      +50   < . 2:2(0) ack 101
      +0    close
      +0    > F. 101:101(0) ack 2
      +0    state LAST-ACK
      +50   < . 2:2(0) ack 102
      +0    state CLOSED
      +0    < . 2:2(0) ack 102
      +0    > R 102:102(0)`);
    expect(ladder.connection!.readEnded).toBe(true);
    expect(ladder.events).toEqual(['connected', 'readable', 'closed']);
    expect(ladder.layer.timeWaitCount).toBe(0);
  });

  it('goes CLOSING, TIME-WAIT when both close at once (§3.6, case 3)', () => {
    established().run(`
      +0    shutdown
      +0    > F. 1:1(0) ack 1
      +10   < F. 1:1(0) ack 1
      +0    > . 2:2(0) ack 2
      +0    state CLOSING
      +10   < . 2:2(0) ack 2
      +0    state TIME-WAIT
      +1000 nothing`);
  });

  it('reads on after its own FIN: half-close lasts as long as the peer likes', () => {
    const ladder = established().run(`
      +0        shutdown
      +0        > F. 1:1(0) ack 1
      +50       < . 1:1(0) ack 2
      +9000000  < P. 1:101(100) ack 2
      +0        > . 2:2(0) ack 101
      +0        read 100
      +0        state FIN-WAIT-2
      +50       < F. 101:101(0) ack 2
      +0        > . 2:2(0) ack 102
      +0        state TIME-WAIT`);
    expect(ladder.connection!.readEnded).toBe(true);
  });

  it('ends FIN-WAIT-2 after a minute when the application is gone', () => {
    const ladder = established().run(`
      +0      close
      +0      > F. 1:1(0) ack 1
      +50     < . 1:1(0) ack 2
      +59999  state FIN-WAIT-2
      +1      > R. 2:2(0) ack 1
      +0      state CLOSED`);
    expect(ladder.layer.connectionCount).toBe(0);
  });

  it('begins that minute when the application goes, not before', () => {
    established().run(`
      +0      shutdown
      +0      > F. 1:1(0) ack 1
      +50     < . 1:1(0) ack 2
      +90000  close
      +59999  state FIN-WAIT-2
      +1      > R. 2:2(0) ack 1`);
  });

  it('sends its FIN after everything that was written, with the last text', () => {
    established().run(`
      +0    write 2000
      +0    > . 1:1381(1380) ack 1
      +0    > P. 1381:2001(620) ack 1
      +0    shutdown
      +0    > F. 2001:2001(0) ack 1`);
    established({ connect: {}, window: 1380 }).run(`
      +0    write 1500
      +0    > . 1:1381(1380) ack 1
      +0    close
      +50   < . 1:1(0) ack 1381 win 5000
      +0    > FP. 1381:1501(120) ack 1`);
  });

  it('sends a lost FIN again, behind its text', () => {
    established().run(`
      +0    write 10
      +0    > P. 1:11(10) ack 1
      +0    close
      +0    > F. 11:11(0) ack 1
      +300  > P. 1:11(10) ack 1
      +0    > F. 11:11(0) ack 1
      +50   < . 1:1(0) ack 12
      +0    state FIN-WAIT-2`);
  });

  it('consumes a FIN that came too early only when the gap is filled', () => {
    const ladder = established().run(`
      +0    < FP. 101:201(100) ack 1
      +0    > . 1:1(0) ack 1
      +0    state ESTABLISHED
      +10   < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 202
      +0    state CLOSE-WAIT
      +0    read 200`);
    expect(ladder.connection!.readEnded).toBe(true);
  });

  it('believes the first FIN, and drops what lies behind it', () => {
    const ladder = established().run(`
      +0    < F. 101:101(0) ack 1
      +0    > . 1:1(0) ack 1
      +10   < P. 101:151(50) ack 1
      +0    > . 1:1(0) ack 1
      +10   < FP. 1:51(50) ack 1
      +0    > . 1:1(0) ack 51
      +10   < P. 51:151(100) ack 1
      +0    > . 1:1(0) ack 102
      +0    read 100
      +0    state CLOSE-WAIT`);
    expect(ladder.connection!.readableBytes).toBe(0);
    expect(ladder.layer.drops.of('tcp_after_fin')).toBeGreaterThan(0);
  });

  it('acknowledges a FIN in a closed window', () => {
    established({ connect: { receiveBufferSize: 100 } }).run(`
      +0    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101 win 0
      +10   < F. 101:101(0) ack 1
      +0    > . 1:1(0) ack 102 win 0
      +0    state CLOSE-WAIT`);
  });

  it('drops text after the FIN in CLOSE-WAIT', () => {
    established().run(`
      +0    < F. 1:1(0) ack 1
      +0    > . 1:1(0) ack 2
      +10   < P. 2:12(10) ack 1
      +0    > . 1:1(0) ack 2
      +0    state CLOSE-WAIT`);
  });
});

describe('losing data is told (RFC 2525 §2.17, RFC 9293 §3.6.1)', () => {
  it('resets when closed with unread bytes', () => {
    const ladder = established().run(`
      +0    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101
      +0    close
      +0    > R. 1:1(0) ack 101
      +0    state CLOSED`);
    expect(ladder.layer.pages.used).toBe(0);
    expect(ladder.events).toEqual(['connected', 'readable', 'closed']);
  });

  it('resets when bytes come after it was closed', () => {
    established().run(`
      +0    close
      +0    > F. 1:1(0) ack 1
      +50   < P. 1:101(100) ack 2
      +0    > R. 2:2(0) ack 1
      +0    state CLOSED`);
  });

  it('abort resets at once and forgets what was written', () => {
    const ladder = established().run(`
      +0    write 100
      +0    > P. 1:101(100) ack 1
      +0    abort
      +0    > R. 101:101(0) ack 1
      +0    state CLOSED
      +9000 nothing`);
    expect(ladder.layer.pages.used).toBe(0);
    expect(ladder.error).toBeUndefined();
  });

  it('keeps what came before a reset readable, and then tells of the reset (RFC 9293 §3.10.7.4)', () => {
    const ladder = established().run(`
      +0    < P. 1:101(100) ack 1
      +0    > . 1:1(0) ack 101
      +10   < R 101:101(0)
      +0    state CLOSED
      +0    error ERR_CONNECTION_RESET
      +0    read 100`);
    expect(ladder.error!.message).toBe('10.0.0.2:80 reset the connection.');
    expect(ladder.error!.leg).toBe('inside');
    expect(ladder.layer.pages.used).toBe(0);
    expect(ladder.connection!.write(new Uint8Array(1))).toBe(0);
  });

  it('gives back what was out of order when it is reset', () => {
    const ladder = established().run(`
      +0    < P. 101:201(100) ack 1
      +0    > . 1:1(0) ack 1
      +10   < P. 9001:9101(100) ack 1
      +0    > . 1:1(0) ack 1
      +10   < R 1:1(0)
      +0    state CLOSED`);
    expect(ladder.layer.pages.used).toBe(0);
  });

  it('an orphan has its hundred seconds from the close on, however long the peer was silent before', () => {
    const ladder = established().run('+0 write 10\n+0 > P. 1:11(10) ack 1');
    ladder.ip.outlet = () => {};
    ladder.run('+200000 close\n+99000 state FIN-WAIT-1\n+2000 state CLOSED');
  });

  it('and its minute in a window that has long been closed', () => {
    const ladder = established({ window: 0 }).run('+0 write 10');
    ladder.ip.outlet = () => {};
    ladder.run('+200000 close\n+59000 state FIN-WAIT-1\n+2000 state CLOSED');
  });

  it('gives up an orphan in a closed window after a minute, with a reset', () => {
    const ladder = established({ window: 0 }).run('+0 write 10\n+0 close');
    let resets = 0;
    ladder.ip.outlet = (packet) => {
      if (packet.view.getUint8(packet.start + 13) & 4) resets++;
    };
    ladder.run('+59900 nothing\n+0 state FIN-WAIT-1\n+200 state CLOSED');
    expect(resets).toBe(1);
    expect(ladder.layer.pages.used).toBe(0);
  });
});

describe('TIME-WAIT (RFC 9293 §3.6.1, RFC 1337, RFC 6191)', () => {
  const inTimeWait = (peer = 'mss 1380') =>
    established({ peer }).run(
      peer.includes('TS')
        ? `
      +0    shutdown
      +0    > F. 1:1(0) ack 1
      +50   < F. 1:1(0) ack 2 <TS 2000>
      +0    > . 2:2(0) ack 2`
        : `
      +0    shutdown
      +0    > F. 1:1(0) ack 1
      +50   < F. 1:1(0) ack 2
      +0    > . 2:2(0) ack 2`,
    );

  it('acknowledges a repeated FIN and begins anew', () => {
    const ladder = inTimeWait().run(`
      +200000 < F. 1:1(0) ack 2
      +0      > . 2:2(0) ack 2
      +200000 nothing`);
    expect(ladder.layer.timeWaitCount).toBe(1);
  });

  it('is not ended by a reset, nor moved by text or a bare ACK', () => {
    const ladder = inTimeWait().run(`
      +10   < R 2:2(0)
      +10   < R 2:12(10)
      +10   < . 2:2(0) ack 2
      +10   < P. 1:11(10) ack 2
      +0    > . 2:2(0) ack 2`);
    expect(ladder.layer.timeWaitCount).toBe(1);
  });

  it('goes on with timestamps where they were agreed on', () => {
    inTimeWait('mss 1380,TS 1000 0').run(`
      +50   < F. 1:1(0) ack 2 <TS 2000>
      +0    > . 2:2(0) ack 2 <TS 200 2000>`);
  });

  describe('gives way to a SYN that is clearly newer (RFC 6191 §2)', () => {
    const serve = (peer: string) => {
      const ladder = new Ladder();
      const tail = peer === '' ? '' : ` <${peer}>`;
      const ts = peer.includes('TS') ? ' <TS 2000>' : '';
      return ladder.run(`
      +0    listen
      +0    < S 0:0(0) win 5000${tail}
      +0    > S. 0:0(0) ack 1
      +10   < . 1:1(0) ack 1${ts}
      +0    accept
      +0    close
      +0    > F. 1:1(0) ack 1
      +10   < F. 1:1(0) ack 2${ts}
      +0    > . 2:2(0) ack 2`);
    };
    const stays = '+0 > . 2:2(0) ack 2';
    const opens = (next: number) => `+0 > S. 0:0(0) ack ${next}`;

    it('by its number, where neither connection has timestamps', () => {
      const { layer } = serve('').run(`+1000 < S 2:2(0)\n${stays}\n+0 < S 3:3(0)\n${opens(4)}`);
      expect([layer.timeWaitCount, layer.halfOpenCount]).toEqual([0, 1]);
    });

    it('by its timestamp, where both have them: no number helps an old one', () => {
      const { layer } = serve('TS 1000 0').run(`
      +1000 < S 5000:5000(0) <TS 1999 0>
      ${stays}
      +0    < S 0:0(0) <TS 2001 0>
      ${opens(1)}`);
      expect([layer.timeWaitCount, layer.halfOpenCount]).toEqual([0, 1]);
    });

    it('by its number, where the timestamp is the last one', () => {
      serve('TS 1000 0').run(`
      +1000 < S 2:2(0) <TS 2000 0>
      ${stays}
      +0    < S 3:3(0) <TS 2000 0>
      ${opens(4)}`);
    });

    it('by its number, where only the old one had timestamps', () => {
      serve('TS 1000 0').run(`+1000 < S 2:2(0)\n${stays}\n+0 < S 3:3(0)\n${opens(4)}`);
    });

    it('whatever its number, where only the new one has timestamps', () => {
      serve('').run(`+1000 < S -9000:-9000(0) <TS 5 0>\n${opens(-8999)}`);
    });

    it('and is not given up for a SYN that finds no place', () => {
      const ladder = serve('TS 1000 0');
      ladder.listener!.close();
      ladder.ip.outlet = () => undefined;
      ladder.run('+1000 < S 0:0(0) <TS 2001 0>');
      expect(ladder.layer.timeWaitCount).toBe(1);
    });
  });

  it('lets connect use the port again after a second, if timestamps were in use', () => {
    const options = { connect: { localPort: 50_000 } };
    const again = (peer: string, wait: number) => {
      const ladder = established({ ...options, peer });
      const ts = peer.includes('TS') ? ' <TS 2000>' : '';
      ladder.run(`+0 shutdown\n+0 > F. 1:1(0)\n+50 < F. 1:1(0) ack 2${ts}\n+0 > . 2:2(0)\n+${wait} nothing`);
      return () => ladder.run('+0 connect\n+0 > S 0:0(0)');
    };
    expect(again('mss 1380', 5000)).toThrow('already');
    expect(again('mss 1380,TS 1000 0', 500)).toThrow('already');
    const ladder = again('mss 1380,TS 1000 0', 1500)();
    // Its numbers are beyond all that the connection before it used.
    expect(ladder.isnStep).toBe(2 + 65_537);
    expect(ladder.layer.timeWaitCount).toBe(0);
  });
});
