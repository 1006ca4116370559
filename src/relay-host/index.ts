/** The relay as a library: the package's `tabwire/relay`. */
import type { RelayOptions } from './options.ts';
import { Relay } from './relay.ts';

export type { Limits } from '../../relay/config.ts';
export { DEFAULT_LIMITS, LIMITS } from '../../relay/config.ts';
export type { LogEvent } from '../../relay/context.ts';
export type { Counts, DropReason, RelayCounters, Traffic } from '../../relay/counters.ts';
export type { GateRefusal } from '../../relay/gate.ts';
export type { ResolveName } from '../../relay/policy.ts';
export { MAX_LIFETIME, SUBJECT } from '../../relay/tokens.ts';
export { Admin, type AdminSource } from './admin.ts';
export { describeIssue, RelayConfigError } from './config-error.ts';
export { DRAIN, type DrainOptions } from './drain.ts';
export { issueToken, type TokenRequest } from './issuer.ts';
export { jsonLines, type LogEntry, type LogSink } from './log.ts';
export { metricsOf } from './metrics.ts';
export type { ListenAddress, RelayOptions, TicketOptions } from './options.ts';
export { parseListen } from './options.ts';
export { normalizeOrigin } from './origins.ts';
export type { Listening, Relay } from './relay.ts';
export { type AllowRule, RULE, readDestination } from './rules.ts';
export { keyIdOf, type TokenKey, type TokenOptions } from './tokens.ts';

/** Checks the options (RelayConfigError) and makes a relay; `listen()` or `attach(server)` starts it. */
export function createRelay(options: RelayOptions): Relay {
  return new Relay(options);
}
