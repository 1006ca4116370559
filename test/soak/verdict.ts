// What a soak has to show, and how it is said.
import type { SoakReport } from './page/soak.ts';

/** Taken once a minute. Memory in bytes. */
export interface Sample {
  minute: number;
  report: SoakReport;
  /** How many latest handshakes `wg show` has named so far, the first included. */
  theirHandshakes: number;
  /** Since the beginning: segments that the peer's TCP sent again, and packets that kernels dropped. */
  kernel: {
    retransmitted: number;
    tunDropped: number;
    innerUdpDropped: number;
    /** By the sockets of the relay and of wireguard-go. */
    outerUdpDropped: number;
  };
  memory: {
    /** JavaScript heaps after a collection. */
    page: number;
    worker: number;
    /** Resident: all of Chromium, its renderer alone, the relay. */
    chromium: number;
    renderer: number;
    relay: number;
  };
}

const MIB = 1024 * 1024;
/** By so much may memory be larger in the end than at minute 3, whatever the time in between. */
const GROWTH: Record<keyof Sample['memory'], number> = {
  page: 2 * MIB,
  worker: 2 * MIB,
  renderer: 32 * MIB,
  chromium: 64 * MIB,
  relay: 32 * MIB,
};
/** When everything has been in use for a while. */
const SETTLED = 3;
/**
 * Counted although nothing was lost: the peer's kernel sends router solicitations from its link-local address, and its
 * TCP sends again what was only late, a FIN among it, whose connection is in TIME-WAIT by then.
 */
const HARMLESS = ['disallowed_source', 'tcp_duplicate', 'tcp_outside_window', 'tcp_time_wait'];

/** One line for the minute. */
export function lineOf({ minute, report, theirHandshakes, kernel, memory }: Sample): string {
  const { echo, transfers, handshakes, errors, drops } = report;
  const sizes = Object.entries(memory).map(([what, bytes]) => `${what} ${mebibytes(bytes)}`);
  return [
    `minute ${minute}: ${echo.received}/${echo.sent} echoes`,
    `${echo.lost} lost${echo.lost > 0 ? ` (${echo.lostNumbers.join(', ')})` : ''}, ${echo.duplicated} doubled, ${echo.altered} altered, slowest ${echo.slowest} ms`,
    `${transfers.good} transfers, ${transfers.failures.length} failed, ${mebibytes(transfers.bytes)} MiB`,
    `${handshakes - 1} rekeys (wg: ${theirHandshakes - 1})`,
    `kernel: ${Object.entries(kernel)
      .map(([what, count]) => `${what} ${count}`)
      .join(', ')}`,
    `MiB: ${sizes.join(', ')}`,
    ...(Object.values(drops).some((counts) => Object.keys(counts).length > 0)
      ? [`drops ${JSON.stringify(drops)}`]
      : []),
    ...(errors.length > 0 || transfers.failures.length > 0
      ? [`errors ${JSON.stringify([...errors, ...transfers.failures])}`]
      : []),
  ].join('; ');
}

export function judge(samples: Sample[], minutes: number): { sentence: string; isGood: boolean } {
  const last = samples.at(-1)!;
  const first = samples.find(({ minute }) => minute === SETTLED) ?? samples[0]!;
  const wantedRekeys = Math.floor(minutes / 2.5);
  const rekeys = Math.min(last.report.handshakes, last.theirHandshakes) - 1;
  const { echo, transfers, errors } = last.report;
  const complaints = [
    ...(echo.received !== echo.sent ? [`${echo.sent - echo.received} of ${echo.sent} echoes lost`] : []),
    ...(echo.duplicated > 0 ? [`${echo.duplicated} doubled`] : []),
    ...(echo.altered > 0 ? [`${echo.altered} altered`] : []),
    ...(echo.sent < minutes * 60 * 10 ? [`only ${echo.sent} packets were sent`] : []),
    ...(transfers.good < minutes ? [`only ${transfers.good} transfers`] : []),
    ...(transfers.failures.length > 0 ? [`transfers failed: ${transfers.failures[0]}`] : []),
    ...(errors.length > 0 ? [`errors: ${errors[0]}`] : []),
    ...(rekeys < wantedRekeys ? [`${rekeys} rekeys, expected at least ${wantedRekeys}`] : []),
    ...dropsOf(last),
    ...growthOf(first, last),
  ];
  const passed = `${echo.sent} packets there and back, none lost, doubled or altered; ${transfers.good} transfers; ${rekeys} rekeys; memory flat since minute ${first.minute}`;
  return complaints.length === 0
    ? { sentence: `soak: ${minutes} minutes, ${passed}`, isGood: true }
    : { sentence: `soak: FAILED after ${last.minute} minutes: ${complaints.join('; ')}`, isGood: false };
}

/** TCP would hide a loss by sending again: the counters do not. */
function dropsOf({ report }: Sample): string[] {
  return Object.entries(report.drops).flatMap(([layer, counts]) =>
    Object.entries(counts)
      .filter(([reason]) => !HARMLESS.includes(reason))
      .map(([reason, count]) => `${layer} dropped ${count} as ${reason}`),
  );
}

function growthOf(first: Sample, last: Sample): string[] {
  return (Object.keys(GROWTH) as (keyof Sample['memory'])[])
    .filter((what) => last.memory[what] - first.memory[what] > GROWTH[what])
    .map(
      (what) => `${what} grew from ${mebibytes(first.memory[what])} to ${mebibytes(last.memory[what])} MiB`,
    );
}

function mebibytes(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
