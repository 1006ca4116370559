// What an end of a bulk transfer says afterwards: c/traffic.c and our-end.ts alike.

/**
 * Every tenth of a second: ms since the first byte, bytes so far; then of the sender, in segments but for the round trip
 * (ms): cwnd, ssthresh, round trip, in flight, lost, sent again, acknowledged selectively.
 */
export type Sample = readonly [
  at: number,
  bytes: number,
  cwnd: number,
  ssthresh: number,
  rtt: number,
  inFlight: number,
  lost: number,
  retransmits: number,
  sacked: number,
];

export interface TrafficReport {
  /** Linux's algorithm, or `ours`. */
  congestion: string;
  mss: number;
  /** Something else arrived than was sent. */
  corrupt: boolean;
  retransmits: number;
  timeouts: number;
  /** Of what was sent, so many segments arrived twice, as the other side said (DSACK). */
  duplicates: number;
  /** Ours: the part of a processor's time that the process took. */
  cpu?: number;
  samples: Sample[];
}

/** Bytes that had gone by at `at`, in ms. */
function bytesAt(samples: readonly Sample[], at: number): number {
  let [before, bytes] = [0, 0];
  for (const [time, total] of samples) {
    if (time >= at) return bytes + ((total - bytes) * (at - before)) / (time - before);
    [before, bytes] = [time, total];
  }
  return bytes;
}

/** Bytes per second from `from` to `to`, in ms. */
export function goodput(samples: readonly Sample[], from: number, to: number): number {
  return ((bytesAt(samples, to) - bytesAt(samples, from)) * 1000) / (to - from);
}

/** After how many ms half a second went by in which `rate` bytes per second arrived; undefined: never. */
export function timeToReach(samples: readonly Sample[], rate: number): number | undefined {
  const window = 500;
  for (const [at] of samples)
    if (at >= window && goodput(samples, at - window, at) >= rate) return at - window;
  return undefined;
}
