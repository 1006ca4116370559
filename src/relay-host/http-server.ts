import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostAndPort } from '../core/host-port.ts';
import type { ListenAddress } from './options.ts';

/** Why a connection ends before it was a request, by Node's word for it. */
const REFUSALS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'timeout',
  HPE_HEADER_OVERFLOW: 'headers',
};

/**
 * A server with time and size limits against clients that do not finish their requests. `refused`: told of each that it
 * broke: too many `connections`, a `timeout` (408), too large `headers` (431), or what is not HTTP (400).
 */
export function guardedServer(
  handle: RequestListener,
  connections: number,
  refused: (reason: string) => void = () => {},
): Server {
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: 5000,
      requestTimeout: 5000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 5000,
    },
    handle,
  );
  // Their size is bounded. Of more than so many the last were ignored, and those are what proxies add.
  server.maxHeadersCount = 0;
  // Who asks for a file and does not read it. WebSockets have their own.
  server.timeout = 30_000;
  server.maxConnections = connections;
  server.on('drop', () => refused('connections'));
  // Node has answered when it gives the socket the error.
  server.on('connection', (socket) =>
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
      const reason = REFUSALS[code] ?? (code.startsWith('HPE_') ? 'malformed' : undefined);
      if (reason !== undefined) refused(reason);
    }),
  );
  return server;
}

/** The port on which it listens now. Rejects with one sentence that names the address. */
export async function listenOn(server: Server, { host, port }: ListenAddress): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  }).catch(({ code, message }: NodeJS.ErrnoException) => {
    throw new Error(`cannot listen on ${hostAndPort(host, port)} (${code ?? message})`);
  });
  server.removeAllListeners('error').on('error', () => {});
  return (server.address() as AddressInfo).port;
}
