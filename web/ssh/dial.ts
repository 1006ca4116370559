import type { Duplex } from 'node:stream';
import type { Tunnel } from '../../src/index.ts';
import { connect } from '../../src/shims/net.ts';
import { SshError } from './ssh-error.ts';

/**
 * A TCP connection through the tunnel, open. Rejects with Node's error, whose cause is the TunnelError, or as cancelled;
 * `signal` ends with the opening.
 */
export function dial(tunnel: Tunnel, host: string, port: number, signal: AbortSignal): Promise<Duplex> {
  return new Promise<Duplex>((resolve, reject) => {
    const socket = connect({ tunnel, host, port, noDelay: true, keepAlive: true });
    const giveUp = () => socket.destroy(new SshError('cancelled', 'Cancelled.'));
    const settled = () => signal.removeEventListener('abort', giveUp);
    socket.once('error', (error) => {
      settled();
      reject(error);
    });
    socket.once('connect', () => {
      settled();
      resolve(socket);
    });
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
  });
}
