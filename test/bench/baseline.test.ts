import { describe, expect, it } from 'vitest';
import { keyOf, type Past, recordOf, regressions } from './baseline.ts';
import type { Line, SuiteResult } from './report.ts';
import { judge } from './target.ts';

const MACHINE = 1014;

function resultOf(...lines: Partial<Line>[]): SuiteResult {
  return {
    suite: 'aead',
    title: '',
    notes: [],
    lines: lines.map((line) => ({ name: 'it', host: 'Chromium 156.0', unit: 'MB/s', values: {}, ...line })),
  };
}

function pastOf(lines: Record<string, number>): Past {
  return { machine: 'another', yardstick: MACHINE, lines };
}

describe('the baseline', () => {
  it('keeps the medians of ours, whatever the version of the host', () => {
    const result = resultOf({ values: { tabwire: [1, 2, 30], other: [5] } }, { name: 'gone', values: {} });
    expect(recordOf(result)).toEqual({ 'chromium: it': 2 });
    expect(keyOf({ ...result.lines[0]!, host: 'Chromium 157.1' })).toBe('chromium: it');
  });

  it('notices what is worse by more than the tolerance, either way', () => {
    const slower = resultOf({ values: { tabwire: [84] } });
    const longer = resultOf({ isLessBetter: true, values: { tabwire: [119] } });
    const past = pastOf({ 'chromium: it': 100 });
    expect(regressions(slower, past, MACHINE, 0.15).map(({ factor }) => factor)).toEqual([0.84]);
    expect(regressions(slower, past, MACHINE, 0.17)).toEqual([]);
    expect(regressions(longer, past, MACHINE, 0.15)).toHaveLength(1);
    expect(regressions(longer, past, MACHINE, 0.17)).toEqual([]);
  });

  it('asks half as much of a machine that is half as fast, except of what no machine changes', () => {
    const past = pastOf({ 'chromium: it': 100 });
    const half = { values: { tabwire: [50] } };
    expect(regressions(resultOf(half), past, MACHINE / 2, 0.1)).toEqual([]);
    expect(regressions(resultOf({ ...half, isFixed: true }), past, MACHINE / 2, 0.1)).toHaveLength(1);
    const twice = { isLessBetter: true, values: { tabwire: [200] } };
    expect(regressions(resultOf(twice), past, MACHINE / 2, 0.1)).toEqual([]);
    expect(regressions(resultOf(twice), past, MACHINE, 0.1)).toHaveLength(1);
  });

  it('knows no line that it has not seen, and finds nothing worse than nothing', () => {
    expect(regressions(resultOf({ values: { tabwire: [1] } }), pastOf({}), MACHINE, 0.1)).toEqual([]);
    const none = { isLessBetter: true, isFixed: true, values: { tabwire: [0] } };
    expect(regressions(resultOf(none), pastOf({ 'chromium: it': 0 }), MACHINE, 0.1)).toEqual([]);
    const some = { ...none, values: { tabwire: [1] } };
    expect(regressions(resultOf(some), pastOf({ 'chromium: it': 0 }), MACHINE, 0.1)).toHaveLength(1);
  });
});

describe('a target', () => {
  const line = { values: { tabwire: [100], peer: [40] } };

  it('is met by being so many times better than a peer', () => {
    const target = { host: 'chromium', line: 'it', peer: 'peer' };
    const met = (factor: number): boolean[] =>
      judge(resultOf(line), [{ ...target, factor }], MACHINE).map(({ isMet }) => isMet);
    expect([met(2.5), met(2.6)]).toEqual([[true], [false]]);
  });

  it('is scaled to the machine when it is a number', () => {
    const target = { host: 'chromium', line: 'it', value: 150 };
    const judged = (more: Partial<Line>, yardstick: number): boolean =>
      judge(resultOf({ ...line, ...more }), [target], yardstick)[0]!.isMet;
    expect(judged({}, MACHINE)).toBe(false);
    expect(judged({}, MACHINE / 2)).toBe(true);
    expect(judged({ isFixed: true }, MACHINE / 2)).toBe(false);
    expect(judged({ isLessBetter: true }, MACHINE)).toBe(true);
    expect(judged({ isLessBetter: true }, MACHINE * 2)).toBe(false);
  });

  it('is not judged where its line, its peer or its host is missing', () => {
    const targets = [
      { host: 'firefox', line: 'it', value: 1 },
      { host: 'chromium', line: 'other', value: 1 },
      { host: 'chromium', line: 'it', peer: 'nobody', factor: 1 },
    ];
    expect(judge(resultOf(line), targets, MACHINE)).toEqual([]);
  });
});
