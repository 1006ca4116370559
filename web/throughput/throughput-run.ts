import { signal } from '@preact/signals';
import type { Tunnel } from '../../src/index.ts';
import { type Explain, Run } from '../tools/run.ts';

export type Direction = 'download' | 'upload';
export type ServerKind = 'http' | 'iperf3';

export interface ThroughputQuestion {
  kind: ServerKind;
  /** Of a web server a URL, of an iperf3 server its address. */
  address: string;
  direction: Direction;
  seconds: number;
}

/** What a test is given to move bytes with. */
export interface Load {
  direction: Direction;
  seconds: number;
  /** The person has stopped it. */
  signal: AbortSignal;
  /** The time is over. It begins with the first byte. */
  over: AbortSignal;
  /** So many bytes more have moved. */
  count(bytes: number): void;
}

/** What the other side says at the end, where it says anything. */
export interface LoadReport {
  /** Bytes that it received, and in how many seconds. */
  arrived?: { bytes: number; seconds: number };
}

export interface ThroughputState {
  isDone: boolean;
  direction: Direction;
  bytes: number;
  /** Milliseconds since the first byte. */
  elapsed: number;
  /** Bytes per second: of the last quarter of a second; when it is done, of the whole. */
  rate: number;
  /** Segments that had to be sent again meanwhile. */
  retransmits: number | undefined;
}

const SAMPLE_EVERY = 250;

type Tested = Pick<Tunnel, 'fetch' | 'status' | 'TCPSocket'>;

/** Moves bytes that nobody needs for so many seconds, and says how many got through. */
export class ThroughputRun extends Run {
  readonly state = signal<ThroughputState | undefined>();
  /** Seconds since the first byte, and bytes per second; changed in place. */
  times: number[] = [];
  rates: number[] = [];

  /** `ask` may throw a sentence about what somebody wrote into the fields. */
  async measure(tunnel: Tested, ask: () => ThroughputQuestion, explain: Explain): Promise<void> {
    this.state.value = undefined;
    this.times = [];
    this.rates = [];
    await this.start(explain, async (signal) => {
      const question = ask();
      const test = await testOf(question);
      const before = (await tunnel.status()).tcp.retransmits;
      const watch = new Stopwatch(question.seconds);
      const timer = setInterval(() => this.#sample(watch, question.direction), SAMPLE_EVERY);
      signal.addEventListener('abort', () => clearInterval(timer));
      try {
        const { direction, seconds } = question;
        const { over, count } = watch;
        const report = await test(tunnel, { direction, seconds, signal, over, count });
        if (!signal.aborted)
          this.#finish(watch, report, question, (await tunnel.status()).tcp.retransmits - before);
      } finally {
        clearInterval(timer);
        watch.end();
      }
    });
  }

  #sample(watch: Stopwatch, direction: Direction): void {
    const rate = watch.lap();
    if (rate === undefined) return;
    const { bytes, elapsed } = watch;
    this.times.push(elapsed / 1000);
    this.rates.push(rate);
    this.state.value = { isDone: false, direction, bytes, elapsed, rate, retransmits: undefined };
  }

  #finish(
    watch: Stopwatch,
    { arrived }: LoadReport,
    { direction }: ThroughputQuestion,
    retransmits: number,
  ): void {
    const bytes = arrived?.bytes ?? watch.bytes;
    const elapsed = arrived ? arrived.seconds * 1000 : watch.elapsed;
    const rate = (bytes / Math.max(1, elapsed)) * 1000;
    this.state.value = { isDone: true, direction, bytes, elapsed, rate, retransmits };
  }
}

/** Loaded when it is first used. */
async function testOf({ kind, address }: ThroughputQuestion) {
  if (kind === 'http') {
    const { testByHttp } = await import('./http-load.ts');
    return (tunnel: Tested, load: Load) => testByHttp(tunnel, address, load);
  }
  const { testByIperf } = await import('./iperf3.ts');
  return (tunnel: Tested, load: Load) => testByIperf(tunnel, address, load);
}

/** Counts bytes from the first one on, and ends when the time is over. */
class Stopwatch {
  readonly #seconds: number;
  readonly #over = new AbortController();
  #begin: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lapAt = 0;
  #lapBytes = 0;
  bytes = 0;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  get elapsed(): number {
    return this.#begin === undefined ? 0 : performance.now() - this.#begin;
  }

  readonly count = (bytes: number): void => {
    if (this.#begin === undefined) {
      this.#begin = this.#lapAt = performance.now();
      this.#timer = setTimeout(() => this.#over.abort(), this.#seconds * 1000);
    }
    this.bytes += bytes;
  };

  /** Bytes per second since the lap before; undefined until it has begun. */
  lap(): number | undefined {
    const now = performance.now();
    if (this.#begin === undefined || now - this.#lapAt < 50) return undefined;
    const rate = ((this.bytes - this.#lapBytes) / (now - this.#lapAt)) * 1000;
    this.#lapAt = now;
    this.#lapBytes = this.bytes;
    return rate;
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Throws a sentence for what is no sensible number of seconds. */
export function readSeconds(text: string): number {
  const seconds = Number(text.trim());
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 300)
    throw new Error('For how long? Write whole seconds, 1 to 300.');
  return seconds;
}
