// In Node: sockets and a stack without WireGuard. Pages have another of these, page/ground.ts.
import { Tunnel } from '../../../src/client/tunnel.ts';
import { TunnelError } from '../../../src/core/errors.ts';
import { LoneEngine } from '../../support/lone-engine.ts';
import type { Ground } from './table.ts';

export { OUR_V4, OUR_V6, PEER_V4 } from '../../support/lone-stack.ts';
export { hasTest } from '../../support/titles.ts';

export async function openGround(): Promise<Ground> {
  const engine = new LoneEngine();
  const die = () => engine.client.end(new TunnelError('ERR_CLOSED', 'The test is over.'));
  return {
    tunnel: new Tunnel(engine.client, new MessageChannel().port1, undefined),
    end: async () => die(),
    die,
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    watchUnhandled(note) {
      process.on('unhandledRejection', note);
      return () => process.off('unhandledRejection', note);
    },
  };
}
