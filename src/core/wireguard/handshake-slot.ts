// The handshake of one peer: what it needs to know, the one initiation that can be in flight (WG §5.4.2), and which of
// the other's were seen (§5.1). The messages themselves are made and read in handshake.ts; when they are sent is decided
// in peer.ts and timers.ts.
import { equalConstantTime, isAllZero, wipe } from '../bytes.ts';
import { clamp } from '../crypto/identity.ts';
import type { Instant, Millis } from '../time.ts';
import { INITIATION_INTERVAL, REKEY_TIMEOUT } from './constants.ts';
import { CookieJar } from './cookie.ts';
import type { DatagramDrop } from './drops.ts';
import {
  type Acquaintance,
  consumeResponse,
  createInitiation,
  createResponse,
  openTimestamp,
  type ReceivedInitiation,
  type SentInitiation,
  type TransportKeys,
  wipeInitiation,
} from './handshake.ts';
import { Keypair } from './keypair.ts';
import type { SymmetricState } from './noise.ts';
import type { Peer } from './peer.ts';
import type { PeerHost } from './peer-host.ts';
import { isLaterTimestamp, TIMESTAMP_SIZE } from './tai64n.ts';

/**
 * Of the paper's states only "initiation created" lasts longer than a call: an initiation that is consumed is answered,
 * and a response that is created or consumed becomes a keypair, in the same turn. Creating or answering an initiation
 * overwrites the one in flight; if both sides gave way to each other, the jitter of the retransmissions decides.
 *
 * One initiation at a time means that a round trip longer than REKEY_TIMEOUT completes no handshake: the response finds
 * its initiation replaced. It is so in Linux and wireguard-go, too.
 */
export class HandshakeSlot {
  readonly #peer: Peer;
  readonly #host: PeerHost;
  readonly #presharedKey = new Uint8Array(32);
  readonly #cookies: CookieJar;
  /** DH of the static keys: undefined until the identity has answered, null when it is all zero. */
  #staticStatic: Uint8Array | undefined | null;
  #isDestroyed = false;
  #inFlight: SentInitiation | undefined;
  #lastSent: Instant = Number.NEGATIVE_INFINITY;
  /**
   * How much longer than REKEY_TIMEOUT we wait before the next initiation, because the last one crossed the peer's. If
   * both sides had packets without cease and waited equally long, their initiations would cross for ever.
   */
  #deference: Millis = 0;
  #lastReceived: Instant = Number.NEGATIVE_INFINITY;
  /** Outlives sessions: an initiation that is not later is a replay. */
  readonly #greatestTimestamp = new Uint8Array(TIMESTAMP_SIZE);

  constructor(peer: Peer, host: PeerHost, presharedKey: Uint8Array | undefined) {
    this.#peer = peer;
    this.#host = host;
    this.#cookies = new CookieJar(host.environment.crypto, peer.publicKey);
    this.setPresharedKey(presharedKey);
  }

  /** Asks for what every handshake needs, the DH of the static keys; says when it is there. */
  prepare(now: Instant, ready: (now: Instant) => void): void {
    this.#host.identity.dh(this.#peer.publicKey, now, (shared, later) => {
      if (!this.#isDestroyed) {
        this.#staticStatic = shared ?? null;
        ready(later);
      } else if (shared) {
        wipe(shared);
      }
    });
  }

  /** Our own key is another from now on: what was made with the old one is of no use. */
  forgetIdentity(): void {
    this.drop();
    this.forgetLastSent();
    if (this.#staticStatic) wipe(this.#staticStatic);
    this.#staticStatic = undefined;
  }

  get isReady(): boolean {
    return !!this.#staticStatic;
  }

  /** The peer's public key is of low order: there can never be a handshake. */
  get isHopeless(): boolean {
    return this.#staticStatic === null;
  }

  get hasPresharedKey(): boolean {
    return this.#presharedKey.some((byte) => byte !== 0);
  }

  /** Takes effect with the next handshake message. Whether it is another one than before. */
  setPresharedKey(key: Uint8Array | undefined): boolean {
    const isSame = key ? equalConstantTime(key, this.#presharedKey) : isAllZero(this.#presharedKey);
    this.#presharedKey.fill(0);
    if (key) this.#presharedKey.set(key);
    return !isSame;
  }

  /** At least REKEY_TIMEOUT after the last handshake message of ours. */
  get retransmissionAllowedAt(): Instant {
    return this.#lastSent + REKEY_TIMEOUT;
  }

  /** A retransmission comes at a random time by itself. */
  get initiationAllowedAt(): Instant {
    return this.retransmissionAllowedAt + this.#deference;
  }

  /** After the device came up, the first initiation need not wait. */
  forgetLastSent(): void {
    this.#lastSent = Number.NEGATIVE_INFINITY;
  }

  /** A new initiation, ready to be sent; it takes the place of the one in flight. */
  createInitiation(now: Instant): Uint8Array | undefined {
    this.#deference = 0;
    this.drop();
    const { environment, indices, timestamps } = this.#host;
    const index = indices.allocate(this.#peer);
    const known = this.#acquaintance();
    const created = createInitiation(environment.crypto, known, this.#ephemeral(), index, timestamps.next());
    if (!created) {
      indices.release(index);
      return undefined;
    }
    this.#inFlight = created.sent;
    return this.#stamp(created.message, now);
  }

  /** The rest of consuming an initiation after its static key was opened. The state is taken over. */
  consumeInitiation(
    symmetric: SymmetricState,
    message: Uint8Array,
    now: Instant,
  ): ReceivedInitiation | DatagramDrop {
    if (!this.#staticStatic) {
      symmetric.wipe();
      return 'bad_static';
    }
    const opened = openTimestamp(symmetric, message, this.#staticStatic);
    if (!opened) return 'bad_timestamp';
    const { timestamp, received } = opened;
    const drop = this.#judge(timestamp, now);
    if (drop) {
      symmetric.wipe();
      return drop;
    }
    this.#greatestTimestamp.set(timestamp);
    this.#lastReceived = now;
    return received;
  }

  #judge(timestamp: Uint8Array, now: Instant): DatagramDrop | undefined {
    if (!isLaterTimestamp(timestamp, this.#greatestTimestamp)) return 'replayed_initiation';
    return now - this.#lastReceived <= INITIATION_INTERVAL ? 'initiation_flood' : undefined;
  }

  /** Answers the initiation that was consumed in this turn. */
  createResponse(
    received: ReceivedInitiation,
    now: Instant,
  ): { message: Uint8Array; keypair: Keypair } | DatagramDrop {
    this.#deference = this.#inFlight ? this.#host.jitter.next() : 0;
    this.drop();
    const { environment, indices } = this.#host;
    const index = indices.allocate(this.#peer);
    const known = this.#acquaintance();
    const created = createResponse(environment.crypto, known, received, this.#ephemeral(), index);
    const keypair = created && this.#makeKeypair(created.keys, false, index, now);
    if (keypair) return { message: this.#stamp(created.message, now), keypair };
    indices.release(index);
    return created ? 'no_key_slot' : 'bad_static';
  }

  /** Whether the initiation in flight is the one with this index. */
  awaitsResponse(index: number): boolean {
    return this.#inFlight?.localIndex === index;
  }

  /**
   * Makes the initiation in flight a session. `se`: DH of our static key with the response's ephemeral. The caller has
   * asked `awaitsResponse` in this turn. A response that is refused leaves everything as it was.
   */
  consumeResponse(
    message: Uint8Array,
    se: Uint8Array,
    now: Instant,
  ): Keypair | 'zero-dh' | 'does-not-open' | 'no_key_slot' {
    const sent = this.#inFlight!;
    const { crypto } = this.#host.environment;
    const keys = consumeResponse(crypto, this.#acquaintance(), sent, message, se);
    if (typeof keys === 'string') return keys;
    const keypair = this.#makeKeypair(keys, true, sent.localIndex, now);
    if (!keypair) return 'no_key_slot';
    // Its index lives on as the session's.
    this.#inFlight = undefined;
    wipeInitiation(sent);
    return keypair;
  }

  consumeCookieReply(reply: Uint8Array, now: Instant): DatagramDrop | undefined {
    const outcome = this.#cookies.consumeReply(reply, now);
    if (outcome === 'stored') return undefined;
    return outcome === 'unexpected' ? 'unexpected_cookie' : 'bad_cookie';
  }

  forgetCookie(): void {
    this.#cookies.forget();
  }

  /** Forgets the initiation in flight. */
  drop(): void {
    if (!this.#inFlight) return;
    this.#host.indices.release(this.#inFlight.localIndex);
    wipeInitiation(this.#inFlight);
    this.#inFlight = undefined;
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.forgetIdentity();
    this.#cookies.forget();
    wipe(this.#presharedKey);
  }

  #acquaintance(): Acquaintance {
    return {
      ourPublicKey: this.#host.identity.publicKey,
      peerPublicKey: this.#peer.publicKey,
      staticStatic: this.#staticStatic!,
      presharedKey: this.#presharedKey,
    };
  }

  #ephemeral(): Uint8Array {
    const key = new Uint8Array(32);
    const { fillRandom, logSecrets } = this.#host.environment;
    fillRandom(key);
    clamp(key);
    const [peerPublicKey, presharedKey] = [this.#peer.publicKey, this.#presharedKey];
    logSecrets?.({ peerPublicKey, ephemeralPrivateKey: key, presharedKey });
    return key;
  }

  #stamp(message: Uint8Array, now: Instant): Uint8Array {
    this.#cookies.stamp(message, now);
    this.#lastSent = now;
    return message;
  }

  /** Undefined when there is no room for two more keys. */
  #makeKeypair(keys: TransportKeys, isInitiator: boolean, index: number, now: Instant): Keypair | undefined {
    const { crypto } = this.#host.environment;
    const send = crypto.importKey(keys.send);
    const receive = send && crypto.importKey(keys.receive);
    wipe(keys.send, keys.receive);
    if (send && receive) return new Keypair({ send, receive }, isInitiator, index, keys.remoteIndex, now);
    send?.destroy();
    return undefined;
  }
}
