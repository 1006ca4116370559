// The relay in a process of its own; prints "listening", and its log. Its one argument is JSON: see relay-process.ts.
import { createRelay, jsonLines } from '../../src/relay-host/index.ts';
import type { RelayProcessOptions } from './relay-process.ts';

const { port, ticketKeys, clockSkew, drain, ...options } = JSON.parse(
  process.argv[2]!,
) as RelayProcessOptions & {
  port: number;
};
const relay = createRelay({
  listen: `127.0.0.1:${port}`,
  log: jsonLines(),
  ...options,
  ...(drain && { drain }),
  ...(ticketKeys && { tickets: { keys: ticketKeys.map((key) => Buffer.from(key, 'hex')) } }),
  ...(clockSkew !== undefined && { wallClock: () => Date.now() + clockSkew }),
});
await relay.listen();
console.log('listening');
process.once('SIGTERM', () => {
  void (drain ? relay.drain() : relay.close());
});
