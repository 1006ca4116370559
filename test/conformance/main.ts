// npm run conformance: writes what the lists of requirements/ say to conformance.md and to the stack's README.
import { readFileSync, writeFileSync } from 'node:fs';
import { DOCUMENTS } from './documents.ts';
import { conformanceTable, README, TABLE, withDeviations } from './table.ts';

writeFileSync(TABLE, conformanceTable(DOCUMENTS));
writeFileSync(README, withDeviations(readFileSync(README, 'utf8'), DOCUMENTS));
console.log(`${DOCUMENTS.reduce((sum, { requirements }) => sum + requirements.length, 0)} requirements`);
