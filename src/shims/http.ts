// Node's `http`, as a client only: each request has a connection of its own over the tunnel. `tunnel.fetch` does more.
import { unavailable } from './connect-options.ts';
import { Agent } from './http/agent.ts';
import { ClientRequest } from './http/client-request.ts';
import { requestArguments } from './http/request-options.ts';

export { Agent } from './http/agent.ts';
export { ClientRequest } from './http/client-request.ts';
export { IncomingMessage } from './http/incoming-message.ts';
export type { RequestOptions } from './http/request-options.ts';
export { METHODS, STATUS_CODES } from './http/words.ts';

export const globalAgent = new Agent();
export const maxHeaderSize = 65_536;

/** (url[, options][, listener]), (options[, listener]); the listener is for 'response'. */
export function request(...args: unknown[]): ClientRequest {
  const [options, listener] = requestArguments(args);
  return new ClientRequest(options, listener, options.agent instanceof Agent ? options.agent : globalAgent);
}

/** The same, and nothing more to say. */
export function get(...args: unknown[]): ClientRequest {
  const asking = request(...args);
  asking.end();
  return asking;
}

/** A page serves over `net`; nothing here speaks HTTP that way round. */
export class Server {
  constructor() {
    throw unavailable('http.Server: there is no HTTP server in a page');
  }
}

export function createServer(): Server {
  return new Server();
}

export class ServerResponse extends Server {}

export * as default from './http.ts';
