// Urgent data (RFC 9293 §3.8.5, RFC 6093).
import { describe, expect, it } from 'vitest';
import { established } from './tcp-ladder.ts';

describe('urgent data (RFC 9293 §3.8.5)', () => {
  it('is told of once, stays in line, and is counted until it has been read (MUST-31, MUST-32)', () => {
    const ladder = established().run(
      '+0 <+ PU. 1:11(10) ack 1 urg 8\n+0 > . 1:1(0) ack 11'.replace('<+', '<'),
    );
    const urgent = () => ladder.events.filter((event) => event === 'urgent').length;
    expect([urgent(), ladder.connection!.urgentBytes]).toEqual([1, 8]);
    ladder.run('+0 read 5');
    expect(ladder.connection!.urgentBytes).toBe(3);
    // The same pointer again says nothing new; a later one does.
    ladder.run(
      '+0 < U. 11:12(1) ack 1 urg 0\n+0 > . 1:1(0) ack 12\n+0 < U. 12:13(1) ack 1 urg 1\n+0 > . 1:1(0) ack 13',
    );
    expect(urgent()).toBe(2);
    ladder.run('+0 read 7');
    expect(ladder.connection!.urgentBytes).toBe(0);
    expect(ladder.connection!.readableBytes).toBe(0);
  });

  it('may be announced before its bytes come', () => {
    const ladder = established().run('+0 < U. 1:11(10) ack 1 urg 500\n+0 > . 1:1(0) ack 11');
    expect(ladder.connection!.urgentBytes).toBe(500);
  });

  it('is ignored where it points beyond the window, and its text is good all the same', () => {
    const ladder = established({ connect: { receiveBufferSize: 5000 } });
    ladder.run('+0 < U. 1:11(10) ack 1 urg 65535\n+0 > . 1:1(0) ack 11');
    expect([ladder.events.includes('urgent'), ladder.connection!.readableBytes]).toEqual([false, 10]);
  });

  it('can be sent: every segment that begins before its end says where it ends (MUST-30)', () => {
    const ladder = established({ connect: { noDelay: true } });
    ladder.connection!.write(new Uint8Array(0));
    ladder.run(
      '+0 write 1500\n+0 > . 1:1381(1380) ack 1\n+0 > P. 1381:1501(120) ack 1\n+50 < . 1:1(0) ack 1501',
    );
    ladder.ip.congested = true;
    ladder.run('+0 write 1500');
    ladder.connection!.markUrgent();
    ladder.ip.congested = false;
    ladder.run('+0 poll\n+0 > U. 1501:2881(1380) ack 1 urg 1500\n+0 > PU. 2881:3001(120) ack 1 urg 120');
    ladder.run('+0 write 10\n+0 > P. 3001:3011(10) ack 1');
  });
});
