// A machine that sleeps: the clock jumps, and timers are late by more than any network could explain.
import { it } from 'vitest';
import { established, Ladder } from './tcp-ladder.ts';

/** Time passes, and nobody polls. */
function sleep(ladder: Ladder, milliseconds: number): void {
  ladder.now += milliseconds;
}

it('an hour of sleep ends no connection: what is in flight goes once more', () => {
  const ladder = established({ connect: { userTimeout: 5000 } }).run(
    '+0 write 100\n+0 > P. 1:101(100) ack 1',
  );
  sleep(ladder, 3_600_000);
  ladder.run('+0 poll\n+0 > P. 1:101(100) ack 1\n+0 state ESTABLISHED');
  ladder.run('+100 < . 1:1(0) ack 101\n+0 state ESTABLISHED');
});

it('a handshake is tried once more', () => {
  const ladder = new Ladder({ connect: {} }).run('+0 connect\n+0 > S 0:0(0)');
  sleep(ladder, 3_600_000);
  ladder.run(
    '+0 poll\n+0 > S 0:0(0)\n+0 state SYN-SENT\n+100 < S. 0:0(0) ack 1 win 65535\n+0 > . 1:1(0) ack 1',
  );
});
