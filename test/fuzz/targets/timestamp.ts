// TAI64N (WG §5.1): whatever the wall clock says and whatever was kept from earlier, each timestamp is greater than all
// before it, and is the whitened time itself wherever that is possible.
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { isLaterTimestamp, TimestampClock, timestampOf } from '../../../src/core/wireguard/tai64n.ts';
import { SeededRandom } from '../../support/random.ts';

export const name = 'timestamp';

const WRITTEN = Date.UTC(2026, 0, 1);
const YEAR = 365.25 * 86_400_000;
const STEP = 1n << 24n;
const SECOND = 1_000_000_000n;

export function run(seed: number): void {
  const random = new SeededRandom(seed);
  compareAtRandom(random);
  let wall = WRITTEN + random.fraction() * 3 * YEAR;
  let last: Uint8Array | undefined;
  for (let lives = 0; lives < 4; lives++) {
    const kept = random.below(3) === 0 ? stored(random, last) : last;
    const clock = new TimestampClock(() => wall, kept);
    deepStrictEqual(clock.last, readable(kept), 'what was kept is taken, whitened, or ignored');
    last = clock.last;
    for (let n = 0; n < 50; n++) {
      wall = moved(wall, random);
      const next = clock.next();
      strictEqual(next.length, 12);
      strictEqual(nanosecondsOf(next) % STEP, 0n, 'whitened');
      ok(nanosecondsOf(next) < SECOND);
      const time = timeOf(wall);
      if (last) ok(numberOf(next) > numberOf(last) && isLaterTimestamp(next, last), 'greater than the last');
      if (!last || numberOf(time) > numberOf(last)) deepStrictEqual(next, time, 'the time itself');
      else deepStrictEqual(next, after(last), 'one step on');
      deepStrictEqual(clock.last, next);
      last = next;
    }
  }
}

/** A wall clock that ticks, stands still, jumps, or is broken. */
function moved(wall: number, random: SeededRandom): number {
  switch (random.below(10)) {
    case 0:
      return wall + (random.fraction() - 0.5) * YEAR;
    case 1:
      return wall - random.below(3_600_000);
    case 2:
      return [0, -1, 1e15, WRITTEN - 1, WRITTEN, WRITTEN + 20 * YEAR, WRITTEN + 20 * YEAR + 1, 8.64e15][
        random.below(8)
      ]!;
    case 3:
      return WRITTEN + random.fraction() * 5 * YEAR;
    case 4:
      return wall;
    default:
      return wall + random.fraction() * 40;
  }
}

/** What may be found where a timestamp was kept: junk, or the last one with a byte changed. */
function stored(random: SeededRandom, last: Uint8Array | undefined): Uint8Array {
  if (!last || random.below(2) === 0) return random.bytes(random.below(3) === 0 ? random.below(40) : 12);
  const bytes = last.slice();
  bytes[random.below(12)] = random.below(256);
  return bytes;
}

/** The timestamp that was kept, if it can be one: a label of the next 34,000 years and less than a second of it. */
function readable(kept: Uint8Array | undefined): Uint8Array | undefined {
  if (kept?.length !== 12) return undefined;
  const label = numberOf(kept) >> 32n;
  if (label < 1n << 62n || label >= (1n << 62n) + (1n << 40n) || nanosecondsOf(kept) >= SECOND)
    return undefined;
  return bytesOf(label, nanosecondsOf(kept) - (nanosecondsOf(kept) % STEP));
}

function timeOf(wall: number): Uint8Array {
  const believable = wall >= WRITTEN && wall <= WRITTEN + 20 * YEAR ? wall : WRITTEN;
  const seconds = Math.floor(believable / 1000);
  return timestampOf(seconds, Math.floor((believable - seconds * 1000) * 1e6));
}

function after(last: Uint8Array): Uint8Array {
  const label = numberOf(last) >> 32n;
  const nanoseconds = nanosecondsOf(last) + STEP;
  return nanoseconds < SECOND ? bytesOf(label, nanoseconds) : bytesOf(label + 1n, 0n);
}

function compareAtRandom(random: SeededRandom): void {
  const a = random.bytes(12);
  const b = random.below(2) === 0 ? random.bytes(12) : a.slice();
  if (random.below(2) === 0) b[random.below(12)] = random.below(256);
  strictEqual(isLaterTimestamp(a, b), numberOf(a) > numberOf(b));
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function nanosecondsOf(timestamp: Uint8Array): bigint {
  return numberOf(timestamp) & 0xffff_ffffn;
}

function bytesOf(label: bigint, nanoseconds: bigint): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, label);
  view.setUint32(8, Number(nanoseconds));
  return bytes;
}
