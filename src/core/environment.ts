import type { CryptoSuite } from './crypto/suite.ts';
import type { EngineMemory } from './packet-buffer.ts';
import type { Millis } from './time.ts';

/** Of one handshake, what opens all that it leads to. Lent, and wiped soon. */
export interface HandshakeSecrets {
  readonly peerPublicKey: Uint8Array;
  readonly ephemeralPrivateKey: Uint8Array;
  /** 32 zero bytes when there is none. */
  readonly presharedKey: Uint8Array;
}

/** Everything the core may not take for itself, besides `now`. */
export interface Environment {
  readonly crypto: CryptoSuite;
  readonly memory: EngineMemory;
  /** Fills with bytes from the platform's cryptographically secure generator (seeded in tests). */
  readonly fillRandom: (bytes: Uint8Array) => void;
  /** Unix time, for the TAI64N handshake timestamp and for display only. */
  readonly wallClock: () => Millis;
  /** Told the secrets of every handshake, for a key log that the user asked for. Absent, as it mostly is: no key leaves. */
  readonly logSecrets?: ((secrets: HandshakeSecrets) => void) | undefined;
}
