import type { Endpoint } from '../endpoint.ts';
import type { Instant } from '../time.ts';
import { SECOND } from '../time.ts';
import { TokenBucket } from '../token-bucket.ts';
import { HANDSHAKE_BURST, HANDSHAKES_PER_SECOND, MAX_LIMITED_SOURCES } from './constants.ts';
import { sourceNetwork } from './source-address.ts';

interface Source {
  readonly bucket: TokenBucket;
  lastSeen: Instant;
}

/**
 * How many handshake messages one sender may have us work on while we are under load (WG §5.3, IP attribution). Ask
 * only about senders that have proved, by mac2, to be where they say they are: anybody can fill the table otherwise.
 */
export class RateLimiter {
  /** Longest unseen first. */
  readonly #sources = new Map<string, Source>();

  get size(): number {
    return this.#sources.size;
  }

  allows(from: Endpoint, now: Instant): boolean {
    const network = sourceNetwork(from);
    const source = this.#sources.get(network) ?? this.#newSource(now);
    if (!source) return false;
    source.lastSeen = now;
    this.#sources.delete(network);
    this.#sources.set(network, source);
    return source.bucket.take(1, now);
  }

  /** Undefined when there are too many already. */
  #newSource(now: Instant): Source | undefined {
    this.#forgetIdle(now);
    if (this.#sources.size >= MAX_LIMITED_SOURCES) return undefined;
    return { bucket: new TokenBucket(HANDSHAKES_PER_SECOND, HANDSHAKE_BURST), lastSeen: now };
  }

  /** After a second its bucket is full again, so that nothing is lost. */
  #forgetIdle(now: Instant): void {
    for (const [network, { lastSeen }] of this.#sources) {
      if (now - lastSeen <= SECOND) return;
      this.#sources.delete(network);
    }
  }
}
