import type { Limits } from './config.ts';
import type { RelayCounters } from './counters.ts';
import type { QueueBudget } from './down-queue.ts';
import type { Grant } from './grant.ts';
import type { InitiationTurns } from './initiation-turns.ts';
import type { BucketTable, Tally } from './limits.ts';
import type { Log } from './log.ts';
import type { Policy } from './policy.ts';
import type { Session } from './session.ts';
import type { SourceAddresses } from './source-addresses.ts';
import type { Tickets } from './tickets.ts';

/** What all sessions of a relay share. */
export interface SessionContext {
  /** Of sessions that begin. */
  limits: Readonly<Limits>;
  readonly policy: Policy;
  readonly counters: RelayCounters;
  readonly budget: QueueBudget;
  readonly initiationsOfClient: BucketTable;
  readonly initiationTurns: InitiationTurns;
  /** By destination, as `placeOf` spells it. */
  readonly channelsTo: Tally;
  sources: SourceAddresses;
  readonly log: Log;
  tickets: Tickets;
  /** How long a session whose WebSocket broke waits for its client, in ms. */
  parkTime: number;
  /** One that is here, connected or parked. */
  sessionAt(sid: string): Session | undefined;
  /** It has given all that it had to another. */
  surrendered(session: Session): void;
  now(): number;
  /** The time of day in ms. */
  wallClock(): number;
  isDenied(subject: string): boolean;
}

/** Whose session it is. */
export interface SessionOwner {
  /** What counts as one client address. */
  readonly client: string;
  readonly origin: string | undefined;
  /** What the client's token gives; undefined where none is needed. */
  readonly grant: Grant | undefined;
}
