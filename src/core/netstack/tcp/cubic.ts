import { type Instant, NEVER, SECOND } from '../../time.ts';
import { atLeastTwo, type CongestionControl, MAX_CWND, usedWindow } from './congestion.ts';
import type { Flight } from './flight.ts';
import type { Tcb } from './tcb.ts';

/** RFC 9438 §5.1: how aggressively the window grows, in segments per second cubed. */
const C = 0.4;
/** §4.6: what a reduction leaves. */
const BETA = 0.7;
/** §4.3: the growth that is as fast as Reno's on average, given that reductions are smaller. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);
/** §4.2: the window grows by half of itself in a round trip at most. */
const MOST_GROWTH = 1.5;

/** The variables of one epoch, with the names of §4.1.2. Windows are counted in segments, times in seconds. */
class Epoch {
  wMax = 0;
  k = 0;
  /** Where the cubic function has its plateau. */
  origin = 0;
  /** When this congestion avoidance began; NEVER until its first acknowledgment. */
  start: Instant = NEVER;
  wEst = 0;
  cwndPrior = 0;
  /** The part of the window that is less than a byte. */
  fraction = 0;

  copyFrom(other: Epoch): void {
    this.wMax = other.wMax;
    this.k = other.k;
    this.origin = other.origin;
    this.start = other.start;
    this.wEst = other.wEst;
    this.cwndPrior = other.cwndPrior;
    this.fraction = other.fraction;
  }
}

const BEFORE_ANY = new Epoch();

/** CUBIC congestion avoidance (RFC 9438). */
export class Cubic implements CongestionControl {
  readonly name = 'cubic';
  readonly #epoch = new Epoch();
  readonly #saved = new Epoch();

  begin(): void {
    this.#epoch.copyFrom(BEFORE_ANY);
  }

  /** In one piece: what a function is given, or returns, would be an object if it has a fraction. */
  acknowledged(tcb: Tcb, flight: Flight, bytes: number): void {
    const epoch = this.#epoch;
    const cwnd = tcb.cwnd / tcb.mss;
    const acked = bytes / tcb.mss;
    if (epoch.start === NEVER) this.#begin(tcb, flight);
    const { k, origin } = epoch;
    const t = (flight.now - epoch.start) / SECOND;
    // §4.3: as much as Reno would have, at least.
    epoch.wEst += ((epoch.wEst < epoch.cwndPrior ? ALPHA : 1) * acked) / cwnd;
    let window: number;
    // §4.2, figure 1: W_cubic(t).
    if (C * (t - k) ** 3 + origin < epoch.wEst) {
      window = Math.max(cwnd, epoch.wEst) * tcb.mss;
    } else {
      // §4.4, §4.5: W_cubic(t + RTT).
      const wanted = C * (t + tcb.roundTrip.smoothed / SECOND - k) ** 3 + origin;
      const target = Math.min(Math.max(wanted, cwnd), MOST_GROWTH * cwnd);
      window = tcb.cwnd + epoch.fraction + ((target - cwnd) / cwnd) * bytes;
    }
    tcb.cwnd = Math.min(Math.floor(window), MAX_CWND);
    epoch.fraction = window - Math.floor(window);
  }

  reduce(tcb: Tcb): void {
    const epoch = this.#epoch;
    const cwnd = tcb.cwnd / tcb.mss;
    epoch.cwndPrior = cwnd;
    // §4.7, fast convergence: who lost before reaching the last plateau makes room for others.
    epoch.wMax = cwnd < epoch.wMax ? (cwnd * (1 + BETA)) / 2 : cwnd;
    epoch.start = NEVER;
    tcb.ssthresh = atLeastTwo(Math.floor(BETA * usedWindow(tcb)), tcb.mss);
  }

  paused(gap: number): void {
    // §4.2: the epoch is the time in which the window was used.
    if (this.#epoch.start !== NEVER) this.#epoch.start += gap;
  }

  save(): void {
    this.#saved.copyFrom(this.#epoch);
  }

  restore(): void {
    this.#epoch.copyFrom(this.#saved);
  }

  /** §4.2: the plateau is the window at the last loss, or, when the window is beyond it already, the window. */
  #begin(tcb: Tcb, flight: Flight): void {
    const epoch = this.#epoch;
    const cwnd = tcb.cwnd / tcb.mss;
    epoch.start = flight.now;
    epoch.wEst = cwnd;
    epoch.fraction = 0;
    epoch.origin = Math.max(epoch.wMax, cwnd);
    epoch.k = Math.cbrt((epoch.origin - cwnd) / C);
  }
}
