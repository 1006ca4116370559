/** Lines of the log as text, and which of them a person wants to see. All pure. */
import type { LogLevel } from '../../src/index.ts';
import type { LogLine } from './log-book.ts';

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[];

/** Those that matter at least as much as `least`, and have all the words in them. */
export function chooseLines(lines: readonly LogLine[], least: LogLevel, words: string): LogLine[] {
  const from = LEVELS.indexOf(least);
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return lines.filter((line) => {
    if (LEVELS.indexOf(line.level) < from) return false;
    if (wanted.length === 0) return true;
    const text = `${line.message} ${fieldsText(line.fields)}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

/** `2026-11-27T08:10:00.000Z INFO  message key=value`, a line each. */
export function exportText(lines: readonly LogLine[]): string {
  return lines
    .map(({ at, level, message, fields }) => {
      const rest = fieldsText(fields);
      const time = new Date(at).toISOString();
      return `${time} ${level.toUpperCase().padEnd(5)} ${oneLine(message)}${rest && ` ${rest}`}\n`;
    })
    .join('');
}

/** `key=value key="two words"`; what has no value is left out. */
export function fieldsText(fields: Record<string, unknown>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${valueText(value)}`)
    .join(' ');
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? withoutCredentials(value) : (JSON.stringify(value) ?? '');
  return /[\s"]/.test(text) ? JSON.stringify(text) : text;
}

/** Of a URL neither who logs in nor what is asked: a relay's may hold a token there. */
export function withoutCredentials(text: string): string {
  return text.replace(/\b(wss?|https?):\/\/[^\s"]+/gi, (url) =>
    url.replace(/^([a-z]+:\/\/)[^/?#@]*@/i, '$1').replace(/[?#].*$/, ''),
  );
}

/** Of what another side has said, nothing may look like a line of its own. */
function oneLine(text: string): string {
  return withoutCredentials(text).replace(/\p{Cc}+/gu, ' ');
}
