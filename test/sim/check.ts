import { type LinkEvent, printEvent } from './link.ts';
import { type Outcome, run, type Variant } from './run.ts';
import { type Scenario, scenarioOf } from './scenario.ts';

/** How often a run is repeated to find what of its link events it takes. */
const SHRINKING_RUNS = 300;

/** What a seed broke. */
export interface Violation {
  seed: number;
  workload: string;
  /** In which variant of the run. */
  where: string;
  message: string;
  /** Of all that the links did, what is enough to break it again. */
  events: string[];
}

/** Runs a seed, and again in all the ways that must make no difference. */
export function checkSeed(seed: number): Violation | undefined {
  const scenario = scenarioOf(seed);
  const plain = run(scenario, { hashWire: true });
  if (plain.error) return violation(scenario, 'as it is', {}, plain);
  const slow = run(scenario, { hashWire: true, fastPath: false });
  if (slow.error) return violation(scenario, 'without the fast path', { fastPath: false }, slow);
  if (slow.wireHash !== plain.wireHash)
    return { ...describe(scenario, 'without the fast path', new Error('other bytes left')), events: [] };
  for (const isn of awkwardNumbers(seed)) {
    const found = compare(scenario, plain, { isn }, `with initial sequence numbers at ${isn >>> 0}`);
    if (found) return found;
  }
  // The two families differ in what every path must carry; and where a router's message wakes several connections at once,
  // the order in which they send again decides which of their packets a link drops.
  const isWide = scenario.links.every(({ mtu }) => mtu >= Math.max(...scenario.mtu));
  if (seed % 4 === 0 && plain.blackHoleSuspicions === 0 && (isWide || scenario.sessions.length === 1)) {
    const version = scenario.version === 4 ? 6 : 4;
    const found = compare(scenario, plain, { version }, `over IPv${version}`);
    if (found) return found;
  }
  return seed % 8 === 1 ? checkBatches(scenario) : undefined;
}

/** Just before the arithmetic wraps: at 2^31 and at 2^32, for some in the SYN, for others in the text. */
function awkwardNumbers(seed: number): number[] {
  const before = [0, 1, 2, 100, 1400, 20_000][seed % 6]!;
  return [(2 ** 31 - before) | 0, -1 - before];
}

/** The variant must decide as the plain run did, packet by packet. */
function compare(scenario: Scenario, plain: Outcome, variant: Variant, where: string): Violation | undefined {
  const other = run(scenario, variant);
  if (other.error) return violation(scenario, where, variant, other);
  // Only one of the two may suspect a black hole: they try other sizes then.
  const isOtherSize = variant.version !== undefined && other.blackHoleSuspicions > 0;
  if (other.decisions === plain.decisions || isOtherSize) return undefined;
  const error = new Error(`decides differently (${other.packets} packets instead of ${plain.packets})`);
  return { ...describe(scenario, where, error), events: [] };
}

/** One by one or in batches of 64 ms: all streams arrive. */
function checkBatches(scenario: Scenario): Violation | undefined {
  for (const batch of [0, 64]) {
    const [a, b] = scenario.links;
    const batched: Scenario = {
      ...scenario,
      links: [
        { ...a, batch },
        { ...b, batch },
      ],
    };
    const outcome = run(batched);
    if (outcome.error) return violation(batched, `delivered every ${batch} ms`, {}, outcome);
  }
  return undefined;
}

function violation(scenario: Scenario, where: string, variant: Variant, outcome: Outcome): Violation {
  const events = shrink(scenario, variant, outcome).map(printEvent);
  return { ...describe(scenario, where, outcome.error!), events };
}

function describe({ seed, workload }: Scenario, where: string, error: Error): Omit<Violation, 'events'> {
  return { seed, workload, where, message: error.message };
}

/** Takes away as many link events as it can while the run still breaks in the same way (Zeller's ddmin). */
function shrink(scenario: Scenario, variant: Variant, outcome: Outcome): LinkEvent[] {
  const kind = kindOfMessage(outcome.error!.message);
  let needed = outcome.events;
  let runs = 0;
  for (let pieces = 2; needed.length > 0 && runs < SHRINKING_RUNS; ) {
    const size = Math.ceil(needed.length / pieces);
    let reduced = false;
    for (let at = 0; at < needed.length && !reduced && runs < SHRINKING_RUNS; at += size) {
      const fewer = [...needed.slice(0, at), ...needed.slice(at + size)];
      const again = run(scenario, { ...variant, only: new Set(fewer.map(printEvent)) });
      runs++;
      if (!again.error || kindOfMessage(again.error.message) !== kind) continue;
      needed = again.events;
      reduced = true;
    }
    if (reduced) pieces = Math.max(2, pieces - 1);
    else if (pieces >= needed.length) break;
    else pieces = Math.min(needed.length, pieces * 2);
  }
  return needed;
}

/** Messages that differ in numbers only are of one kind. */
function kindOfMessage(message: string): string {
  return message.replace(/\d+(\.\d+)?/g, 'N');
}

export function printViolation({ seed, workload, where, message, events }: Violation): string {
  const list = events.length > 40 ? [...events.slice(0, 40), `and ${events.length - 40} more`] : events;
  return `seed ${seed} (${workload}), ${where}: ${message}\n  link events: ${list.join('; ') || 'none needed'}`;
}
