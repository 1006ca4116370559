// Explicit congestion notification (RFC 3168).
import { describe, expect, it } from 'vitest';
import { Ladder } from './tcp-ladder.ts';

/** A server whose client asked for ECN. */
function answering(): Ladder {
  return new Ladder({ listen: {} }).run(`
    +0   listen
    +0   < SEW 0:0(0) win 65535 <mss 1380,sackOK>
    +0   > SE. 0:0(0) ack 1
    +50  < . 1:1(0) ack 1
    +0   accept`);
}

describe('ECN (RFC 3168)', () => {
  it('is not asked for by default, and a SYN|ACK that speaks of it unasked means nothing (§6.1.1)', () => {
    const ladder = new Ladder({ connect: {} });
    ladder.run('+0 connect\n+0 > S 0:0(0)\n+10 < SE. 0:0(0) ack 1 win 65535 <mss 1380>\n+0 > . 1:1(0) ack 1');
    ladder.run('+0 write 100\n+0 > P. 1:101(100) ack 1');
    ladder.run('+10 < [ce] P. 1:11(10) ack 101\n+0 > . 101:101(0) ack 11');
  });

  it('is asked for where we are told to, but not by a SYN that is sent again (§6.1.1.1)', () => {
    const ladder = new Ladder({ connect: {}, ecn: 'ask' });
    ladder.run('+0 connect\n+0 > SEW 0:0(0)\n+1000 > S 0:0(0)');
    const agreed = new Ladder({ connect: {}, ecn: 'ask' });
    agreed.run(
      '+0 connect\n+0 > SEW 0:0(0)\n+10 < SE. 0:0(0) ack 1 win 65535 <mss 1380>\n+0 > . 1:1(0) ack 1',
    );
    agreed.run('+0 write 100\n+0 > [ect0] P. 1:101(100) ack 1');
    const mirrored = new Ladder({ connect: {}, ecn: 'ask' });
    mirrored.run(
      '+0 connect\n+0 > SEW 0:0(0)\n+10 < SEW. 0:0(0) ack 1 win 65535 <mss 1380>\n+0 > . 1:1(0) ack 1',
    );
    mirrored.run('+0 write 100\n+0 > P. 1:101(100) ack 1');
    expect(mirrored.connection!.state).toBe('ESTABLISHED');
  });

  it('echoes a mark in every ACK, the first at once, until the peer says that it has reduced (§6.1.3)', () => {
    answering().run(`
      +10  < [ect0] P. 1:101(100) ack 1
      +0   > . 1:1(0) ack 101
      +10  < [ce] P. 101:201(100) ack 1
      +0   > E. 1:1(0) ack 201
      +10  < [ect0] P. 201:301(100) ack 1
      +0   > E. 1:1(0) ack 301
      +10  < [ect0] PW. 301:401(100) ack 1
      +0   > . 1:1(0) ack 401`);
  });

  it('marks new text as capable, and neither ACKs nor what is sent again (§6.1.4, §6.1.5)', () => {
    answering().run(`
      +0    write 100
      +0    > [ect0] P. 1:101(100) ack 1
      +250  > P. 1:101(100) ack 1`);
  });

  it('takes an echo for a loss, once per window, and says so in the next new text (§6.1.2)', () => {
    const ten = Array.from(
      { length: 10 },
      (_, i) => `+0 > [ect0] . ${1 + i * 1380}:${1 + (i + 1) * 1380}(1380)`,
    );
    const ladder = answering().run(`+0 write ${20 * 1380}\n${ten.join('\n')}`);
    // PRR lets seven segments leave for ten that arrive (RFC 9937): the first for the first two.
    ladder.run('+50 < E. 1:1(0) ack 1381\n+0 > [ect0] W. 13801:15181(1380)');
    expect(ladder.connection!.info()).toMatchObject({ ssthresh: 9660, recoveryPhase: 'cwr', retransmits: 0 });
    ladder.run('+0 < E. 1:1(0) ack 2761\n+0 < E. 1:1(0) ack 4141\n+0 > [ect0] . 15181:16561(1380)');
    ladder.ip.outlet = () => {};
    ladder.run('+0 < . 1:1(0) ack 13801');
    expect(ladder.connection!.info()).toMatchObject({ cwnd: 9660, ssthresh: 9660, recoveryPhase: 'open' });
    // What was sent after the reduction may be marked again.
    ladder.run('+50 < E. 1:1(0) ack 15181');
    expect(ladder.connection!.info().ssthresh).toBe(Math.floor(9660 * 0.7));
  });
});
