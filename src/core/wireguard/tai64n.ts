import type { Millis } from '../time.ts';

export const TIMESTAMP_SIZE = 12;

/** TAI64 labels begin at 2^62 and TAI was ten seconds ahead in 1970, which is all that WireGuard knows of leap seconds. */
const LABEL_HIGH = 0x4000_0000;
const TAI_OFFSET = 10;
/** The low 24 bits of the nanoseconds are cleared, so that the clock cannot be measured through us. */
const STEP_NANOSECONDS = 1 << 24;

/** No clock is right that says it is before this program was written (2026-01-01), or long after it. */
const WRITTEN: Millis = 1_767_225_600_000;
const TWENTY_YEARS: Millis = 20 * 365.25 * 86_400_000;

/** Unix time: whole seconds, and nanoseconds that are a multiple of 2^24. */
interface Moment {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/**
 * Makes the timestamps of initiations (WG §5.1). A peer refuses each that is not greater than the greatest it has seen
 * with our key, for ever; so they strictly increase whatever the wall clock does, and across restarts if the host keeps
 * `last`. A clock that is absurdly late is not believed: one such timestamp would burn the key.
 */
export class TimestampClock {
  readonly #wallClock: () => Millis;
  /** Called once, the first time that the wall clock is not believed; undefined from then on. */
  #suspected: ((wall: Millis) => void) | undefined;
  #last: Moment | undefined;

  /**
   * `last`: 12 bytes that `last` gave to an earlier clock of the same key. Ignored if they are no timestamp.
   * `suspected` is told once of a time that is not believed.
   */
  constructor(wallClock: () => Millis, last?: Uint8Array, suspected?: (wall: Millis) => void) {
    this.#wallClock = wallClock;
    this.#last = last && readTimestamp(last);
    this.#suspected = suspected;
  }

  /** From now on for a key that another clock has made timestamps for: `last` is its greatest. */
  goOnFrom(last: Uint8Array): void {
    const moment = readTimestamp(last);
    if (moment && (!this.#last || isLater(moment, this.#last))) this.#last = moment;
  }

  /** The greatest timestamp given out so far, for the host to keep. */
  get last(): Uint8Array | undefined {
    return this.#last && writeTimestamp(this.#last);
  }

  /** 12 bytes, greater than any before. */
  next(): Uint8Array {
    const current = momentOf(this.#believableTime());
    this.#last = this.#last && !isLater(current, this.#last) ? stepAfter(this.#last) : current;
    return writeTimestamp(this.#last);
  }

  #believableTime(): Millis {
    const wall = this.#wallClock();
    if (wall >= WRITTEN && wall <= WRITTEN + TWENTY_YEARS) return wall;
    this.#suspected?.(wall);
    this.#suspected = undefined;
    return WRITTEN;
  }
}

/** Whether a is greater than b, as 96-bit big-endian numbers. */
export function isLaterTimestamp(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < TIMESTAMP_SIZE; i++) if (a[i] !== b[i]) return a[i]! > b[i]!;
  return false;
}

/** The whitened timestamp of a Unix time. */
export function timestampOf(seconds: number, nanoseconds: number): Uint8Array {
  return writeTimestamp({ seconds, nanoseconds: nanoseconds - (nanoseconds % STEP_NANOSECONDS) });
}

function momentOf(wall: Millis): Moment {
  const seconds = Math.floor(wall / 1000);
  const nanoseconds = Math.floor((wall - seconds * 1000) * 1e6);
  return { seconds, nanoseconds: nanoseconds - (nanoseconds % STEP_NANOSECONDS) };
}

function stepAfter({ seconds, nanoseconds }: Moment): Moment {
  const next = nanoseconds + STEP_NANOSECONDS;
  return next < 1e9 ? { seconds, nanoseconds: next } : { seconds: seconds + 1, nanoseconds: 0 };
}

function isLater(a: Moment, b: Moment): boolean {
  return a.seconds > b.seconds || (a.seconds === b.seconds && a.nanoseconds > b.nanoseconds);
}

function writeTimestamp({ seconds, nanoseconds }: Moment): Uint8Array {
  const bytes = new Uint8Array(TIMESTAMP_SIZE);
  const view = new DataView(bytes.buffer);
  const label = seconds + TAI_OFFSET;
  view.setUint32(0, LABEL_HIGH + Math.floor(label / 0x1_0000_0000));
  view.setUint32(4, label % 0x1_0000_0000);
  view.setUint32(8, nanoseconds);
  return bytes;
}

function readTimestamp(bytes: Uint8Array): Moment | undefined {
  if (bytes.length !== TIMESTAMP_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, TIMESTAMP_SIZE);
  const high = view.getUint32(0) - LABEL_HIGH;
  const nanoseconds = view.getUint32(8);
  // Beyond the year 36,000 something else was stored there.
  if (high < 0 || high > 0xff || nanoseconds >= 1e9) return undefined;
  const seconds = high * 0x1_0000_0000 + view.getUint32(4) - TAI_OFFSET;
  return { seconds, nanoseconds: nanoseconds - (nanoseconds % STEP_NANOSECONDS) };
}
