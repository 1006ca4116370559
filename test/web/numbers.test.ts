import { describe, expect, it } from 'vitest';
import { fileName } from '../../web/download-work.ts';
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatMillis,
  formatRate,
  shortKey,
} from '../../web/format.ts';
import { PingStatistics } from '../../web/ping-statistics.ts';
import { Meter } from '../../web/traffic.ts';

describe('numbers as text', () => {
  it('bytes have three figures', () => {
    expect([0, 999, 1000, 12_345, 999_600, 33_554_432, 2e12].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '12.3 kB',
      '1.00 MB',
      '33.6 MB',
      '2.00 TB',
    ]);
    expect(formatRate(1500)).toBe('1.50 kB/s');
  });

  it('ages grow coarser', () => {
    const ages = [-5, 900, 12_000, 119_000, 120_000, 3_600_000, 7_500_000, 400_000_000];
    expect(ages.map(formatAge)).toEqual([
      'now',
      'now',
      '12 s',
      '119 s',
      '2 min',
      '1 h',
      '2 h 5 min',
      '4 days',
    ]);
  });

  it('times, keys and names', () => {
    expect([0.42, 9.999, 142.4].map(formatMillis)).toEqual(['0.42 ms', '10.0 ms', '142 ms']);
    expect(formatDuration(1240)).toBe('1.24 s');
    expect(shortKey('xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=')).toBe('xTIBA5…p8Dg=');
    expect(['/a/b.bin?x=1', '/', '/a/'].map(fileName)).toEqual(['b.bin', 'index.html', 'index.html']);
  });
});

describe('ping statistics', () => {
  it('count losses and leave them out of the times', () => {
    const statistics = new PingStatistics();
    for (const rtt of [10, undefined, 20, 30]) statistics.add(rtt);
    expect(statistics.summary()).toEqual({
      sent: 4,
      lost: 1,
      lossPercent: 25,
      min: 10,
      average: 20,
      max: 30,
    });
  });

  it('have no times before the first answer', () => {
    expect(new PingStatistics().summary()).toMatchObject({ sent: 0, lossPercent: 0, min: undefined });
  });
});

describe('a meter', () => {
  it('turns readings into rates', () => {
    const meter = new Meter();
    meter.read(1000, 0);
    expect(meter.rate).toBe(0);
    meter.read(3000, 500);
    expect(meter.rate).toBe(4000);
    meter.read(9000, 510);
    expect(meter.rate, 'too soon to tell').toBe(4000);
    meter.read(3000, 1500);
    expect(meter.rate).toBe(0);
  });

  it('takes a counter that went back as a new beginning, and keeps one minute', () => {
    const meter = new Meter();
    for (let second = 0; second < 100; second++) meter.read(second % 2 === 0 ? 5000 : 0, second * 1000);
    expect(meter.history).toHaveLength(60);
    expect(Math.min(...meter.history)).toBe(0);
  });
});
