import type { Log } from './context.ts';
import type { RelayCounters } from './counters.ts';
import { Tally } from './limits.ts';
import type { Session } from './session.ts';

export interface ParkingRules {
  /** How long a session waits for its client, in ms; 0: not at all. */
  readonly time: number;
  /** How many may wait. */
  readonly places: number;
}

/** All sessions: those that are connected, and those whose WebSocket broke and whose client may come back. */
export class SessionTable {
  readonly #live = new Map<string, Session>();
  /** With the time when the waiting ends; who has waited longest is first. */
  readonly #parked = new Map<string, { readonly session: Session; readonly until: number }>();
  readonly #perClient = new Tally();
  readonly #perSubject = new Tally();
  readonly #counters: RelayCounters;
  readonly #log: Log;

  constructor(counters: RelayCounters, log: Log) {
    this.#counters = counters;
    this.#log = log;
  }

  get size(): number {
    return this.#live.size;
  }

  get parked(): number {
    return this.#parked.size;
  }

  /** Connected or parked. */
  ofClient(client: string): number {
    return this.#perClient.of(client);
  }

  ofSubject(subject: string): number {
    return this.#perSubject.of(subject);
  }

  find(sid: string): Session | undefined {
    return this.#live.get(sid) ?? this.#parked.get(sid)?.session;
  }

  add(session: Session): void {
    this.#live.set(session.sid, session);
    this.#perClient.add(session.owner.client);
    if (session.owner.grant) this.#perSubject.add(session.owner.grant.subject);
  }

  /** Its WebSocket is gone. If it broke, the session waits, in the place of whoever has waited longest if all are taken. */
  disconnected(session: Session, code: number, { time, places }: ParkingRules, now: number): void {
    this.#live.delete(session.sid);
    if (code !== BROKEN || time === 0 || !session.park()) {
      this.#end(session, code);
      return;
    }
    this.#parked.set(session.sid, { session, until: now + time });
    if (this.#parked.size > places) this.endParked(() => true);
  }

  /** Ends the one of those who has waited longest. False if there is none. */
  endParked(which: (session: Session) => boolean): boolean {
    for (const [sid, { session }] of this.#parked) {
      if (!which(session)) continue;
      this.#parked.delete(sid);
      this.#end(session, BROKEN);
      return true;
    }
    return false;
  }

  /** Called once a second. */
  tick(now: number): void {
    for (const session of this.#live.values()) session.tick(now);
    while (this.endParked((session) => this.#parked.get(session.sid)!.until <= now));
  }

  #end(session: Session, code: number): void {
    this.#perClient.remove(session.owner.client);
    if (session.owner.grant) this.#perSubject.remove(session.owner.grant.subject);
    const summary = session.ended(code);
    this.#counters.closed.count(closeWord(summary.code));
    this.#log.info('close', { sid: session.sid, ...summary });
  }

  /** Those that are connected. */
  [Symbol.iterator](): Iterator<Session> {
    return this.#live.values();
  }
}

/** What `ws` says when no close frame came. */
const BROKEN = 1006;

/** Clients may close with any code they like. */
function closeWord(code: number): string {
  return CLOSE_CODES.has(code) ? String(code) : 'other';
}

const CLOSE_CODES: ReadonlySet<number> = new Set([
  ...[1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013],
  ...[4400, 4401, 4403, 4406, 4408, 4409, 4410, 4429],
]);
