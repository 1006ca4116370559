import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import type { HttpClient } from '../../../src/client/http/http-client.ts';
import type { TunnelRequestInit } from '../../../src/client/http/request.ts';
import { reach } from './ground.ts';

/** A client all of whose hosts are one server. */
export interface Lab {
  client: Pick<HttpClient, 'fetch'>;
  get(path: string, init?: TunnelRequestInit): Promise<Response>;
  /** Connections that the server has seen. */
  connections(): number;
  server: TcpServer;
  stop(): Promise<void>;
}

/** Node's own HTTP server. */
export async function serve(
  listener: RequestListener,
  tune: (server: Server) => void = () => {},
): Promise<Lab> {
  const server = createServer(listener);
  tune(server);
  return labOf(server);
}

/** A server that says `bytes` to whoever has finished a header, and what `then` does. */
export function serveRaw(talk: (socket: Socket, request: string) => void): Promise<Lab> {
  const server = createTcpServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      text += String(data);
      if (!text.includes('\r\n\r\n')) return;
      const request = text;
      text = '';
      talk(socket, request);
    });
  });
  return labOf(server);
}

async function labOf(server: TcpServer): Promise<Lab> {
  let connections = 0;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const { client, end } = await reach(server);
  return {
    client,
    server,
    get: (path, init) => client.fetch(`http://inside.test${path}`, init),
    connections: () => connections,
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
      await end();
    },
  };
}

/** The TunnelError behind the TypeError that fetch rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code: unknown; message: string }> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TypeError)) throw new Error(`no TypeError but ${String(error)}`);
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return { code, message: error.message };
}
