import type { HostKind } from './hosts/host.ts';
import type { SuiteResult } from './report.ts';
import type { Target } from './target.ts';

/** How long and how often. */
export interface Pace {
  readonly rounds: number;
  /** Of one contender's turn. */
  readonly milliseconds: number;
  readonly isQuick: boolean;
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  /** By which part of it a line may be worse than the baseline. */
  readonly tolerance: number;
  readonly targets: readonly Target[];
  run(hosts: readonly HostKind[], pace: Pace): Promise<Omit<SuiteResult, 'suite' | 'title'>>;
}
