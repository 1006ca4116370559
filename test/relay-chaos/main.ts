// npm run test:chaos [-- C1 C4 …]: the relay, its load balancer and its network break under an open TCP stream of ten numbered
// lines a second from a real wireguard-go. Prints a table; ends with 1 if a line is missing, comes twice or all comes too late,
// or if there was a WireGuard handshake where none was needed.
import { setTimeout as delay } from 'node:timers/promises';
import { obstacle, prepare } from '../support/prerequisites.ts';
import { CASES, type Case } from './cases.ts';
import { ChaosLab } from './lab.ts';

interface Row {
  readonly case: Case;
  /** Milliseconds. */
  readonly gap: number;
  readonly lines: number;
  readonly handshakes: number;
  readonly resumed: string;
  readonly fault: string | undefined;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`test:chaos: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function main(ids: string[]): Promise<number> {
  await prepare('interop');
  const why = await obstacle('interop');
  if (why) throw new Error(why);
  const cases = CASES.filter(({ id }) => ids.length === 0 || ids.includes(id));
  const rows: Row[] = [];
  const measure = async (each: Case): Promise<void> => {
    const row = await attempt(each).catch((error: Error) => ended(each, error));
    console.log(describe(row));
    rows.push(row);
  };
  for (const each of cases) if (!each.isLong) await measure(each);
  await Promise.all(cases.filter(({ isLong }) => isLong).map(measure));
  const failed = rows.filter(({ fault }) => fault !== undefined);
  console.log(`${rows.length - failed.length} of ${rows.length} hold`);
  return failed.length > 0 ? 1 : 0;
}

async function attempt(each: Case): Promise<Row> {
  const lab = await ChaosLab.up(each.options ?? {});
  try {
    const before = lab.handshakes;
    const moment = await each.run(lab);
    const back = each.isLong ? await lab.answered(moment, 2 * each.gap) : undefined;
    if (back === undefined) await lab.stream.next(each.gap);
    await each.after?.(lab, moment);
    await delay(2000);
    const handshakes = lab.handshakes - before;
    const gap = back ?? lab.stream.longestGap(moment);
    const row = { case: each, gap, lines: lab.stream.times.length, handshakes, resumed: lab.resumed };
    return { ...row, fault: lab.stream.fault ?? faultOf(row) };
  } finally {
    await lab.down();
  }
}

function faultOf({ case: each, gap, handshakes, resumed }: Omit<Row, 'fault'>): string | undefined {
  if (gap > each.gap) return `nothing for ${Math.round(gap)} ms`;
  if (each.handshakes !== 'any' && handshakes !== each.handshakes) return 'a new handshake';
  return each.resumed?.test(resumed) === false ? `resumed otherwise than ${each.resumed}` : undefined;
}

/** One that threw is not the end of the others. */
function ended(each: Case, error: Error): Row {
  return { case: each, gap: Number.NaN, lines: 0, handshakes: 0, resumed: 'none', fault: error.message };
}

function describe({ case: { id, what, gap: most }, gap, lines, handshakes, resumed, fault }: Row): string {
  const seen = `${Number.isNaN(gap) ? '?' : Math.round(gap)} ms (at most ${most})`;
  return `| ${id} | ${what} | ${seen} | ${lines} lines | ${handshakes} handshakes | ${resumed} | ${fault ?? 'ok'} |`;
}
