/** Round numbers for the axes of plots. All pure. */

/** The upper end of an axis that begins with zero: at least `least`, and a little above the largest value. */
export function topOf(values: Iterable<number | null | undefined>, least: number): number {
  let top = 0;
  for (const value of values) if (value != null && value > top) top = value;
  return niceAbove(Math.max(top * 1.05, least));
}

/** 1, 2, 2.5 or 5 times a power of ten, not below `value`. */
export function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 2.5, 5, 10].find((step) => step * power >= value * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** Where the marks of the time axis stand, and what they say: so long ago. */
export function timeMarks(now: number, span: number): { at: number; text: string }[] {
  return [1, 0.5, 0].map((part) => ({ at: now - span * part, text: agoText(span * part) }));
}

function agoText(seconds: number): string {
  if (seconds === 0) return 'now';
  return seconds < 120 ? `−${seconds} s` : `−${seconds / 60} min`;
}
