import { randomBytes } from 'node:crypto';
import * as wire from '../src/core/wire/relay.ts';
import type { Channel } from './channel.ts';
import type { Session } from './session.ts';
import type { Resume, Ticket } from './tickets.ts';

const TICKET_INTERVAL = 60_000;
/** What RESUME brought waits so long for OPEN. */
const KEPT_TIME = 2000;

/** What of a session outlives its WebSocket: the tickets that it gives, and what a ticket of an earlier one brought it. */
export class Resumption {
  /** What tickets of this session count with. */
  readonly secret = randomBytes(wire.SECRET_LENGTH);
  /** When the client needs another ticket. */
  ticketAt = Number.POSITIVE_INFINITY;
  readonly #session: Session;
  /** What RESUME brought: each waits for an OPEN that asks for the same, which is judged like any other. */
  readonly #kept = new Map<number, Channel>();
  #keptUntil = Number.POSITIVE_INFINITY;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Called once a second, and after each message. */
  tick(now: number): void {
    if (now >= this.ticketAt) this.giveTicket(now);
    if (now >= this.#keptUntil) this.drop();
  }

  giveTicket(now: number): void {
    const session = this.#session;
    const { origin, grant } = session.owner;
    const { tickets } = session.context.config;
    const issued = session.context.wallClock();
    this.ticketAt = now + TICKET_INTERVAL;
    const ticket = tickets.issue({
      issued,
      ends: issued + session.watch.ends - now,
      session: session.sid,
      secret: this.secret.toString('hex'),
      origin,
      grant,
      channels: session.ticketed(now),
    });
    if (ticket) session.sendControl({ type: wire.TICKET, lifetimeSeconds: tickets.ttl, ticket });
  }

  /** A ticket that does not count is no offence: the session is a new one then. */
  redeem(shown: Resume, now: number): void {
    const { owner, context } = this.#session;
    const { tickets, tokens } = context.config;
    const ticket = tickets.redeem(shown, owner.origin, owner.grant, context.wallClock(), tokens);
    if (typeof ticket === 'string') context.counters.resumes.count(`none ${ticket}`);
    else this.resume(ticket, now);
  }

  /** The ticket counts for this client. */
  resume(ticket: Ticket, now: number): void {
    const { sid, watch, context } = this.#session;
    const wallClock = context.wallClock();
    watch.ends = Math.min(watch.ends, now + ticket.ends - wallClock);
    const here = context.sessions.find(ticket.session)?.surrender(this.#session, now);
    const elapsed = wallClock - ticket.issued;
    this.#keptUntil = now + KEPT_TIME;
    for (const channel of here ?? ticket.channels.map((told) => this.#session.restored(told, elapsed)))
      this.#kept.set(channel.number, channel);
    const level = here ? 'l1' : 'l2';
    context.counters.resumes.count(`${level} resumed`);
    context.log.info('resume', { sid, from: ticket.session, how: level });
  }

  /** What was kept for an OPEN of this channel that asks for the same `place`, and flag. */
  take(number: number, place: string, listens: boolean): Channel | undefined {
    const kept = this.#kept.get(number);
    if (kept?.place !== place || kept.listens !== listens) return undefined;
    this.#kept.delete(number);
    return kept;
  }

  /** Nobody asked for the rest. */
  drop(): void {
    for (const channel of this.#kept.values()) channel.close();
    this.#kept.clear();
  }
}
