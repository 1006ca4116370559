// In a page: what stands in for this machine's loopback is the loopback of a tunnel.
import type { Dialer } from '../../../../src/client/dialer.ts';
import { tlsUnavailable } from '../../../../src/client/tls.ts';
import { setDefaultTunnel } from '../../../../src/shims/net.ts';
import { openAlone } from '../../page/tunnel.ts';

const tunnel = await openAlone();
setDefaultTunnel(tunnel);

export const loopbackDialer: Pick<Dialer, 'dial'> = {
  async dial({ hostname, port }, { secure } = {}) {
    if (secure) throw tlsUnavailable();
    const life = new AbortController();
    const socket = new tunnel.TCPSocket(hostname, port, { noDelay: true, signal: life.signal });
    const { readable, writable, remoteAddress, localAddress, localPort } = await socket.opened;
    return {
      readable,
      writable,
      remoteAddress: `${remoteAddress}:${port}`,
      localAddress: `${localAddress}:${localPort}`,
      alpn: null,
      reset: (reason) => life.abort(reason),
    };
  },
};
