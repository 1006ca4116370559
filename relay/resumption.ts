import { randomBytes } from 'node:crypto';
import * as wire from '../src/core/wire/relay.ts';
import type { Channel } from './channel.ts';
import type { DownQueue } from './down-queue.ts';
import type { PairState } from './gate.ts';
import type { Session } from './session.ts';
import type { Resume, Ticket } from './tickets.ts';

const TICKET_INTERVAL = 60_000;
/** What RESUME brought waits so long for OPEN. */
const KEPT_TIME = 2000;

/** A channel that goes on: itself, if it is in this process, or what a ticket says of it. */
export interface KeptChannel {
  readonly address: string;
  readonly channel: Channel | undefined;
  readonly pairs: readonly PairState[];
  /** How long ago the pairs had their age, in ms. */
  readonly elapsed: number;
}

/** What RESUME brought: each channel waits for an OPEN that asks for the same, which is judged like any other. */
interface Kept {
  readonly ticket: Ticket;
  /** Of the session itself, if it is in this process. */
  readonly channels: Map<number, Channel> | undefined;
  /** How old the ticket is, in ms. */
  readonly elapsed: number;
  readonly until: number;
}

/** What of a session outlives its WebSocket: the tickets that it gives, and what a ticket of an earlier one brought it. */
export class Resumption {
  /** What tickets of this session count with. */
  readonly secret = randomBytes(wire.SECRET_LENGTH);
  readonly #session: Session;
  #ticketAt = Number.POSITIVE_INFINITY;
  #kept: Kept | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Called once a second. */
  tick(now: number): void {
    this.giveTicketIfDue(now);
    if (this.#kept && now >= this.#kept.until) this.drop();
  }

  /** The client's ticket is old. */
  changed(now: number): void {
    this.#ticketAt = now;
  }

  giveTicketIfDue(now: number): void {
    if (now >= this.#ticketAt) this.giveTicket(now);
  }

  giveTicket(now: number): void {
    const session = this.#session;
    const { tickets } = session.context;
    const { origin, grant } = session.owner;
    this.#ticketAt = now + TICKET_INTERVAL;
    const issued = session.context.wallClock();
    const ticket = tickets.issue({
      issued,
      ends: issued + session.watch.ends - now,
      session: session.sid,
      secret: this.secret.toString('hex'),
      origin,
      grant: grant && { ...grant, destinations: [...grant.destinations] },
      channels: session.ticketed(now),
    });
    if (ticket) session.sendControl({ type: wire.TICKET, lifetimeSeconds: tickets.ttl, ticket });
  }

  /** A ticket that does not count is no offence: the session is a new one then. `queue`: of the session. */
  redeem(shown: Resume, queue: DownQueue, now: number): void {
    const { sid, owner, watch, context } = this.#session;
    const wallClock = context.wallClock();
    const ticket = context.tickets.redeem(shown, owner, wallClock, context.isDenied);
    if (typeof ticket === 'string') {
      context.counters.resumes.count(`none ${ticket}`);
      return;
    }
    watch.ends = Math.min(watch.ends, now + ticket.ends - wallClock);
    const channels = context.sessionAt(ticket.session)?.surrender(queue, now);
    this.#kept = { ticket, channels, elapsed: wallClock - ticket.issued, until: now + KEPT_TIME };
    const level = channels ? 'l1' : 'l2';
    context.counters.resumes.count(`${level} resumed`);
    context.log.info('resume', { sid, from: ticket.session, how: level });
  }

  /** What was kept for an OPEN of this channel, `place` and flag. */
  take(number: number, place: string, listens: boolean): KeptChannel | undefined {
    if (this.#kept === undefined) return undefined;
    const { ticket, channels, elapsed } = this.#kept;
    const channel = channels?.get(number);
    if (channel?.destination && channel.place === place && channel.listens === listens) {
      channels!.delete(number);
      return { address: channel.destination.address, channel, pairs: [], elapsed: 0 };
    }
    const told = ticket.channels.find((each) => each.number === number);
    if (channels || told?.place !== place || told.listens !== listens) return undefined;
    return { address: told.address, channel: undefined, pairs: told.pairs, elapsed };
  }

  /** Nobody asked for the rest. */
  drop(): void {
    for (const channel of this.#kept?.channels?.values() ?? []) channel.close();
    this.#kept = undefined;
  }
}
