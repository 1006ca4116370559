// npm run test:relay-hostile: rows 53, 60 and 65 of the relay's hostile table with the numbers that they name. A minute or two.

import { collected } from './collected.ts';
import { churn, damagedControls, parkFarm } from './many.ts';

const MIB = 1024 * 1024;
const failures: string[] = [];

function tell(row: number, text: string, holds: boolean): void {
  console.log(`row ${row}: ${text}: ${holds ? 'ok' : 'FAILED'}`);
  if (!holds) failures.push(`row ${row}`);
}

try {
  const codes = damagedControls(1_000_000);
  tell(
    53,
    `1,000,000 damaged control bodies, none throws; closed ${JSON.stringify([...codes])}`,
    codes.size > 0,
  );

  const { parked, sockets } = await parkFarm(10_000, 200);
  const text = `10,000 clients vanish; at most ${parked} of 200 sessions waited, ${sockets} UDP sockets left`;
  tell(60, text, parked <= 10 && sockets <= 10);

  const heaps = await churn(10, 2000, collected);
  const growth = (heaps.at(-1)! - heaps[1]!) / MIB;
  tell(
    65,
    `20,000 sessions come and go; heap from the second round to the tenth: ${growth.toFixed(2)} MiB more`,
    growth <= 1,
  );
} catch (error) {
  failures.push((error as Error).message);
}
console.log(
  failures.length === 0
    ? 'test:relay-hostile: all hold'
    : `test:relay-hostile: FAILED: ${failures.join(', ')}`,
);
process.exit(failures.length === 0 ? 0 : 1);
