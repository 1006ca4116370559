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

it('keep-alive probes that were answered prove life, also to who wakes up long after the answer', () => {
  const ladder = established({ connect: { keepAliveDelay: 1000 } });
  for (let i = 0; i < 12; i++) {
    sleep(ladder, 3000);
    ladder.run('+0 poll\n+0 > . 0:0(0) ack 1\n+1 < . 1:1(0) ack 1\n+0 state ESTABLISHED');
  }
});

it('an ACK that is due when a keep-alive probe is, leaves with a number that the peer looks at', () => {
  const ladder = established({ connect: { keepAliveDelay: 1000 } }).run(
    '+10 < P. 1:101(100) ack 1\n+0 > . 1:1(0) ack 101',
  );
  // Text that came twice is answered, but is no sign of life by itself.
  sleep(ladder, 1000);
  ladder.run('+0 < P. 1:101(100) ack 1\n+0 > . 1:1(0) ack 101');
});
