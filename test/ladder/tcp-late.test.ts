// Who wakes up late has packets waiting and timers overdue. The packets come first: a timer that they have moved, or
// left without a purpose, must not fire any more.
import { describe, expect, it } from 'vitest';
import { established, type Ladder } from './tcp-ladder.ts';

/** Nothing runs for so long; then `segment` is there first. */
function sleep(ladder: Ladder, ms: number, segment: string): Ladder {
  ladder.now += ms;
  return ladder.run(`+0 <+ ${segment}\n+0 poll`);
}

describe('after a pause in which nothing ran', () => {
  it('an ACK that waited stops the retransmission timer before it fires', () => {
    const ladder = established().run('+0 write 10\n+0 > P. 1:11(10) ack 1');
    sleep(ladder, 5000, '. 1:1(0) ack 11').run('+0 nothing');
    expect(ladder.connection!.info().timeouts).toBe(0);
  });

  it('an ACK of a part gives the rest its time', () => {
    const ladder = established({ peer: 'mss 1000' });
    ladder.run('+0 write 2000\n+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:2001(1000) ack 1');
    sleep(ladder, 5000, '. 1:1(0) ack 1001').run('+0 nothing');
    expect(ladder.connection!.info().timeouts).toBe(0);
  });

  it('what is in a closed window and was taken at last is not probed, nor followed by a FIN that nobody wants', () => {
    const ladder = established({ window: 0 }).run('+0 write 1\n+300 > P. 1:2(1) ack 1');
    sleep(ladder, 60_000, '. 1:1(0) ack 2 win 0').run('+0 nothing\n+0 state ESTABLISHED');
  });

  it('a FIN in a closed window that was acknowledged at last is not sent again', () => {
    const ladder = established({ window: 0 }).run('+0 shutdown\n+300 > F. 1:1(0) ack 1');
    sleep(ladder, 60_000, '. 1:1(0) ack 2 win 0').run('+0 nothing\n+0 state FIN-WAIT-2');
  });

  it('no tail loss probe repeats what the peer has reported', () => {
    const ladder = established({ peer: 'mss 1000,sackOK' });
    ladder.run('+0 write 2000\n+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:2001(1000) ack 1');
    sleep(ladder, 250, '. 1:1(0) ack 1 <sack 1001:2001>').run('+0 nothing');
    expect(ladder.connection!.info().tailProbes).toBe(0);
  });
});
