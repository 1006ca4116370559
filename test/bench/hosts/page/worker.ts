import { loadAssembly } from '../../../../src/worker/assembly.ts';
import { raceProcedures } from '../procedures.ts';
import { listen } from './listen.ts';

const runtime = {
  loadAssembly: () => loadAssembly(new URL('../../../../assembly/tabwire.wasm', import.meta.url)),
  ciphers: () => ({}),
  hashers: () => ({}),
};
void listen(raceProcedures(runtime));
