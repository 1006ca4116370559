import { describe, expect, it } from 'vitest';
import { initialWindow, MAX_CWND } from '../../../../src/core/netstack/tcp/congestion.ts';
import { NewReno } from '../../../../src/core/netstack/tcp/new-reno.ts';

const MSS = 1000;

function started(): NewReno {
  const control = new NewReno();
  control.segmentSize(MSS, true);
  return control;
}

describe('NewReno (RFC 5681, RFC 3465)', () => {
  it('begins with ten segments, or about 14,600 bytes of large ones (RFC 6928)', () => {
    expect([536, 1000, 1460, 3000, 8960].map(initialWindow)).toEqual([5360, 10_000, 14_600, 14_600, 17_920]);
    expect(started().cwnd).toBe(10_000);
  });

  it('grows by one segment for each window acknowledged, once above ssthresh', () => {
    const control = started();
    control.lost(20_000, 0);
    control.cwnd = control.ssthresh;
    for (let round = 1; round <= 5; round++) {
      const window = control.cwnd;
      for (let acked = 0; acked < window; acked += MSS) control.acknowledged(MSS, true, 1, 0);
      expect(control.cwnd).toBe(10_000 + round * MSS);
    }
  });

  it('halves at a loss, and never below two segments', () => {
    const control = started();
    control.lost(20_000, 0);
    expect(control.ssthresh).toBe(10_000);
    control.lost(1000, 0);
    expect(control.ssthresh).toBe(2000);
  });

  it('begins with one segment after a timeout, and counts one segment an ACK until ssthresh', () => {
    const control = started();
    control.timedOut(20_000, false, 0);
    expect([control.cwnd, control.ssthresh]).toEqual([1000, 10_000]);
    control.acknowledged(5000, true, 1, 0);
    expect(control.cwnd).toBe(2000);
    control.timedOut(2000, true, 0);
    expect([control.cwnd, control.ssthresh]).toEqual([1000, 10_000]);
  });

  it('stays where it is while the window is not used, and within its bound', () => {
    const control = started();
    control.acknowledged(5000, false, 1, 0);
    expect(control.cwnd).toBe(10_000);
    control.cwnd = MAX_CWND;
    control.acknowledged(8000, true, 1, 0);
    expect(control.cwnd).toBe(MAX_CWND);
  });
});
