// npm run test:relay-load [-- L1 L3 …] [--seconds 60] [--idle-minutes 10]
//
// What one relay process carries: idle sessions, floods, fairness, scaling over processes, and a real WireGuard through it.
// Prints a line each, as it is done, with the machine's load beside it, and ends with 1 if a bound does not hold. Where this
// machine has not the cores to tell, it says so. All of it takes about twenty minutes.
import { parseArgs } from 'node:util';
import { describeMachine, load } from '../netsim/machine.ts';
import { raiseFileLimit, sessionsWithin } from './file-limit.ts';
import { LOADS, type Load, type Row } from './loads.ts';
import { realWireGuard } from './real-wireguard.ts';

/** Two for each of 10,000 sessions, and some. */
const FILES = 32_768;

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`test:relay-load: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      'idle-minutes': { type: 'string', default: '10' },
    },
    allowPositionals: true,
  });
  const seconds = Number(values.seconds);
  const loads: Readonly<Record<string, Load>> = {
    ...LOADS,
    L8: () => realWireGuard(seconds, Number(values['idle-minutes'])),
  };
  const wanted = positionals.length > 0 ? positionals : Object.keys(loads);
  const mostSessions = sessionsWithin(raiseFileLimit(FILES));
  console.log(`${await describeMachine()}; load ${load()}\n`);
  console.log('| | what | bound | seen | load | |\n| --- | --- | --- | --- | --- | --- |');
  const rows: Row[] = [];
  for (const [id, run] of Object.entries(loads)) {
    if (!wanted.includes(id)) continue;
    const found = await run({ seconds, mostSessions });
    for (const row of found) console.log(print(row));
    rows.push(...found);
  }
  const failed = rows.filter(({ holds }) => holds === false);
  const judged = rows.filter(({ holds }) => holds !== undefined);
  console.log(`\n${judged.length - failed.length} of ${judged.length} bounds hold`);
  return failed.length > 0 ? 1 : 0;
}

function print({ id, what, bound, seen, holds }: Row): string {
  const verdict = holds === undefined ? 'not judged' : holds ? 'ok' : 'FAILED';
  return `| ${id} | ${what} | ${bound} | ${seen} | ${load()} | ${verdict} |`;
}
