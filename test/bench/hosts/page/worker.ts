import { loadAssembly } from '../../../../src/worker/assembly.ts';
import { WorkerClock } from '../../../../src/worker/clock.ts';
import { loadProcedures } from '../../contests/load-client.ts';
import { raceProcedures } from '../procedures.ts';
import { listen } from './listen.ts';

const runtime = {
  loadAssembly: () => loadAssembly(new URL('../../../../assembly/tabwire.wasm', import.meta.url)),
  ciphers: () => ({}),
  hashers: () => ({}),
};
const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
port1.onmessage = () => waiting.shift()?.();

/** A message to ourselves: timers would be late. */
function soon(run: () => void): void {
  waiting.push(run);
  port2.postMessage(0);
}

void listen({ ...raceProcedures(runtime), ...loadProcedures({ clock: () => new WorkerClock(), soon }) });
