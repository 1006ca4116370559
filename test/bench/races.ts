// Races that go on in several hosts at a time, round by round, so that all of them have the same weather.
import { BrowserHost } from './hosts/browser-host.ts';
import { executableOf } from './hosts/browsers.ts';
import type { Host, HostKind } from './hosts/host.ts';
import { NodeHost } from './hosts/node-host.ts';
import type { Prepared } from './hosts/procedures.ts';
import type { Line } from './report.ts';
import type { Pace } from './suite.ts';

/** Someone outside of all hosts, who runs beside them: units per second in one contest, or undefined. */
export type Outsider = (contest: string) => Promise<number> | undefined;

/** What becomes of a suite that is a race in every host. */
export async function raceEverywhere(
  suite: string,
  kinds: readonly HostKind[],
  pace: Pace,
  outsiders: Readonly<Record<string, Outsider>> = {},
): Promise<{ lines: Line[]; notes: string[] }> {
  const notes = kinds.flatMap((kind) => absence(kind) ?? []);
  const hosts: Host[] = [];
  try {
    for (const kind of kinds) if (!absence(kind)) hosts.push(await openHost(kind));
    const lines: Line[] = [];
    for (const contest of await contestsOf(suite, hosts))
      lines.push(...(await raceOne(suite, contest, hosts, pace, outsiders)));
    return { lines: hosts.flatMap(({ name }) => lines.filter(({ host }) => host === name)), notes };
  } finally {
    for (const host of hosts) await host.close();
  }
}

/** Why there is no such host here. */
export function absence(kind: HostKind): string | undefined {
  if (kind === 'node' || executableOf(kind)) return undefined;
  const debians = kind === 'firefox' ? 'firefox-esr' : 'chromium';
  return `not run in ${kind}, which is not installed (Debian: apt-get install ${debians})`;
}

async function openHost(kind: HostKind): Promise<Host> {
  return kind === 'node' ? NodeHost.open() : BrowserHost.open(kind);
}

async function contestsOf(suite: string, hosts: readonly Host[]): Promise<string[]> {
  const names = new Set<string>();
  for (const host of hosts) for (const name of await host.call<string[]>('contests', suite)) names.add(name);
  return [...names];
}

async function raceOne(
  suite: string,
  contest: string,
  hosts: readonly Host[],
  { rounds, milliseconds }: Pace,
  outsiders: Readonly<Record<string, Outsider>>,
): Promise<Line[]> {
  const runners: { host: Host; unit: string; values: Record<string, number[]> }[] = [];
  for (const host of hosts) {
    const { unit } = await host.call<Prepared>('prepare', { suite, contest, milliseconds });
    runners.push({ host, unit, values: {} });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { host, values } of runners) note(values, await host.call<Record<string, number>>('round'));
    for (const [name, run] of Object.entries(outsiders)) {
      const rate = await run(contest);
      if (rate !== undefined) for (const { values } of runners) note(values, { [name]: rate });
    }
  }
  return runners.map(({ host, unit, values }) => ({ name: contest, host: host.name, unit, values }));
}

function note(values: Record<string, number[]>, rates: Readonly<Record<string, number>>): void {
  for (const [name, rate] of Object.entries(rates)) (values[name] ??= []).push(rate);
}
