import { describe, expect, it } from 'vitest';
import { plot } from './plot.ts';
import { advantage, type Line, printNumber, printResult, type SuiteResult } from './report.ts';
import { percentOf, spreadOf } from './spread.ts';

const SEAL: Line = {
  name: 'seal 64 B',
  host: 'Chromium 156.0',
  unit: 'MB/s',
  values: { tabwire: [300, 330, 270], 'a & b': [100, 90, 110], gone: [30] },
};
const PING: Line = {
  name: 'ping',
  host: 'Node 20',
  unit: 'ms',
  isLessBetter: true,
  values: { tabwire: [0.5, 0.4], native: [0.9] },
};
const RESULT: SuiteResult = {
  suite: 'aead',
  title: 'packets',
  lines: [SEAL, PING],
  notes: ['no Firefox'],
};

describe('spread', () => {
  it('is median, least and most', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
    expect(spreadOf([4, 1]).median).toBe(2.5);
    expect(percentOf(spreadOf([90, 100, 110]))).toBe(10);
  });
});

describe('a table', () => {
  it('says how many times better we are, whichever way better is', () => {
    expect(advantage(SEAL, 'a & b')).toBe(3);
    expect(advantage(PING, 'native')).toBe(2);
  });

  it('is one for each host, ours first, with spread and ratio', () => {
    expect(printResult(RESULT)).toBe(`aead: packets (Chromium 156.0)

             unit   tabwire           a & b             gone
  seal 64 B  MB/s  300 ±10%  100 ±10% 3.00×  30.0 ±0% 10.00×

aead: packets (Node 20)

        unit    tabwire          native
  ping    ms  0.45 ±11%  0.90 ±0% 2.00×

  no Firefox`);
  });

  it('prints three digits that count', () => {
    expect([0, 1.234, 12.34, 123.4, 12_345, 1_234_567].map(printNumber)).toEqual([
      '0',
      '1.23',
      '12.3',
      '123',
      '12.3k',
      '1.23M',
    ]);
  });
});

describe('a plot', () => {
  it('has a bar for each contender, as long as its median, and is well-formed', () => {
    const svg = plot(RESULT);
    const widths = [...svg.matchAll(/<rect x="250" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toHaveLength(5);
    expect(widths[0]! / widths[1]!).toBeCloseTo(3, 1);
    expect(svg).toContain('a &amp; b');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.match(/<text/g)!.length).toBe(svg.match(/<\/text>/g)!.length);
  });
});
