/** Numbers as a person reads them. All pure; all take the value in its smallest unit. */

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `1.2 MB`: decimal units, three figures at most. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : threeFigures(value)} ${BYTE_UNITS[unit]}`;
}

/** `1.2 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** A time that passed, in ms: `now`, `12 s`, `3 min`, `2 h 5 min`, `4 days`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 1) return 'now';
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** `just now` or `12 s ago`. */
export function formatAgo(ms: number): string {
  return ms < 1000 ? 'just now' : `${formatAge(ms)} ago`;
}

/** A round trip in ms: `0.42 ms`, `3.1 ms`, `142 ms`. */
export function formatMillis(ms: number): string {
  return `${threeFigures(ms)} ms`;
}

/** A duration in ms as seconds: `0.84 s`, `12.3 s`, `4 min`. */
export function formatDuration(ms: number): string {
  return ms < 120_000 ? `${threeFigures(ms / 1000)} s` : formatAge(ms);
}

/** `Qh7s…9x0=`: enough of a key to tell it from its neighbours. */
export function shortKey(key: string): string {
  return key.length > 14 ? `${key.slice(0, 6)}…${key.slice(-5)}` : key;
}

/** `1 peer`, `2 peers`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function threeFigures(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  if (value >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}
