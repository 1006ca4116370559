import type { TunnelError } from '../../errors.ts';
import type { Instant } from '../../time.ts';
import type { DnsRecord, RecordType } from '../../wire/dns.ts';
import { type Answer, MAX_ALIASES } from './answer.ts';
import type { Question, ServerFailure } from './question.ts';
import { aliasesInCircle, noSuchName, noSuchRecord, notAnswered, notInDns } from './resolve-failure.ts';

export type ResolveOutcome =
  | { readonly records: readonly DnsRecord[] }
  /** `refused`: it was not asked for, or leads in a circle. `failed`: nothing is known about it. */
  | { readonly error: TunnelError; readonly reason: 'no-record' | 'no-name' | 'refused' | 'failed' };

/** Told once that there is an outcome. Must only take note. */
export interface ResolutionObserver {
  settled(): void;
}

/** What a resolution asks its resolver for. */
export interface ResolutionHost {
  /** What is known without asking: ourselves, or from before. */
  known(name: string, type: RecordType, now: Instant): Answer | undefined;
  /** What our policy leaves of an answer to who asked for `name`. */
  acceptable(answer: Answer, name: string): Answer;
  /** Why no server is asked about the name. */
  reasonNotAsked(name: string): string | undefined;
  /** The one question about it, whoever else asked it; an error when there are too many, or no servers. */
  ask(name: string, type: RecordType, resolution: Resolution, now: Instant): Question | TunnelError;
  cancelled(resolution: Resolution, now: Instant): void;
}

/**
 * One name as a user asks for it: through the names that it may mean, and from alias to alias, to an outcome. It may
 * have one from the beginning; then its observer is never called.
 */
export class Resolution {
  readonly text: string;
  readonly type: RecordType;
  outcome: ResolveOutcome | undefined;
  observer: ResolutionObserver | undefined;
  /** What it waits for. */
  question: Question | undefined;
  readonly #host: ResolutionHost;
  readonly #candidates: readonly string[];
  #candidate = 0;
  /** Names on the way of aliases, the candidate first. */
  #way: string[] = [];
  #aliases = 0;

  constructor(text: string, type: RecordType, candidates: readonly string[], host: ResolutionHost) {
    this.text = text;
    this.type = type;
    this.#candidates = candidates;
    this.#host = host;
  }

  /** From the first candidate on. */
  begin(now: Instant): void {
    this.#candidate = 0;
    this.#goOn(this.#candidates[0]!, now);
  }

  /** The question that it waited for has ended. */
  answered(outcome: Answer | readonly ServerFailure[], now: Instant): void {
    const { name } = this.question!;
    this.question = undefined;
    if (!('kind' in outcome)) {
      this.settle({ error: notAnswered(name, outcome), reason: 'failed' });
      return;
    }
    const next = this.#take(this.#host.acceptable(outcome, this.#asked));
    if (next !== undefined) this.#goOn(next, now);
  }

  settle(outcome: ResolveOutcome): void {
    this.outcome = outcome;
    this.question = undefined;
    this.observer?.settled();
  }

  cancel(now: Instant): void {
    this.observer = undefined;
    if (this.outcome) return;
    this.#host.cancelled(this, now);
    this.question = undefined;
  }

  /** The candidate, whatever it turned out to be an alias of. */
  get #asked(): string {
    return this.#candidates[this.#candidate]!;
  }

  /** From a candidate on, as far as what is known leads. */
  #goOn(name: string, now: Instant): void {
    for (let next: string | undefined = name; next !== undefined; ) {
      const known = this.#host.known(next, this.type, now);
      if (known) {
        next = this.#take(this.#host.acceptable(known, this.#asked));
        continue;
      }
      const reason = this.#host.reasonNotAsked(next);
      if (reason !== undefined) {
        this.settle({ error: notInDns(next, reason), reason: 'refused' });
        return;
      }
      const question = this.#host.ask(next, this.type, this, now);
      if (question instanceof Error) this.settle({ error: question, reason: 'failed' });
      else this.question = question;
      return;
    }
  }

  /** The name to go on with, unless this is the end. */
  #take(answer: Answer): string | undefined {
    switch (answer.kind) {
      case 'records':
        this.settle({ records: answer.records });
        return undefined;
      case 'alias':
        return this.#follow(answer);
      case 'no-data':
        this.settle({ error: noSuchRecord(answer.name, this.type, answer.server), reason: 'no-record' });
        return undefined;
      case 'no-name':
        return this.#nextCandidate(answer);
      case 'circle':
        this.settle({ error: aliasesInCircle(this.text), reason: 'refused' });
        return undefined;
    }
  }

  #follow({ name, aliases }: Answer): string | undefined {
    this.#aliases += aliases;
    if (this.#way.includes(name) || this.#aliases > MAX_ALIASES) {
      this.settle({ error: aliasesInCircle(this.text), reason: 'refused' });
      return undefined;
    }
    this.#way.push(name);
    return name;
  }

  /** A candidate that is an alias of nothing exists all the same. */
  #nextCandidate({ server, aliases }: Answer): string | undefined {
    const isAlias = this.#aliases + aliases > 0;
    const next = isAlias ? undefined : this.#candidates[++this.#candidate];
    if (next === undefined)
      this.settle({ error: noSuchName(this.text, this.#candidates, server), reason: 'no-name' });
    return next;
  }
}
