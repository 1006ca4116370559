import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Control } from '../src/core/wire/relay.ts';
import { CLOSE_SESSION_OVER, CLOSE_TOKEN, MAX_TICKET, type RESUME } from '../src/core/wire/relay.ts';
import type { PairState } from './gate.ts';
import type { Grant } from './grant.ts';
import { TicketSeal } from './ticket-seal.ts';
import type { TokenRefusal } from './tokens.ts';

/** Tickets with which a session goes on after its WebSocket broke. */
export interface TicketOptions {
  /** 32 random bytes or more each, the same for all relays that shall take each other's tickets; the first seals. Default: one that dies with the process. */
  keys?: readonly Uint8Array[];
  /** Seconds for which a ticket counts; default 180, at most 180. */
  ttl?: number;
  /** Seconds for which a session whose WebSocket broke waits for its client; default 20, 0 for not at all. */
  park?: number;
}

/** What a relay needs in order to go on with a session that another one had. */
export interface Ticket {
  /** Wall clock, in ms: when it was made, and when the session has to end. */
  readonly issued: number;
  readonly ends: number;
  /** In hexadecimal. */
  readonly session: string;
  readonly secret: string;
  /** As the client's browser stated it. */
  readonly origin?: string | undefined;
  readonly grant?: (Omit<Grant, 'destinations'> & { readonly destinations: readonly string[] }) | undefined;
  readonly channels: readonly TicketChannel[];
}

export interface TicketChannel {
  readonly number: number;
  readonly listens: boolean;
  /** As OPEN asked for it, and the address that was found. */
  readonly place: string;
  readonly address: string;
  readonly pairs: readonly PairState[];
}

/** A ticket as a client shows it. */
export type Resume = Extract<Control, { type: typeof RESUME }>;

/** Why a ticket does not count. */
export type TicketRefusal =
  | 'unreadable'
  | 'expired'
  | 'session_over'
  | 'secret'
  | 'other_origin'
  | 'other_subject'
  | 'revoked';

const MAX_TTL = 180;
/** By how much the clocks of two relays may differ, in ms. */
const CLOCK_SKEW = 90_000;

/** Makes tickets, and says which count. */
export class Tickets {
  /** In seconds. */
  readonly ttl: number;
  readonly park: number;
  readonly #seal: TicketSeal;

  /** Throws RelayConfigError. */
  constructor({ keys = [], ttl = MAX_TTL, park = 20 }: TicketOptions = {}) {
    this.#seal = new TicketSeal(keys.length > 0 ? keys : [randomBytes(32)]);
    this.ttl = Math.min(ttl, MAX_TTL);
    this.park = park;
  }

  /** With as many of its channels as there is room for; undefined if there is none for any. */
  issue(ticket: Ticket): Uint8Array | undefined {
    for (let { channels } = ticket; channels.length > 0; channels = channels.slice(0, -1)) {
      const sealed = this.#seal.seal(Buffer.from(JSON.stringify({ ...ticket, channels })), ticket.issued);
      if (sealed.length <= MAX_TICKET) return sealed;
    }
    return undefined;
  }

  /**
   * The ticket, if it counts for who shows it: with the secret, or with a token of the same subject.
   * @param now wall clock, in ms
   */
  redeem(
    resume: Resume,
    { grant, origin }: { readonly grant: Grant | undefined; readonly origin: string | undefined },
    now: number,
    isDenied: (subject: string) => boolean,
  ): Ticket | TicketRefusal {
    const ticket = this.#read(resume, now);
    if (typeof ticket === 'string') return ticket;
    if (grant === undefined && !provesSecret(resume, ticket)) return 'secret';
    return judge(ticket, grant?.subject, origin, isDenied) ?? ticket;
  }

  /** What the ticket gives instead of a bearer. */
  grantOf(
    resume: Resume,
    origin: string | undefined,
    now: number,
    isDenied: (subject: string) => boolean,
  ): Grant | TokenRefusal {
    const ticket = this.#read(resume, now);
    if (typeof ticket === 'string') return refused(ticket);
    if (ticket.grant === undefined || !provesSecret(resume, ticket)) return refused('secret');
    const refusal = judge(ticket, ticket.grant.subject, origin, isDenied);
    if (refusal !== undefined) return refused(refusal);
    return { ...ticket.grant, destinations: new Set(ticket.grant.destinations) };
  }

  /** Of whose session it is; undefined if it does not count. */
  sessionOf(resume: Resume, now: number): string | undefined {
    const ticket = this.#read(resume, now);
    return typeof ticket === 'string' ? undefined : ticket.session;
  }

  #read({ ticket: sealed }: Resume, now: number): Ticket | TicketRefusal {
    const plain = this.#seal.open(sealed, now);
    if (plain === undefined) return 'unreadable';
    // Nobody but us, or a relay with our key, can have written it.
    const ticket = JSON.parse(plain.toString()) as Ticket;
    if (ticket.issued > now + CLOCK_SKEW || ticket.issued + 1000 * this.ttl < now) return 'expired';
    return ticket.ends <= now ? 'session_over' : ticket;
  }
}

function judge(
  ticket: Ticket,
  subject: string | undefined,
  origin: string | undefined,
  isDenied: (subject: string) => boolean,
): TicketRefusal | undefined {
  if (ticket.origin !== origin) return 'other_origin';
  if (ticket.grant?.subject !== subject) return 'other_subject';
  return subject !== undefined && isDenied(subject) ? 'revoked' : undefined;
}

function provesSecret({ secret }: Resume, ticket: Ticket): boolean {
  return timingSafeEqual(secret, Buffer.from(ticket.secret, 'hex'));
}

function refused(word: TicketRefusal): TokenRefusal {
  if (word === 'revoked') return { code: CLOSE_SESSION_OVER, reason: 'session: revoked' };
  return { code: CLOSE_TOKEN, reason: `ticket_${word}` };
}
