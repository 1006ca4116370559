// A race inside one host: contenders that first agree on an answer and then run in turns.

/** Does its work so many times. A number that it returns, or promises, is how many milliseconds of that count. */
export type Work = (times: number) => unknown;

export type MaybePromise<T> = T | Promise<T>;

/** Someone to be measured. */
export interface Contender {
  /** What it makes of the question that all are asked. */
  answer(): MaybePromise<Uint8Array>;
  run: Work;
}

/** One line of a table: something that all contenders do. */
export interface Contest {
  readonly unit: string;
  /** What one time is, in that unit times seconds: 0.0014 for 1400 bytes where the unit is MB/s. */
  readonly amount: number;
  /** Absent: what the first one answers. */
  readonly expected?: Uint8Array;
  readonly contenders: Readonly<Record<string, Contender>>;
}

const WARM_UP_TURNS = 4;

/** In ms. */
export interface Clock {
  now(): number;
}

interface Runner {
  readonly name: string;
  readonly run: Work;
  readonly times: number;
}

/** A contest whose contenders have agreed and are warm. */
export class Race {
  readonly #contest: Contest;
  readonly #runners: readonly Runner[];

  readonly #clock: Clock;

  private constructor(contest: Contest, runners: readonly Runner[], clock: Clock) {
    this.#contest = contest;
    this.#runners = runners;
    this.#clock = clock;
  }

  /** Each contender's turn will last about so long, counted or not. Throws if two of them disagree. */
  static async prepare(
    name: string,
    contest: Contest,
    milliseconds: number,
    clock: Clock = performance,
  ): Promise<Race> {
    await agree(name, contest);
    const runners: Runner[] = [];
    for (const [who, contender] of Object.entries(contest.contenders)) {
      const run: Work = (times) => contender.run(times);
      runners.push({ name: who, run, times: await calibrate(run, milliseconds, clock) });
    }
    return new Race(contest, runners, clock);
  }

  /** Everyone's turn: units per second. In turns, so that a noisy neighbour hits all of them. */
  async round(): Promise<Record<string, number>> {
    const rates: Record<string, number> = {};
    for (const { name, run, times } of this.#runners)
      rates[name] = (times * this.#contest.amount * 1000) / (await clocked(run, times, this.#clock)).counted;
    return rates;
  }
}

async function agree(name: string, { contenders, expected }: Contest): Promise<void> {
  for (const [who, contender] of Object.entries(contenders)) {
    const theirs = await contender.answer();
    expected ??= theirs;
    if (theirs.length !== expected.length || theirs.some((byte, i) => byte !== expected![i]))
      throw new Error(`${name}: ${who} has another answer than the others`);
  }
}

/** How often fits into a turn, once it is warm. */
async function calibrate(run: Work, milliseconds: number, clock: Clock): Promise<number> {
  let times = 1;
  while ((await clocked(run, times, clock)).whole < milliseconds) times *= 2;
  // What comes first is slow: compilers wait until they have seen enough.
  let whole = milliseconds;
  for (let turn = 0; turn < WARM_UP_TURNS; turn++) ({ whole } = await clocked(run, times, clock));
  return Math.max(1, Math.round((times * milliseconds) / whole));
}

/** How long it took, and how much of that counts. */
async function clocked(run: Work, times: number, clock: Clock): Promise<{ whole: number; counted: number }> {
  const started = clock.now();
  const counted = await run(times);
  const whole = clock.now() - started;
  return { whole, counted: typeof counted === 'number' ? counted : whole };
}
