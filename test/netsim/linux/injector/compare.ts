// The same packets for our stack and for Linux's: what comes of them must be the same, or known to differ (deviations.ts).
import type { Family } from '../../../core/netstack/hostile/family.ts';
import type { Case } from './case.ts';
import { DEVIATIONS, type Deviation, excuse, explain } from './deviations.ts';
import { ICMP_CASES, UDP_CASES } from './icmp-udp-cases.ts';
import { IP_CASES } from './ip-cases.ts';
import { LinuxSubject } from './linux-subject.ts';
import { mutationOf } from './mutations.ts';
import { OurSubject } from './our-subject.ts';
import { play } from './play.ts';
import { GRID, TCP_CASES } from './tcp-cases.ts';

export const CASES: readonly Case[] = [...IP_CASES, ...ICMP_CASES, ...UDP_CASES, ...TCP_CASES, ...GRID];
/** A difference counts if it is seen so often: Linux runs in real time, and now and then a timer of its own is early. */
const TRIES = 3;
const [FIRST_PORT, LAST_PORT] = [1024, 59_999];

export interface Comparison {
  compared: number;
  alike: number;
  /** Different, and known to be. */
  known: number;
  /** What went wrong, a sentence each. */
  faults: string[];
}

/** All cases, and as many mutations, from seed `first` on. */
export async function compareWithLinux(seeds: number, first: number): Promise<Comparison> {
  const linux = await LinuxSubject.start();
  try {
    const comparer = new Comparer(linux);
    await comparer.compareCases();
    await comparer.compareMutations(seeds, first);
    return comparer.result;
  } finally {
    await linux.stop();
  }
}

class Comparer {
  readonly result: Comparison = { compared: 0, alike: 0, known: 0, faults: [] };
  readonly #linux: LinuxSubject;
  readonly #ours = new OurSubject();
  readonly #met = new Map<Deviation, number>();
  /** Of the peer. Each connection has another, as TIME-WAIT lasts. */
  #port = FIRST_PORT;

  constructor(linux: LinuxSubject) {
    this.#linux = linux;
  }

  async compareCases(): Promise<void> {
    for (const what of CASES)
      for (const family of what.families)
        await this.#compare(what, family, (ours, linux) => {
          const deviation = explain(what, ours, linux);
          if (deviation) this.#met.set(deviation, (this.#met.get(deviation) ?? 0) + 1);
          return deviation !== undefined;
        });
    for (const deviation of DEVIATIONS) {
      const met = this.#met.get(deviation) ?? 0;
      const { row, name, count, reason } = deviation;
      if (met !== count)
        this.result.faults.push(`row ${row}, ${name}: met ${met} times, not ${count}: ${reason}`);
    }
  }

  async compareMutations(seeds: number, first: number): Promise<void> {
    for (let seed = first; seed < first + seeds; seed++) {
      const mutation = mutationOf(seed);
      for (const family of mutation.families)
        await this.#compare(mutation, family, (ours, linux) => excuse(mutation, ours, linux) !== undefined);
    }
  }

  async #compare(
    what: Case,
    family: Family,
    isKnown: (ours: string, linux: string) => boolean,
  ): Promise<void> {
    const { result } = this;
    result.compared++;
    let [ours, linux] = ['', ''];
    for (let tries = 0; tries < TRIES; tries++) {
      const port = this.#nextPort();
      ours = await play(this.#ours, what, family, port);
      linux = await play(this.#linux, what, family, port);
      if (ours === linux) {
        result.alike++;
        return;
      }
      if (isKnown(ours, linux)) {
        result.known++;
        return;
      }
    }
    result.faults.push(`${family.name}, row ${what.row}, ${what.name}:\n  ours  ${ours}\n  Linux ${linux}`);
  }

  #nextPort(): number {
    const port = this.#port;
    this.#port = port === LAST_PORT ? FIRST_PORT : port + 1;
    return port;
  }
}
