import type { Endpoint } from '../endpoint.ts';
import type { Instant } from '../time.ts';
import { CookieMaker, hasValidMac1 } from './cookie.ts';
import type { DatagramDrop } from './drops.ts';
import { Load } from './load.ts';
import type { PeerHost } from './peer-host.ts';
import { RateLimiter } from './rate-limiter.ts';

/**
 * What every handshake message has to pass before it costs us a DH (WG §5.3). mac1 always: the sender knows whom it
 * addresses. Under load also mac2: it can be reached where it says it is; who has none is sent a cookie to make it with.
 * And no sender gets more than its share.
 */
export class HandshakeGate {
  readonly #host: PeerHost;
  readonly #load = new Load();
  readonly #cookies: CookieMaker;
  readonly #limiter = new RateLimiter();

  constructor(host: PeerHost) {
    this.#host = host;
    this.#cookies = new CookieMaker(host.environment);
  }

  /** Why the message may not pass, or undefined. `waiting`: how many have passed and wait for their DHs. */
  check(message: Uint8Array, from: Endpoint, waiting: number, now: Instant): DatagramDrop | undefined {
    const { environment, identity } = this.#host;
    if (!hasValidMac1(environment.crypto, identity.mac1Key, message)) return 'bad_mac1';
    this.#load.arrived(now);
    if (!this.#load.isHigh(waiting, now)) return undefined;
    if (this.#cookies.hasValidMac2(message, from, now))
      return this.#limiter.allows(from, now) ? undefined : 'ratelimited';
    this.#refuseWithCookie(message, from, now);
    return 'cookie_sent';
  }

  /** To where the message came from, not to where we know a peer to be: nobody has proved to be that peer. */
  #refuseWithCookie(message: Uint8Array, from: Endpoint, now: Instant): void {
    const { identity, scratch, sink } = this.#host;
    scratch.copyFrom(this.#cookies.makeReply(identity.cookieKey, message, from, now));
    sink.sendDatagram(scratch, from);
  }

  wipe(): void {
    this.#cookies.wipe();
  }
}
