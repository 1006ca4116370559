import type { AeadKey } from '../crypto/suite.ts';
import type { Instant, Millis } from '../time.ts';
import {
  REJECT_AFTER_MESSAGES_HIGH,
  REJECT_AFTER_MESSAGES_LOW,
  REJECT_AFTER_TIME,
  REKEY_AFTER_MESSAGES_HIGH,
  REKEY_AFTER_TIME,
} from './constants.ts';
import { isBeyondLimit, ReplayWindow } from './replay.ts';

/** One session (WG §5.4.5): a key for each direction, its counters, its age. */
export class Keypair {
  readonly sendKey: AeadKey;
  readonly receiveKey: AeadKey;
  readonly replay = new ReplayWindow();
  readonly createdAt: Instant;
  readonly isInitiator: boolean;
  readonly localIndex: number;
  readonly remoteIndex: number;
  /** The next counter to send with, as two unsigned halves. */
  counterLow = 0;
  counterHigh = 0;

  constructor(
    keys: { send: AeadKey; receive: AeadKey },
    isInitiator: boolean,
    localIndex: number,
    remoteIndex: number,
    now: Instant,
  ) {
    this.sendKey = keys.send;
    this.receiveKey = keys.receive;
    this.isInitiator = isInitiator;
    this.localIndex = localIndex;
    this.remoteIndex = remoteIndex;
    this.createdAt = now;
  }

  age(now: Instant): Millis {
    return now - this.createdAt;
  }

  /** Sending stops at 180 s and at the counter limit (WG §6.2). */
  canSend(now: Instant): boolean {
    return this.age(now) < REJECT_AFTER_TIME && !isBeyondLimit(this.counterLow, this.counterHigh);
  }

  canReceive(now: Instant): boolean {
    return this.age(now) <= REJECT_AFTER_TIME;
  }

  /** Whether sending with it should begin a new handshake: time counts for the initiator only (WG §6.2). */
  needsRenewal(now: Instant): boolean {
    const manySent =
      this.counterHigh > REKEY_AFTER_MESSAGES_HIGH ||
      (this.counterHigh === REKEY_AFTER_MESSAGES_HIGH && this.counterLow > 0);
    return manySent || (this.isInitiator && this.age(now) > REKEY_AFTER_TIME);
  }

  /** Every counter is used once, whatever becomes of the packet. */
  countSent(): void {
    if (this.counterLow === 0xffff_ffff) {
      this.counterLow = 0;
      this.counterHigh++;
    } else {
      this.counterLow++;
    }
  }

  /** It receives what is still to come and sends nothing more. */
  endSending(): void {
    this.counterLow = REJECT_AFTER_MESSAGES_LOW;
    this.counterHigh = REJECT_AFTER_MESSAGES_HIGH;
  }

  destroy(): void {
    this.sendKey.destroy();
    this.receiveKey.destroy();
  }
}

/**
 * The sessions of one peer (WG §6.3). We send with `current` only and receive with all three: `previous` serves
 * packets still on their way when a new session took over; `next` is one that we answered for but that the initiator
 * has not used yet.
 */
export class Keypairs {
  previous: Keypair | undefined;
  current: Keypair | undefined;
  next: Keypair | undefined;
  readonly #dropped: (keypair: Keypair) => void;

  /** `dropped` is told of each keypair that leaves, whose keys have been zeroed, so that its index is freed. */
  constructor(dropped: (keypair: Keypair) => void) {
    this.#dropped = dropped;
  }

  /** We are the initiator and hold the response: the session can be used at once. */
  installAsInitiator(keypair: Keypair): void {
    const { previous, current, next } = this;
    this.previous = next ?? current;
    this.current = keypair;
    this.next = undefined;
    this.#drop(previous);
    if (next) this.#drop(current);
  }

  /** We are the responder and have answered: until the initiator uses the session, it waits. */
  installAsResponder(keypair: Keypair): void {
    const { previous, next } = this;
    this.previous = undefined;
    this.next = keypair;
    this.#drop(previous);
    this.#drop(next);
  }

  /** An authentic packet came: if it is the first on `next`, that session takes over. */
  confirm(keypair: Keypair): boolean {
    if (keypair !== this.next) return false;
    const { previous } = this;
    this.previous = this.current;
    this.current = keypair;
    this.next = undefined;
    this.#drop(previous);
    return true;
  }

  /** Neither the session in use nor the one on offer sends anything more. */
  endSending(): void {
    this.current?.endSending();
    this.next?.endSending();
  }

  dropAll(): void {
    const { previous, current, next } = this;
    this.previous = this.current = this.next = undefined;
    this.#drop(previous);
    this.#drop(current);
    this.#drop(next);
  }

  #drop(keypair: Keypair | undefined): void {
    if (!keypair) return;
    keypair.destroy();
    this.#dropped(keypair);
  }
}
