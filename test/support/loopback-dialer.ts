import { once } from 'node:events';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import type { Dialer } from '../../src/client/dialer.ts';
import { tlsUnavailable } from '../../src/client/tls.ts';

/** In place of a tunnel's: connects over this machine's loopback, wherever it is told to. */
export const loopbackDialer: Pick<Dialer, 'dial'> = {
  async dial({ port }, { secure } = {}) {
    if (secure) throw tlsUnavailable();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const { readable, writable } = Duplex.toWeb(socket) as unknown as {
      readable: ReadableStream<Uint8Array<ArrayBuffer>>;
      writable: WritableStream<BufferSource>;
    };
    return {
      readable,
      writable,
      remoteAddress: `127.0.0.1:${port}`,
      localAddress: `127.0.0.1:${socket.localPort}`,
      alpn: null,
      reset: () => void socket.destroy(),
    };
  },
};
