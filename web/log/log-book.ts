/** The log of this page: what the engine tells, bounded, in memory only. Never a secret (the engine tells none). */
import { signal } from '@preact/signals';
import type { LogLevel } from '../../src/index.ts';

/** The oldest lines make room. */
export const LINES_KEPT = 2000;

export interface LogLine {
  /** Counts up, also over lines that are gone. */
  number: number;
  /** Milliseconds since 1970. */
  at: number;
  level: LogLevel;
  message: string;
  fields: Record<string, unknown>;
}

export class LogBook {
  /** Oldest first; changed in place. */
  readonly lines: LogLine[] = [];
  /** How many there ever were: says that `lines` has changed. */
  readonly written = signal(0);

  /** As the `logger` of a tunnel. */
  readonly write = (level: LogLevel, message: string, fields: Record<string, unknown> = {}): void => {
    this.lines.push({ number: this.written.peek(), at: Date.now(), level, message, fields });
    if (this.lines.length > LINES_KEPT) this.lines.shift();
    this.written.value++;
  };
}
