/** Milliseconds on a clock that never goes back and keeps counting through sleep. */
export type Instant = number;

/** A length of time, or a wall-clock time since 1970, in milliseconds. */
export type Millis = number;

/** Later than every instant: "there is nothing to wait for". */
export const NEVER: Instant = Number.POSITIVE_INFINITY;

export const SECOND: Millis = 1000;
export const MINUTE: Millis = 60 * SECOND;

/** Anything that has deadlines: asked when, then told. */
export interface Pollable {
  /** The earliest instant at which `poll` has work to do, or NEVER. */
  pollAt(): Instant;
  /** Does all that is due at `now`. Calling it early or twice does no harm. */
  poll(now: Instant): void;
}
