import type { QueueBudget } from '../src/core/queue/down-queue.ts';
import type { RelayConfig } from './config.ts';
import type { RelayCounters } from './counters.ts';
import type { InitiationTurns } from './initiation-turns.ts';
import type { BucketTable, Tally } from './limits.ts';
import type { Policy } from './policy.ts';
import type { SessionTable } from './session-table.ts';
import type { Strangers } from './strangers.ts';

/** Why a WebSocket is closed, as its client is told: a stable word, and what may be said of it. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** What all of a relay shares. */
export interface RelayContext {
  /** May be replaced: sessions keep the limits that they began with. */
  config: RelayConfig;
  readonly policy: Policy;
  readonly counters: RelayCounters;
  readonly sessions: SessionTable;
  readonly strangers: Strangers;
  /** Of sessions without a token, those that have done no handshake: the same among themselves. */
  readonly unproven: Strangers;
  readonly budget: QueueBudget;
  readonly initiationsOfClient: BucketTable;
  readonly initiationTurns: InitiationTurns;
  /** By destination, as `placeOf` spells it. */
  readonly channelsTo: Tally;
  /** Whether one more connection or UDP socket leaves files for who has to be refused, and for the process itself. */
  hasFiles(): boolean;
  readonly log: Log;
  /** A monotonic clock, in ms. */
  now(): number;
  /** The time of day in ms. */
  wallClock(): number;
}

/** What a line of the log is about. */
export type LogEvent =
  | ('start' | 'config' | 'drain' | 'overload' | 'stop' | 'crash')
  | ('accept' | 'reject' | 'resume' | 'opened' | 'denied' | 'dns_policy' | 'close');

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where lines for the operator go. Never a token, a query string, a payload or a WireGuard index. */
export interface Log {
  info(event: LogEvent, fields: LogFields): void;
  /** `reason` is one of ours, not a client's text. Clients can cause as many as they like: so not all are written. */
  refused(event: LogEvent, reason: string, fields: LogFields): void;
}
