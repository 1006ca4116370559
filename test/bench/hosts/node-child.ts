// Node as a host: started by node-host.ts, told by messages what to do.

import { loadAssembly } from '../../../src/node/assembly.ts';
import { NODE_CURVE } from '../../../src/node/curve.ts';
import { allocationProcedures } from '../contests/allocation.ts';
import { opensslCipher, opensslHash } from '../contests/node-crypto.ts';
import type { Command } from './host.ts';
import { obey, raceProcedures } from './procedures.ts';

const runtime = {
  loadAssembly,
  curve: NODE_CURVE,
  ciphers: opensslCipher,
  hashers: opensslHash,
};
const procedures = { ...raceProcedures(runtime), ...allocationProcedures(runtime) };

process.on('disconnect', () => process.exit());
process.on('message', (command: Command) => {
  void obey(procedures, command).then((outcome) => process.send!(outcome));
});
process.send!('ready');
