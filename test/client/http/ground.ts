import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { HttpClient } from '../../../src/client/http/http-client.ts';
import { dialLoopback } from '../../support/net-socket.ts';

/** What a lab stands on. In a page it is a tunnel (`page/ground.ts`). */
export interface Ground {
  /** All of its hosts are the one server. */
  client: Pick<HttpClient, 'fetch'>;
  end(): Promise<void> | void;
}

/** The server listens on this machine's loopback. */
export async function reach(server: Server): Promise<Ground> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { client: new HttpClient(dialLoopback(() => port)), end: () => {} };
}
