/** What several rounds had, in one look. */
export interface Spread {
  median: number;
  least: number;
  most: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}

export function medianOf(values: readonly number[]): number {
  return spreadOf(values).median;
}

/** Half of what lies between the least and the most, in percent of the median. */
export function percentOf({ median, least, most }: Spread): number {
  return median === 0 ? 0 : ((most - least) / 2 / median) * 100;
}
