import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What a file of targets/ exports. */
export interface Target {
  readonly name: string;
  /** One iteration; throws when something is wrong. What happens depends on the seed alone. */
  run(seed: number): void | Promise<void>;
  /** Begins what all iterations share. A text says why this machine cannot run the target. */
  prepare?(): Promise<string | undefined>;
  /** Ends what `prepare` began. */
  finish?(): Promise<void>;
}

/** In the order in which they run. */
export const TARGETS = [
  'datagram',
  'inner-packet',
  'cookie-reply',
  'handshake-gate',
  'replay-window',
  'timestamp',
  'timestamp-record',
  'allowed-ips',
  'aead',
  'values',
  'config',
  'wg-setconf',
  'relay-frames',
  'netstack',
  'stand-in',
  'ip-headers',
  'reassembly',
  'icmp-errors',
  'tcp-segments',
  'socket-calls',
  'dns',
] as const;

export async function loadTarget(name: string): Promise<Target> {
  return (await import(`./targets/${name}.ts`)) as Target;
}

/** An iteration that computes longer than this is a failure: some input takes too much time. In milliseconds. */
const LONGEST_RUN = 10_000;
/** So much may the heap be larger in the end than after the first iterations, in bytes. */
const LARGEST_GROWTH = 48 * 1024 * 1024;

export class FuzzFailure extends Error {
  readonly seed: number;

  constructor(seed: number, cause: unknown) {
    super(`seed ${seed} fails`, { cause });
    this.seed = seed;
  }
}

/** Runs seed after seed until the time is over, at least one. Throws a FuzzFailure. */
export async function runFor(
  target: Target,
  firstSeed: number,
  seconds: number,
): Promise<{ runs: number; seconds: number }> {
  const started = performance.now();
  const warm = started + Math.min(10, seconds / 4) * 1000;
  const end = started + seconds * 1000;
  let heap: number | undefined;
  let runs = 0;
  let seed = firstSeed;
  do {
    await runOne(target, seed);
    runs++;
    seed = (seed + 1) >>> 0;
    if (heap === undefined && performance.now() > warm) heap = heapAfterCollection();
  } while (performance.now() < end);
  const growth = heapAfterCollection() - (heap ?? Number.POSITIVE_INFINITY);
  if (growth > LARGEST_GROWTH)
    throw new Error(`the heap grew by ${(growth / 2 ** 20).toFixed(1)} MiB over ${runs} runs`);
  return { runs, seconds: (performance.now() - started) / 1000 };
}

export async function runOne(target: Target, seed: number): Promise<void> {
  const before = process.cpuUsage();
  try {
    await target.run(seed);
  } catch (error) {
    throw new FuzzFailure(seed, error);
  }
  // Of this process alone, because others may keep the machine busy.
  const { user, system } = process.cpuUsage(before);
  const took = (user + system) / 1000;
  if (took > LONGEST_RUN) throw new FuzzFailure(seed, new Error(`it took ${Math.round(took)} ms`));
}

let collect: (() => void) | undefined;

function heapAfterCollection(): number {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  return process.memoryUsage().heapUsed;
}
