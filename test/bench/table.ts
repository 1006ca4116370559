import type { Line } from './report.ts';

const MORE_IS_BETTER = new Set(['1/s', 'MB/s', 'of 1']);

/** Values as they come in, by line and contender. */
export class Table {
  readonly #host: string;
  readonly #lines = new Map<string, Line & { values: Record<string, number[]> }>();

  constructor(host: string) {
    this.#host = host;
  }

  get lines(): Line[] {
    return [...this.#lines.values()];
  }

  /** Of rates and parts more is better, of all else less. `isFixed`: see Line. */
  add(name: string, unit: string, who: string, value: number, isFixed = false): void {
    const isLessBetter = !MORE_IS_BETTER.has(unit);
    const line = this.#lines.get(name) ?? { name, host: this.#host, unit, isLessBetter, isFixed, values: {} };
    this.#lines.set(name, line);
    (line.values[who] ??= []).push(value);
  }
}
