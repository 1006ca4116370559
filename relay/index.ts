/** The relay as a library. */
import type { RelayOptions } from './config.ts';
import { Relay } from './server.ts';

export { Admin, type AdminSource } from './admin.ts';
export type { Limits, ListenAddress, RelayOptions } from './config.ts';
export { DEFAULT_LIMITS, LIMITS, parseListen } from './config.ts';
export { describeIssue, RelayConfigError } from './config-error.ts';
export type { Counts, DropReason, RelayCounters } from './counters.ts';
export { DRAIN, type DrainOptions } from './drain.ts';
export type { GateRefusal } from './gate.ts';
export { issueToken, type TokenRequest } from './issuer.ts';
export { jsonLines, type LogEntry, type LogEvent, type LogSink } from './log.ts';
export { metricsOf } from './metrics.ts';
export { normalizeOrigin } from './origin.ts';
export type { ResolveName } from './resolver.ts';
export { type AllowRule, RULE, readDestination } from './rules.ts';
export type { Listening, Relay } from './server.ts';
export type { TicketOptions } from './tickets.ts';
export { keyIdOf, MAX_LIFETIME, SUBJECT, type TokenKey, type TokenOptions } from './tokens.ts';

/** Checks the options (RelayConfigError) and makes a relay; `listen()` or `attach(server)` starts it. */
export function createRelay(options: RelayOptions): Relay {
  return new Relay(options);
}
