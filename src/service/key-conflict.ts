import { type Instant, MINUTE, type Millis } from '../core/time.ts';
import type { DeviceEvent } from '../core/wireguard/device.ts';

/**
 * Another device with our key and a life of its own takes the session over with its first handshake; we notice after
 * 15 s of silence and take it back, which the other notices after 15 s: measured, a session is lost every 31–35 s.
 * So many in a row, and no trouble in between, are no accident; a peer that restarts twice is.
 */
const LOSSES = 4;
const WINDOW: Millis = 3 * MINUTE;
/** A single packet without an answer may just be lost. Three over 15 s, and then a handshake that works at once, are not. */
const MIN_UNANSWERED = 3;
/** A session that lasted longer was not fought over: after it, the first loss is told anew if it is one of many. */
const EPISODE_GAP: Millis = MINUTE;

/**
 * Tells from a peer's events whether our key is probably in use elsewhere: good sessions that fall silent although the
 * peer answers the very next initiation, again and again. A lossy or broken link also falls silent, but then
 * initiations are lost as well.
 */
export class KeyConflict {
  #losses: Instant[] = [];
  /** A session fell silent, and the initiation that follows has not met silence so far. */
  #isLost = false;
  #isReported = false;

  /** Takes the peer's next event; true when it is time to tell, once per episode. */
  take(event: DeviceEvent, now: Instant): boolean {
    switch (event.type) {
      case 'stopped-hearing':
        this.#isLost = event.unanswered >= MIN_UNANSWERED;
        return false;
      case 'handshake-attempt':
        if (event.attempt > 1) this.#forget();
        return false;
      case 'handshake':
        return this.#isLost && this.#countLoss(now);
      default:
        return false;
    }
  }

  #countLoss(now: Instant): boolean {
    this.#isLost = false;
    this.#losses = this.#losses.filter((at) => now - at <= WINDOW);
    const last = this.#losses.at(-1);
    if (last === undefined || now - last > EPISODE_GAP) this.#isReported = false;
    this.#losses.push(now);
    if (this.#isReported || this.#losses.length < LOSSES) return false;
    this.#isReported = true;
    return true;
  }

  /** The peer, or the way to it, was really away. */
  #forget(): void {
    this.#isLost = false;
    this.#losses = [];
  }
}
