// npm run test:mutation [-- FILE …]
//
// Flips every comparison, every && and || and, among the constants, every number of the protocol's core, one at a time,
// and runs its tests. A mutant that no test notices has survived: either a test is missing, or it makes no difference
// and belongs in equivalent.ts with the reason. Names of files (timers cookie …) limit the run to those.
import { availableParallelism } from 'node:os';
import { EQUIVALENT, type Equivalent, equivalentOf } from './equivalent.ts';
import { describe, type Mutant, mutantsOf } from './mutants.ts';
import { Workshop } from './workshop.ts';

const SOURCES = 'src/core/wireguard';
const TESTS = 'test/core/wireguard';

/** What is broken, and the tests that notice first. All others follow for who survives those. */
const NEAR: Record<string, string[]> = {
  timers: ['timers', 'timelines'],
  alarm: ['device', 'timers'],
  replay: ['replay'],
  keypair: ['keypair', 'hostile/transport'],
  cookie: ['cookie', 'hostile/cookie'],
  load: ['load'],
  'rate-limiter': ['rate-limiter'],
  'source-address': ['rate-limiter', 'cookie'],
  'handshake-gate': ['load'],
  'handshake-inbox': ['device', 'hostile/load'],
  tai64n: ['tai64n'],
  'handshake-slot': ['hostile/initiation', 'hostile/response', 'timers'],
  'own-identity': ['reconfiguration', 'device'],
  peer: ['device', 'timers', 'hostile/inner'],
  outbox: ['device', 'hostile/host', 'timers'],
  'peer-status': ['device'],
  device: ['device', 'reconfiguration', 'hostile/malformed'],
  transport: ['transport', 'hostile/transport'],
  'inner-packet': ['hostile/inner'],
  messages: ['hostile/malformed'],
  'staged-packets': ['hostile/host', 'device'],
  'staging-area': ['hostile/host', 'device', 'reconfiguration'],
  'index-table': ['hostile/host', 'device'],
  'allowed-ips': ['allowed-ips'],
  jitter: ['timers'],
  constants: ['timers', 'keypair', 'hostile/transport', 'load', 'rate-limiter'],
};
/** Not run for who survives: they are about something else, or take long and look at the whole, not at bounds. */
const OTHERS = [
  ...[
    'allocation',
    'completeness',
    'config',
    'config-hostile',
    'edge-cases',
    'flood',
    'history',
    'hundred-thousand',
  ],
  ...['keys', 'link', 'many-peers', 'sleep', 'vector-devices', 'vectors', 'zeroing'],
];

/** Long tests that look at what nothing else does: only for who survives all the others. */
const LAST: Record<string, string[]> = { constants: ['flood'], 'handshake-inbox': ['flood'] };

/** Where numbers are flipped too. */
const TABLES = ['constants', 'replay', 'tai64n'];
const NEAR_LIMIT = 60_000;
const ALL_LIMIT = 300_000;

interface Outcome {
  mutant: Mutant;
  /** Endless: its tests did not come to an end, as with a loop that has none. */
  fate: 'killed' | 'endless' | 'survived' | 'equivalent';
}

process.exitCode = await main(process.argv.slice(2));

async function main(wanted: string[]): Promise<number> {
  for (const name of wanted)
    if (!(name in NEAR)) {
      console.error(`no file "${name}"; there are: ${Object.keys(NEAR).join(', ')}`);
      return 2;
    }
  const names = Object.keys(NEAR).filter((name) => wanted.length === 0 || wanted.includes(name));
  const workshops = Array.from({ length: availableParallelism() }, () => new Workshop());
  try {
    return await hunt(names, workshops);
  } finally {
    for (const workshop of workshops) workshop.close();
  }
}

async function hunt(names: string[], workshops: Workshop[]): Promise<number> {
  const [first] = workshops;
  const { all, used } = collect(names, (file) => first!.read(file));
  const stale = EQUIVALENT.filter((entry) => names.includes(nameOf(entry.file)) && !used.has(entry));
  for (const { file, text, before, after } of stale)
    console.log(`equivalent.ts: nothing like this any more: ${file}: ${text} (${before} → ${after})`);

  if ((await first!.pass(first!.tests(TESTS, OTHERS), ALL_LIMIT)) !== true) {
    console.log(`the tests fail before anything is broken\n${first!.output}`);
    return 1;
  }
  const outcomes: Outcome[] = all.filter(({ fate }) => fate === 'equivalent');
  const waiting = all.filter(({ fate }) => fate !== 'equivalent').map(({ mutant }) => mutant);
  const total = waiting.length;
  await Promise.all(
    workshops.map(async (workshop) => {
      for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
        const fate = await judge(workshop, mutant);
        outcomes.push({ mutant, fate });
        if (fate === 'survived') console.log(`SURVIVED ${describe(mutant)}`);
        const done = total - waiting.length;
        if (done % 25 === 0) console.log(`… ${done} of ${total}`);
      }
    }),
  );
  return report(names, outcomes) && stale.length === 0 ? 0 : 1;
}

/** All mutants, the equivalent ones marked. */
function collect(names: string[], read: (file: string) => string): { all: Outcome[]; used: Set<Equivalent> } {
  const used = new Set<Equivalent>();
  const all = names.flatMap((name) => {
    const file = `${SOURCES}/${name}.ts`;
    const mutants = mutantsOf(file, read(file), TABLES.includes(name));
    return mutants.map((mutant): Outcome => {
      const twins = mutants.filter(
        ({ line, before, after }) =>
          line === mutant.line && before === mutant.before && after === mutant.after,
      );
      const entry = equivalentOf(mutant, twins.indexOf(mutant) + 1);
      if (entry) used.add(entry);
      return { mutant, fate: entry ? 'equivalent' : 'survived' };
    });
  });
  return { all, used };
}

async function judge(workshop: Workshop, mutant: Mutant): Promise<Outcome['fate']> {
  const name = nameOf(mutant.file);
  const stages = [
    { tests: filesOf(['boundaries', ...NEAR[name]!]), limit: NEAR_LIMIT },
    { tests: workshop.tests(TESTS, OTHERS), limit: ALL_LIMIT },
    { tests: filesOf(LAST[name] ?? []), limit: ALL_LIMIT },
  ];
  return workshop.with(mutant, async () => {
    for (const { tests, limit } of stages) {
      const passed = tests.length === 0 || (await workshop.pass(tests, limit));
      if (passed !== true) return passed === false ? 'killed' : 'endless';
    }
    return 'survived';
  });
}

function filesOf(tests: string[]): string[] {
  return tests.map((test) => `${TESTS}/${test}.test.ts`);
}

function report(names: string[], outcomes: Outcome[]): boolean {
  console.log('');
  for (const name of names) {
    const mine = outcomes.filter(({ mutant }) => nameOf(mutant.file) === name);
    console.log(`${name.padEnd(18)} ${scoreOf(mine)}`);
  }
  const survivors = outcomes.filter(({ fate }) => fate === 'survived');
  if (survivors.length > 0) console.log('\nsurvivors:');
  for (const { mutant } of survivors) console.log(describe(mutant));
  console.log(`\nmutation: ${scoreOf(outcomes)}`);
  return survivors.length === 0;
}

function scoreOf(outcomes: Outcome[]): string {
  const count = (fate: Outcome['fate']) => outcomes.filter((outcome) => outcome.fate === fate).length;
  const endless = count('endless');
  const killed = count('killed') + endless;
  const all = killed + count('survived');
  const percent = all === 0 ? 100 : (100 * killed) / all;
  const howSome = endless > 0 ? `, ${endless} of them without an end` : '';
  return `${killed} of ${all} killed (${percent.toFixed(1)} %)${howSome}, ${count('equivalent')} equivalent`;
}

function nameOf(file: string): string {
  return file.slice(SOURCES.length + 1, -'.ts'.length);
}
