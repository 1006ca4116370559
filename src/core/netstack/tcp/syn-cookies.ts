import type { Environment } from '../../environment.ts';
import { type Instant, type Millis, SECOND } from '../../time.ts';
import type { Ends } from './passive-open.ts';
import { diff } from './sequence.ts';
import type { HalfOpen } from './syn-queue.ts';

/** A cookie is good for the slot of time in which it was made, and the next one. */
const SLOT: Millis = 64 * SECOND;
/** For so long after the last cookie, an ACK may be the answer to one. */
export const COOKIE_LIFETIME: Millis = 2 * SLOT;

/** What a peer may be sent, in ascending order: three bits of a cookie. */
const MSS_TABLE = [48, 536, 1220, 1300, 1360, 1380, 1440, 8900];
const MSS_BITS = 3;
const MSS_MASK = (1 << MSS_BITS) - 1;

// What the low bits of our timestamp carry.
const SCALE_MASK = 0xf;
const NO_SCALE = 0xf;
const SACK_BIT = 0x10;
const ECN_BIT = 0x20;
const STAMP_BITS = 6;
const STAMP_MASK = (1 << STAMP_BITS) - 1;

/**
 * SYN cookies (RFC 4987 §3.6): when there is no room to remember a SYN, our initial sequence number is what must be
 * known to finish the handshake, signed, and comes back in the last ACK: 29 bits of a SipHash over the addresses, the
 * peer's number, the time and the MSS, and three bits for the MSS. The other options return in the timestamp's echo; a
 * peer without timestamps goes without them. A guess is right once in 2^28.
 */
export class SynCookies {
  readonly #environment: Environment;
  readonly #key = new Uint8Array(16);

  constructor(environment: Environment) {
    this.#environment = environment;
    environment.fillRandom(this.#key);
  }

  /** Makes the half-open connection one that need not be remembered. Returns the timestamp of its SYN|ACK. */
  bake(ends: Ends, half: HalfOpen, now: Instant): number {
    let index = MSS_TABLE.length - 1;
    while (index > 0 && MSS_TABLE[index]! > half.mss) index--;
    half.iss = this.#sign(ends, half.irs, Math.floor(now / SLOT), index);
    if (!half.timestamps) {
      half.windowScale = -1;
      half.sackPermitted = half.ecn = false;
      return 0;
    }
    const scale = half.windowScale < 0 ? NO_SCALE : half.windowScale;
    const stamp = (Math.floor(now) + half.tsOffset) | 0;
    const bits = (half.sackPermitted ? SACK_BIT : 0) | (half.ecn ? ECN_BIT : 0) | scale;
    const carrying = (stamp & ~STAMP_MASK) | bits;
    // Never ahead of our clock: what we send next must not be older.
    return diff(carrying, stamp) > 0 ? (carrying - (1 << STAMP_BITS)) | 0 : carrying;
  }

  /**
   * What the SYN|ACK with initial number `iss` was the answer to, or undefined when we never sent it. `tsEcr`: the echo
   * of our timestamp, where there is one.
   */
  read(
    ends: Ends,
    irs: number,
    iss: number,
    tsEcr: number | undefined,
    now: Instant,
  ): Pick<HalfOpen, 'mss' | 'windowScale' | 'sackPermitted' | 'ecn'> | undefined {
    const index = iss & MSS_MASK;
    const slot = Math.floor(now / SLOT);
    if (this.#sign(ends, irs, slot, index) !== iss && this.#sign(ends, irs, slot - 1, index) !== iss)
      return undefined;
    const scale = tsEcr === undefined ? NO_SCALE : tsEcr & SCALE_MASK;
    return {
      mss: MSS_TABLE[index]!,
      windowScale: scale === NO_SCALE ? -1 : scale,
      sackPermitted: tsEcr !== undefined && (tsEcr & SACK_BIT) !== 0,
      ecn: tsEcr !== undefined && (tsEcr & ECN_BIT) !== 0,
    };
  }

  #sign({ local, remote }: Ends, irs: number, slot: number, index: number): number {
    const { size } = remote.address;
    const message = new Uint8Array(2 * size + 16);
    const view = new DataView(message.buffer);
    local.address.writeTo(view, 0);
    remote.address.writeTo(view, size);
    view.setUint16(2 * size, local.port);
    view.setUint16(2 * size + 2, remote.port);
    view.setInt32(2 * size + 4, irs);
    view.setInt32(2 * size + 8, slot);
    view.setInt32(2 * size + 12, index);
    const [hash] = this.#environment.crypto.sipHash(this.#key, message);
    return (hash & ~MSS_MASK) | index;
  }
}
