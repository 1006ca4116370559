// The five timers of a peer (WG §6.3 to §6.5), as deadlines. Every event that matters to them has a function named after
// it; each function is one row of the table below. "arm" sets the deadline anew, "arm?" only if it is not pending.
//
//   event                     retransmit  send       new         zero    persistent
//                             handshake   keepalive  handshake   keys    keepalive
//   initiation sent           arm 5 s+j   cancel                         arm
//   response sent                         cancel                 arm     arm
//   data sent                             cancel     arm? 15 s+j         arm
//   keepalive sent                        cancel                         arm
//   initiation received                              cancel              arm
//   response received         cancel                 cancel      arm     arm
//   session confirmed         cancel                 cancel              arm
//   data received                         arm? 10 s  cancel              arm
//   keepalive received                               cancel              arm
//
// j is a fresh jitter of 0–333 ms. Data received while a keepalive is already due asks for another one after it.
import type { Instant } from '../time.ts';
import { NEVER, SECOND } from '../time.ts';
import type { Alarm } from './alarm.ts';
import {
  KEEPALIVE_TIMEOUT,
  MAX_RETRANSMISSIONS,
  NEW_HANDSHAKE_TIMEOUT,
  REKEY_TIMEOUT,
  ZERO_KEYS_TIME,
} from './constants.ts';
import type { Jitter } from './jitter.ts';

/** What the timers make their peer do. */
export interface TimersOwner {
  /** Sends an initiation unless a handshake message was sent less than REKEY_TIMEOUT ago; returns whether it did. */
  sendInitiation(isRetry: boolean, now: Instant): boolean;
  /** The earliest instant at which an initiation may be sent again. */
  retransmissionAllowedAt(): Instant;
  sendKeepalive(now: Instant): void;
  /** Nobody answered twenty initiations: what is staged will not be sent. */
  giveUp(now: Instant): void;
  zeroKeys(): void;
  /** So many packets went unanswered for so long that the peer may have forgotten the session; a new handshake follows. */
  stoppedHearing(unanswered: number, now: Instant): void;
}

export class Timers {
  readonly #owner: TimersOwner;
  readonly #jitter: Jitter;
  readonly #alarm: Alarm;
  /** Nothing is ever due of a peer that is stopped. */
  #isRunning = false;
  #retransmitHandshakeAt: Instant = NEVER;
  #sendKeepaliveAt: Instant = NEVER;
  #newHandshakeAt: Instant = NEVER;
  /** Packets with content since #newHandshakeAt was set. */
  #unanswered = 0;
  #zeroKeysAt: Instant = NEVER;
  #persistentKeepaliveAt: Instant = NEVER;
  #persistentKeepalive = 0;
  /** Retransmissions since the last initiation that was not one. */
  #attempts = 0;
  #needsAnotherKeepalive = false;

  /** `alarm` learns of every deadline. */
  constructor(owner: TimersOwner, jitter: Jitter, alarm: Alarm) {
    this.#owner = owner;
    this.#jitter = jitter;
    this.#alarm = alarm;
  }

  get isRetransmitting(): boolean {
    return this.#retransmitHandshakeAt !== NEVER;
  }

  /** Seconds; 0 is off. */
  get persistentKeepalive(): number {
    return this.#persistentKeepalive;
  }

  /** The silence to be filled counts from now. */
  setPersistentKeepalive(seconds: number, now: Instant): void {
    this.#persistentKeepalive = seconds;
    this.#persistentKeepaliveAt = NEVER;
    this.#anyAuthenticatedTraversal(now);
  }

  /** The device is up: silence counts from now, whether or not something can be sent. */
  start(now: Instant): void {
    this.#isRunning = true;
    this.#anyAuthenticatedTraversal(now);
  }

  /** The peer shall be called at this time, if it does not call before; silence counts from then. */
  callAt(at: Instant): void {
    this.#newHandshakeAt = this.#armed(at);
    this.#anyAuthenticatedTraversal(at);
  }

  /** An initiation is wanted for a new reason: trying begins again, even if this one is held back. */
  initiationWanted(): void {
    this.#attempts = 0;
  }

  initiationSent(now: Instant): void {
    this.#retransmitHandshakeAt = this.#armed(now + REKEY_TIMEOUT + this.#jitter.next());
    this.#sendKeepaliveAt = NEVER;
    this.#anyAuthenticatedTraversal(now);
  }

  /** One without which nothing gets through was held back: it leaves as soon as it may. */
  initiationHeldBack(now: Instant): void {
    const allowedAt = Math.max(this.#owner.retransmissionAllowedAt(), now + 1);
    this.#retransmitHandshakeAt = this.#armed(Math.min(this.#retransmitHandshakeAt, allowedAt));
  }

  responseSent(now: Instant): void {
    this.#sendKeepaliveAt = NEVER;
    this.#zeroKeysAt = this.#armed(now + ZERO_KEYS_TIME);
    this.#anyAuthenticatedTraversal(now);
  }

  /** A transport packet with content. */
  dataSent(now: Instant): void {
    this.#sendKeepaliveAt = NEVER;
    if (this.#newHandshakeAt === NEVER) {
      if (this.#isRunning) {
        const at = now + NEW_HANDSHAKE_TIMEOUT + this.#jitter.next();
        this.#newHandshakeAt = at;
        if (at < this.#alarm.at) this.#alarm.at = at;
      }
      this.#unanswered = 0;
    }
    this.#unanswered++;
    this.#anyAuthenticatedTraversal(now);
  }

  keepaliveSent(now: Instant): void {
    this.#sendKeepaliveAt = NEVER;
    this.#anyAuthenticatedTraversal(now);
  }

  initiationReceived(now: Instant): void {
    this.#newHandshakeAt = NEVER;
    this.#anyAuthenticatedTraversal(now);
  }

  responseReceived(now: Instant): void {
    this.#zeroKeysAt = this.#armed(now + ZERO_KEYS_TIME);
    this.sessionConfirmed(now);
  }

  /** The first authentic packet on a session that we answered for; its own row follows. */
  sessionConfirmed(now: Instant): void {
    this.#retransmitHandshakeAt = NEVER;
    this.#newHandshakeAt = NEVER;
    this.#attempts = 0;
    this.#anyAuthenticatedTraversal(now);
  }

  dataReceived(now: Instant): void {
    if (this.#sendKeepaliveAt !== NEVER) {
      this.#needsAnotherKeepalive = true;
    } else if (this.#isRunning) {
      const at = now + KEEPALIVE_TIMEOUT;
      this.#sendKeepaliveAt = at;
      if (at < this.#alarm.at) this.#alarm.at = at;
    }
    this.keepaliveReceived(now);
  }

  keepaliveReceived(now: Instant): void {
    this.#newHandshakeAt = NEVER;
    this.#anyAuthenticatedTraversal(now);
  }

  /** The peer stops: nothing is due any more. */
  stop(): void {
    this.#isRunning = false;
    this.#retransmitHandshakeAt = NEVER;
    this.#sendKeepaliveAt = NEVER;
    this.#newHandshakeAt = NEVER;
    this.#zeroKeysAt = NEVER;
    this.#persistentKeepaliveAt = NEVER;
    this.#attempts = 0;
    this.#needsAnotherKeepalive = false;
  }

  pollAt(): Instant {
    return Math.min(
      this.#retransmitHandshakeAt,
      this.#sendKeepaliveAt,
      this.#newHandshakeAt,
      this.#zeroKeysAt,
      this.#persistentKeepaliveAt,
    );
  }

  /**
   * Does what is due, in this order so that one call after a long sleep does no more than is sensible: keys that are
   * too old go first, then at most one initiation leaves, whatever asks for it.
   */
  poll(now: Instant): void {
    if (now >= this.#zeroKeysAt) this.#zeroKeys();
    if (now >= this.#retransmitHandshakeAt) this.#retransmitHandshake(now);
    if (now >= this.#newHandshakeAt) this.#newHandshake(now);
    if (now >= this.#persistentKeepaliveAt) this.#sendPersistentKeepalive(now);
    if (now >= this.#sendKeepaliveAt) this.#sendKeepalive(now);
  }

  #zeroKeys(): void {
    this.#zeroKeysAt = NEVER;
    this.#owner.zeroKeys();
  }

  #retransmitHandshake(now: Instant): void {
    this.#retransmitHandshakeAt = NEVER;
    if (this.#attempts >= MAX_RETRANSMISSIONS) {
      this.#sendKeepaliveAt = NEVER;
      if (this.#zeroKeysAt === NEVER) this.#zeroKeysAt = this.#armed(now + ZERO_KEYS_TIME);
      this.#owner.giveUp(now);
    } else if (this.#owner.sendInitiation(true, now)) {
      this.#attempts++;
    } else {
      // Held back by a response of ours. Were this forgotten, as wireguard-go and Linux do, two peers whose
      // initiations crossed could both fall silent until there is new traffic.
      const allowedAt = Math.max(this.#owner.retransmissionAllowedAt(), now + 1);
      this.#retransmitHandshakeAt = this.#armed(allowedAt + this.#jitter.next());
    }
  }

  #newHandshake(now: Instant): void {
    this.#newHandshakeAt = NEVER;
    this.#owner.stoppedHearing(this.#unanswered, now);
    this.#owner.sendInitiation(false, now);
  }

  #sendPersistentKeepalive(now: Instant): void {
    this.#persistentKeepaliveAt = NEVER;
    this.#owner.sendKeepalive(now);
    // Usually something was sent and armed it. Where an initiation was held back, it must not be lost.
    if (this.#persistentKeepaliveAt === NEVER) this.#anyAuthenticatedTraversal(now);
  }

  #sendKeepalive(now: Instant): void {
    this.#sendKeepaliveAt = NEVER;
    this.#owner.sendKeepalive(now);
    if (!this.#needsAnotherKeepalive) return;
    this.#needsAnotherKeepalive = false;
    this.#sendKeepaliveAt = this.#armed(now + KEEPALIVE_TIMEOUT);
  }

  /** Not for every packet: what is returned is an object. */
  #armed(at: Instant): Instant {
    if (!this.#isRunning) return NEVER;
    this.#alarm.set(at);
    return at;
  }

  /** Persistent keepalives fill silence only: whatever passes in either direction puts them off. */
  #anyAuthenticatedTraversal(now: Instant): void {
    if (this.#persistentKeepalive === 0 || !this.#isRunning) return;
    const at = now + this.#persistentKeepalive * SECOND;
    this.#persistentKeepaliveAt = at;
    if (at < this.#alarm.at) this.#alarm.at = at;
  }
}
