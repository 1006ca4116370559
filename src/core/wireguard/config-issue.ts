import { TunnelError } from '../errors.ts';

/** `error`: the configuration is refused. `warning`: perhaps not meant. `info`: kept, and without effect here. */
export type ConfigSeverity = 'error' | 'warning' | 'info';

/** Something to say about a configuration file. Lines and columns count from 1. */
export interface ConfigIssue {
  /** Whether it makes the configuration unusable. */
  readonly severity: ConfigSeverity;
  /** Of the file, from 1. */
  readonly line: number;
  /** Of the line, from 1. */
  readonly column: number;
  /** The key concerned, in its usual spelling. */
  readonly key?: string;
  /** One sentence with the line, the key, what was found and what is expected; never key material. */
  readonly message: string;
}

/** Why a configuration is refused: the first of its errors. */
export class ConfigError extends TunnelError {
  /** Of the file, from 1. */
  readonly line: number;
  /** Of the line, from 1. */
  readonly column: number;
  /** The key concerned, in its usual spelling, if one is. */
  readonly key: string | undefined;

  /** The error that the issue is. */
  constructor(issue: ConfigIssue) {
    super('ERR_CONFIG', issue.message);
    this.name = 'ConfigError';
    this.line = issue.line;
    this.column = issue.column;
    this.key = issue.key;
  }
}

/** A file of garbage must not make a list as long as itself. */
const MAX_ISSUES = 1000;

/** Collects issues; beyond MAX_ISSUES it only remembers whether there was an error. */
export class ConfigIssues {
  readonly #issues: ConfigIssue[] = [];
  #failed = false;

  get failed(): boolean {
    return this.#failed;
  }

  /** More than anyone will read: no further remark is kept. */
  get isFull(): boolean {
    return this.#issues.length >= MAX_ISSUES;
  }

  /** Refused, and with as many issues as anyone will read: nothing more is worth looking for. */
  get exhausted(): boolean {
    return this.#failed && this.isFull;
  }

  report(
    severity: ConfigSeverity,
    line: number,
    column: number,
    key: string | undefined,
    text: string,
  ): void {
    // An error is noted even after a thousand warnings: something has to say why the file was refused.
    const isFirstError = severity === 'error' && !this.#failed;
    if (severity === 'error') this.#failed = true;
    if (this.isFull && !isFirstError) return;
    const message = `line ${line}: ${text}`;
    this.#issues.push(
      key === undefined ? { severity, line, column, message } : { severity, line, column, key, message },
    );
  }

  /** In the order of the file. */
  inOrder(): ConfigIssue[] {
    return [...this.#issues].sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

const SHOWN = 64;

/**
 * Whether a key, or a good part of one, may have got into this text: keys are pasted into wrong lines, and lines run
 * together. Host names and addresses seldom mix capitals and small letters at such length.
 */
export function mayHoldKey(text: string): boolean {
  const shown = text.slice(0, SHOWN);
  if (/[A-Za-z0-9+/]{24}/.test(shown)) return true;
  const digits = shown.replace(/[^A-Za-z0-9+/]/g, '');
  return digits.length >= 20 && /[A-Z]/.test(digits) && /[a-z]/.test(digits);
}

/** The user's text as it may appear in a message: short, printable, and hidden when it may hold a key. */
export function quote(text: string): string {
  if (mayHoldKey(text)) return '(hidden: may hold a key)';
  const printable = text.slice(0, SHOWN).replace(/[^ -~¡-\ud7ff]/g, '\ufffd');
  return `"${printable}${text.length > SHOWN ? '…' : ''}"`;
}
