// How long the files of a phase took, from what Vitest and Playwright report as JSON.
import { relative } from 'node:path';

export interface FileTime {
  /** From the repository's root. */
  file: string;
  seconds: number;
}

export interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  /** Instants in milliseconds. */
  testResults: { name: string; startTime: number; endTime: number }[];
}

export interface PlaywrightReport {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number };
  suites: Suite[];
}

interface Suite {
  file: string;
  specs: { tests: { results: { duration: number }[] }[] }[];
  suites?: Suite[];
}

/** From a file's first test to its last; imports are not in it. */
export function vitestTimes(report: VitestReport, root: string): FileTime[] {
  return report.testResults.map(({ name, startTime, endTime }) => ({
    file: relative(root, name),
    seconds: (endTime - startTime) / 1000,
  }));
}

/** Of a file's tests, with what was set up for each. */
export function playwrightTimes(report: PlaywrightReport): FileTime[] {
  return report.suites.map((suite) => ({ file: suite.file, seconds: secondsOf(suite) }));
}

function secondsOf({ specs, suites = [] }: Suite): number {
  const results = specs.flatMap(({ tests }) => tests.flatMap((test) => test.results));
  const own = results.reduce((sum, { duration }) => sum + duration / 1000, 0);
  return suites.reduce((sum, suite) => sum + secondsOf(suite), own);
}
