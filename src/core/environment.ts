import type { CryptoSuite } from './crypto/suite.ts';
import type { EngineMemory } from './packet-buffer.ts';
import type { Millis } from './time.ts';

/** Everything the core may not take for itself, besides `now`. */
export interface Environment {
  readonly crypto: CryptoSuite;
  readonly memory: EngineMemory;
  /** Fills with bytes from the platform's cryptographically secure generator (seeded in tests). */
  readonly fillRandom: (bytes: Uint8Array) => void;
  /** Unix time, for the TAI64N handshake timestamp and for display only. */
  readonly wallClock: () => Millis;
}
