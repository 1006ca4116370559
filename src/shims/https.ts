// Node's `https`, as a client only: over the layer of TLS that `setDefaultTunnel` was given, or not at all.
import { Agent, SecureAgent } from './http/agent.ts';
import { ClientRequest } from './http/client-request.ts';
import { requestArguments } from './http/request-options.ts';

export { SecureAgent as Agent } from './http/agent.ts';
export { createServer, Server } from './http.ts';

export const globalAgent = new SecureAgent();

export function request(...args: unknown[]): ClientRequest {
  const [options, listener] = requestArguments(args);
  return new ClientRequest(options, listener, options.agent instanceof Agent ? options.agent : globalAgent);
}

export function get(...args: unknown[]): ClientRequest {
  const asking = request(...args);
  asking.end();
  return asking;
}

export * as default from './https.ts';
