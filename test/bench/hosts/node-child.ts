// Node as a host: started by node-host.ts, told by messages what to do.

import { WebSocket } from 'ws';
import { MAX_MESSAGE } from '../../../src/core/wire/relay.ts';
import { loadAssembly } from '../../../src/node/assembly.ts';
import { NodeClock } from '../../../src/node/clock.ts';
import { NODE_CURVE } from '../../../src/node/curve.ts';
import type { WebSocketLike } from '../../../src/transport/relay-transport.ts';
import { allocationProcedures } from '../contests/allocation.ts';
import { bareProcedures } from '../contests/bare-udp.ts';
import { crowdProcedures } from '../contests/crowd-watch.ts';
import { loadProcedures } from '../contests/load-client.ts';
import { opensslCipher, opensslHash } from '../contests/node-crypto.ts';
import type { Command } from './host.ts';
import { obey, raceProcedures } from './procedures.ts';

const runtime = {
  loadAssembly,
  curve: NODE_CURVE,
  ciphers: opensslCipher,
  hashers: opensslHash,
};
const procedures = {
  ...raceProcedures(runtime),
  ...allocationProcedures(runtime),
  ...crowdProcedures(runtime),
  ...bareProcedures(),
  ...loadProcedures({
    clock: () => new NodeClock(),
    host: { connect: connectWebSocket },
    soon: (run) => void setImmediate(run),
  }),
};

/** As the engine does it in Node. */
function connectWebSocket(url: string, protocols: string[]): WebSocketLike {
  const options = { perMessageDeflate: false, maxPayload: MAX_MESSAGE };
  return new WebSocket(url, protocols, options) as unknown as WebSocketLike;
}

process.on('disconnect', () => process.exit());
process.on('message', (command: Command) => {
  void obey(procedures, command).then((outcome) => process.send!(outcome));
});
process.send!('ready');
