import type { EngineAnswer, EngineEvent } from '../bridge/api.ts';

interface Question {
  resolve(token: string): void;
  reject(error: Error): void;
}

/** Asks the page for tokens: only it can fetch them, or ask its user to log in. */
export class TokenQuestions {
  readonly #post: (event: EngineEvent) => void;
  readonly #open = new Map<number, Question>();
  #last = 0;

  constructor(post: (event: EngineEvent) => void) {
    this.#post = post;
  }

  readonly ask = (reason: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#open.set(id, { resolve, reject });
      this.#post({ type: 'token', id, reason });
    });

  answer({ id, token, error }: EngineAnswer): void {
    const question = this.#open.get(id);
    this.#open.delete(id);
    if (token !== undefined) question?.resolve(token);
    else question?.reject(new Error(error));
  }
}
