import type { BaseIssue } from 'valibot';

/** What is wrong with the relay's configuration, as one sentence for the operator. */
export class RelayConfigError extends Error {
  /** Of a command that ends with it. */
  readonly exitCode = 2;

  /** `message` is the sentence. */
  constructor(message: string) {
    super(message);
    this.name = 'RelayConfigError';
  }
}

/** `allow.1.ports: expected array, not "51820"`. */
export function describeIssue(issue: BaseIssue<unknown>): string {
  const place = issue.path?.map(({ key }) => String(key)).join('.') ?? '';
  const colon = place === '' ? '' : `${place}: `;
  if (issue.expected === 'never') return `${colon}there is no such setting`;
  return `${colon}expected ${issue.expected}, not ${issue.received}`;
}
