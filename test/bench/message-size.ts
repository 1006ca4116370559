// npm run bench:message-size [-- --rounds 5 --browser chromium]: how large messages between a page and its relay should be. The
// sizes take turns, so that what else the machine does falls on all of them; the median of each is printed.
import { parseArgs } from 'node:util';
import { describeMachine, load } from '../netsim/machine.ts';
import { prepare } from '../support/prerequisites.ts';
import { BrowserHost } from './hosts/browser-host.ts';
import { buildHosts } from './hosts/build.ts';
import { DIRECTIONS, type Direction, type Measured, measureRelay } from './suites/relay.ts';

const SIZES = [16_384, 32_768, 65_535];

try {
  await main();
} catch (error) {
  console.error(`bench:message-size: ${(error as Error).message}`);
  process.exitCode = 1;
}
// A browser's pipes may keep the process.
process.exit();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, browser: { type: 'string', default: 'chromium' } },
  });
  await prepare('bench');
  await buildHosts();
  const host = await BrowserHost.open(values.browser as 'chromium' | 'firefox');
  const found = new Map<string, Measured[]>();
  try {
    for (let round = 0; round < Number(values.rounds); round++)
      for (const direction of DIRECTIONS)
        for (const size of SIZES) {
          const pace = { rounds: 1, milliseconds: 60, isQuick: false };
          const measured = await measureRelay(host, direction, false, pace, size);
          const key = keyOf(direction, size);
          found.set(key, [...(found.get(key) ?? []), measured]);
        }
    console.log(`${await describeMachine()}; ${host.name}; load ${load()}\n`);
  } finally {
    await host.close();
  }
  console.log(
    "| direction | message | datagrams/s | relay's CPU, µs each | page's CPU, µs each |\n| --- | --- | --- | --- | --- |",
  );
  for (const direction of DIRECTIONS)
    for (const size of SIZES) console.log(lineOf(direction, size, found.get(keyOf(direction, size))!));
}

function keyOf(direction: Direction, size: number): string {
  return `${direction} ${size}`;
}

function lineOf(direction: Direction, size: number, measured: readonly Measured[]): string {
  const median = (what: 'rate' | 'relay' | 'client') =>
    measured.map((each) => each[what] ?? Number.NaN).sort((a, b) => a - b)[Math.floor(measured.length / 2)]!;
  return `| ${direction} | ${size.toLocaleString('en')} | ${Math.round(median('rate')).toLocaleString('en')} | ${median('relay').toFixed(1)} | ${median('client').toFixed(1)} |`;
}
