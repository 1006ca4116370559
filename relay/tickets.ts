import { timingSafeEqual } from 'node:crypto';
import * as wire from '../src/core/wire/relay.ts';
import type { Ending } from './context.ts';
import type { PairState } from './gate.ts';
import type { Grant } from './grant.ts';
import { TicketSeal } from './ticket-seal.ts';
import type { TokenVerifier } from './tokens.ts';

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
  readonly grant?: Grant | undefined;
  readonly channels: readonly TicketChannel[];
}

export interface TicketChannel {
  readonly number: number;
  readonly listens: boolean;
  /** What OPEN asked for, aliases resolved, and the address that was found. */
  readonly place: string;
  readonly address: string;
  readonly pairs: readonly PairState[];
}

/** A ticket as a client shows it. */
export type Resume = Extract<wire.Control, { type: typeof wire.RESUME }>;

/** Why a ticket does not count. */
export type TicketRefusal =
  | ('unreadable' | 'expired' | 'session_over' | 'secret')
  | ('other_origin' | 'other_subject' | 'revoked');

const MAX_TTL = 180;
/** By how much the clocks of two relays may differ, in ms. */
const CLOCK_SKEW = 90_000;

/** Makes tickets, and says which count. */
export class Tickets {
  /** In seconds. */
  readonly ttl: number;
  readonly #seal: TicketSeal;

  /** `keys`: 32 random bytes or more each. */
  constructor(keys: readonly Uint8Array[], ttl = MAX_TTL) {
    this.#seal = new TicketSeal(keys);
    this.ttl = Math.min(ttl, MAX_TTL);
  }

  /** With as many of its channels as there is room for; undefined if there is none for any. */
  issue(ticket: Ticket): Uint8Array | undefined {
    for (let { channels } = ticket; channels.length > 0; channels = channels.slice(0, -1)) {
      const sealed = this.#seal.seal(Buffer.from(JSON.stringify({ ...ticket, channels })), ticket.issued);
      if (sealed.length <= wire.MAX_TICKET) return sealed;
    }
    return undefined;
  }

  /**
   * The ticket, if it counts for who shows it: with the secret, or with a token of the same subject.
   * @param bearer what the token gives; undefined where none is needed; `ticket`: the ticket has to do for one
   * @param now wall clock, in ms
   */
  redeem(
    { ticket: sealed, secret }: Resume,
    origin: string | undefined,
    bearer: Grant | undefined | 'ticket',
    now: number,
    tokens: Pick<TokenVerifier, 'isDenied'> | undefined,
  ): Ticket | TicketRefusal {
    const plain = this.#seal.open(sealed, now);
    if (plain === undefined) return 'unreadable';
    // Nobody but us, or a relay with our key, can have written it.
    const ticket = JSON.parse(plain.toString()) as Ticket;
    if (ticket.issued > now + CLOCK_SKEW || ticket.issued + 1000 * this.ttl < now) return 'expired';
    if (ticket.ends <= now) return 'session_over';
    const hasToken = typeof bearer === 'object';
    if (!hasToken && !timingSafeEqual(secret, Buffer.from(ticket.secret, 'hex'))) return 'secret';
    if (ticket.origin !== origin) return 'other_origin';
    const subject = ticket.grant?.subject;
    const isTheirs = bearer === 'ticket' ? subject !== undefined : subject === bearer?.subject;
    if (!isTheirs) return 'other_subject';
    return subject !== undefined && tokens?.isDenied(subject) ? 'revoked' : ticket;
  }
}

/** How a client is told whose ticket had to do for a token. */
export function ticketRefused(why: TicketRefusal): Ending {
  if (why === 'revoked') return { code: wire.CLOSE_SESSION_OVER, reason: 'session: revoked' };
  return { code: wire.CLOSE_TOKEN, reason: `ticket_${why}` };
}
