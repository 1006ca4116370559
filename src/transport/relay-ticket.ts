import type { Instant } from '../core/time.ts';
import { RESUME, writeControl } from '../core/wire/relay.ts';

/** The newest ticket with which a session at the relay can go on after its connection is lost, here or at another relay. */
export class RelayTicket {
  /** Of the session that is there now. */
  #secret = new Uint8Array(0);
  /** What shows the ticket, which may be of an earlier session. */
  #resume: Uint8Array | undefined;
  #until: Instant = 0;

  welcomed(secret: Uint8Array): void {
    this.#secret = Uint8Array.from(secret);
  }

  received(ticket: Uint8Array, lifetimeSeconds: number, now: Instant): void {
    if (this.#secret.length === 0) return;
    this.#resume = writeControl({ type: RESUME, secret: this.#secret, ticket });
    this.#until = now + 1000 * lifetimeSeconds;
  }

  /** The body of RESUME; undefined if there is nothing to show that counts. */
  resume(now: Instant): Uint8Array | undefined {
    return now < this.#until ? this.#resume : undefined;
  }

  /** It does not count after all. */
  forget(): void {
    this.#resume = undefined;
  }
}
