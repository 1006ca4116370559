import { beforeEach, describe, expect, it } from 'vitest';
import { HyStart } from '../../../../src/core/netstack/tcp/hystart.ts';
import type { Tcb } from '../../../../src/core/netstack/tcp/tcb.ts';

const MSS = 1000;

describe('HyStart++ (RFC 9406)', () => {
  let hystart: HyStart;
  let tcb: Pick<Tcb, 'cwnd' | 'ssthresh' | 'mss' | 'sndUna' | 'sndNxt'>;

  beforeEach(() => {
    hystart = new HyStart();
    tcb = { cwnd: 20 * MSS, ssthresh: 2 ** 30, mss: MSS, sndUna: 0, sndNxt: 0 };
    tcb.sndNxt = tcb.cwnd;
    hystart.begin(tcb.sndNxt, true);
  });

  /** One round trip: what is in flight is acknowledged and measured so often. By how many bytes the window grew. */
  function round(...rtts: number[]): number {
    const before = tcb.cwnd;
    const end = tcb.sndNxt;
    const size = Math.ceil((end - tcb.sndUna) / rtts.length);
    for (const rtt of rtts) {
      const acked = Math.min(size, end - tcb.sndUna);
      tcb.sndUna += acked;
      // What follows has been sent meanwhile.
      if (tcb.sndUna === end) tcb.sndNxt = end + tcb.cwnd;
      hystart.measured({ sample: rtt });
      hystart.acknowledged(tcb as Tcb, acked, false);
    }
    return tcb.cwnd - before;
  }

  const eight = (rtt: number) => new Array<number>(8).fill(rtt);

  it('goes on at a quarter of the pace when the least RTT is an eighth above the last round’s', () => {
    round(...eight(80));
    round(...eight(89));
    round(...eight(80));
    // Until the eighth says so, it is slow start still.
    round(...eight(90));
    const { cwnd } = tcb;
    expect(round(...eight(90))).toBeLessThanOrEqual(cwnd / 4);
  });

  it.each([
    [1, 4],
    [1000, 16],
  ])('an eighth of %i ms being %i ms', (rtt, threshold) => {
    round(...eight(rtt));
    round(...eight(rtt + threshold - 1));
    expect(hystart.isActive).toBe(true);
    round(...eight(rtt));
    for (let i = 0; i < 5; i++) round(...eight(rtt + threshold));
    expect(hystart.isActive).toBe(false);
  });

  it('ends when that lasts for five rounds', () => {
    round(...eight(80));
    for (let i = 0; i < 4; i++) round(...eight(100 + i));
    expect([hystart.isActive, tcb.ssthresh]).toEqual([true, 2 ** 30]);
    round(...eight(104));
    expect([hystart.isActive, tcb.ssthresh]).toEqual([false, tcb.cwnd]);
  });

  it('takes it back with the first RTT that is below what began it', () => {
    round(...eight(80));
    round(...eight(100));
    round(...eight(120));
    round(99);
    const { cwnd } = tcb;
    // Of one ACK, no more than eight segments (§4.2).
    expect(round(...eight(99))).toBe(Math.min(cwnd, 8 * 8 * MSS));
  });

  it('does not count rounds of fewer than eight samples', () => {
    round(...eight(80));
    round(...eight(100));
    for (let i = 0; i < 20; i++) round(100, 110, 120);
    expect(hystart.isActive).toBe(true);
    for (let i = 0; i < 4; i++) round(...eight(100));
    expect(hystart.isActive).toBe(false);
  });

  it('does not look again after the first slow start', () => {
    hystart.begin(tcb.sndNxt, false);
    round(...eight(80));
    round(...eight(200));
    const { cwnd } = tcb;
    expect(round(...eight(200))).toBe(Math.min(Math.floor(cwnd / 8) * 8, 64 * MSS));
  });
});
