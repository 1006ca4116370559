import { Tally } from './limits.ts';
import type { Session } from './session.ts';

/** Of all sessions that there may be, so many may wait for their clients. */
const PARKED_SHARE = 0.05;

/** All sessions: those that are connected, and those whose WebSocket broke and whose client may come back. */
export class SessionTable {
  readonly #live = new Map<string, Session>();
  /** With the time when the waiting ends; who has waited longest is first. */
  readonly #parked = new Map<string, { readonly session: Session; readonly until: number }>();
  /** Connected or parked, by client and by party. */
  readonly #shares = new Tally();

  get size(): number {
    return this.#live.size;
  }

  get parked(): number {
    return this.#parked.size;
  }

  /** Whether one more of this client, or party, is no more than `most`; one that only waits would make room. */
  hasRoomFor(who: string, most: number): boolean {
    if (this.#shares.of(who) < most) return true;
    for (const { session } of this.#parked.values()) if (isOf(session, who)) return true;
    return false;
  }

  /** Those that only wait make room for one that came, if its client or its party has too many now. */
  makeRoomFor({ owner: { client, party, grant }, context }: Session): void {
    const { sessionsPerClient, sessionsPerSubject } = context.config.limits;
    const trim = (who: string, most: number): void => {
      while (this.#shares.of(who) > most && this.endParked((session) => isOf(session, who)))
        context.counters.evicted.count('parked');
    };
    trim(client, sessionsPerClient);
    if (grant !== undefined) trim(party, sessionsPerSubject);
  }

  find(sid: string): Session | undefined {
    return this.#live.get(sid) ?? this.#parked.get(sid)?.session;
  }

  add(session: Session): void {
    this.#live.set(session.sid, session);
    for (const name of namesOf(session)) this.#shares.add(name);
  }

  /**
   * Its WebSocket is gone. If it broke, the session waits, for `time` ms at most, and in the place of whoever has waited
   * longest if all are taken.
   */
  disconnected(session: Session, code: number, time: number, now: number): void {
    this.#live.delete(session.sid);
    if (code !== BROKEN || time === 0 || !session.park()) {
      this.#end(session, code);
      return;
    }
    this.#parked.set(session.sid, { session, until: now + time });
    const places = Math.ceil(PARKED_SHARE * session.context.config.limits.sessions);
    if (this.#parked.size <= places) return;
    this.endParked(() => true);
    session.context.counters.evicted.count('parked');
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
    for (const name of namesOf(session)) this.#shares.remove(name);
    const summary = session.ended(code);
    const { counters, log } = session.context;
    counters.closed.count(closeWord(summary.code));
    log.info('close', { sid: session.sid, ...summary });
  }

  /** Those that are connected. */
  [Symbol.iterator](): Iterator<Session> {
    return this.#live.values();
  }
}

/** By whom it is counted. */
const namesOf = ({ owner }: Session) => new Set([owner.client, owner.party]);

const isOf = ({ owner }: Session, who: string) => owner.client === who || owner.party === who;

/** What `ws` says when no close frame came. */
const BROKEN = 1006;

/** Clients may close with any code they like: those that mean something here have a name. */
function closeWord(code: number): string {
  return (code >= 1000 && code <= 1013) || (code >= 4400 && code < 4430) ? String(code) : 'other';
}
