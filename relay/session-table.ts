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
  readonly #ended: (session: Session, code: number) => void;

  /** `ended` is told when a session is over for good, and with which code its WebSocket was closed. */
  constructor(ended: (session: Session, code: number) => void) {
    this.#ended = ended;
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
    this.#ended(session, code);
  }

  /** Those that are connected. */
  [Symbol.iterator](): Iterator<Session> {
    return this.#live.values();
  }
}

/** What `ws` says when no close frame came. */
const BROKEN = 1006;
