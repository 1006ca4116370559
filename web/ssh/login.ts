/** Which way to log in comes next: what OpenSSH's client does, keys first, then questions. */
import type { AnyAuthMethod } from 'ssh2';
import { agentOf } from './agent.ts';
import { clean } from './clean.ts';
import type { Signer } from './signer.ts';

export interface Question {
  /** What the server calls it; empty for a plain password. */
  title: string;
  text: string;
  prompts: { label: string; isSecret: boolean }[];
}

/** The answers, or undefined when the person had enough. */
export type AskPerson = (question: Question) => Promise<string[] | undefined>;

interface Prompt {
  prompt: string;
  echo?: boolean;
}

const PASSWORD_TRIES = 3;
/** So many keys are tried before the server is asked what it takes: it may count that as a try then, and mostly ends at six. */
const FEW_KEYS = 3;

export class Login {
  readonly #username: string;
  readonly #signers: readonly Signer[];
  readonly #ask: AskPerson;
  #agentTried = false;
  #triesLeft = { 'keyboard-interactive': PASSWORD_TRIES, password: PASSWORD_TRIES };
  /** The person answered in this try. */
  #answered = false;
  /** What they answered in the try before did not get us in. */
  #wasWrong = false;
  isCancelled = false;

  constructor(username: string, signers: readonly Signer[], ask: AskPerson) {
    this.#username = username;
    this.#signers = signers;
    this.#ask = ask;
  }

  /**
   * `methods`: what the server would take; null before it has been asked. `isPartial`: what came before was right, and it
   * wants more. Undefined: there is nothing left to try.
   */
  async next(methods: string[] | null, isPartial: boolean | null): Promise<AnyAuthMethod | undefined> {
    const username = this.#username;
    this.#wasWrong = this.#answered && !isPartial;
    this.#answered = false;
    if (this.isCancelled) return undefined;
    if (this.#triesKeys(methods)) {
      this.#agentTried = true;
      return { type: 'agent', username, agent: agentOf(this.#signers) };
    }
    if (methods === null) return { type: 'none', username };
    if (methods.includes('keyboard-interactive') && this.#triesLeft['keyboard-interactive']-- > 0)
      return {
        type: 'keyboard-interactive',
        username,
        prompt: (name, instructions, _language, prompts, finish) =>
          void this.#question(name, instructions, prompts).then(finish),
      };
    if (methods.includes('password') && this.#triesLeft.password-- > 0) {
      const [password] = await this.#question('', '', [{ prompt: 'Password', echo: false }]);
      return password === undefined ? undefined : { type: 'password', username, password };
    }
    return undefined;
  }

  #triesKeys(methods: string[] | null): boolean {
    const count = this.#signers.length;
    if (count === 0 || this.#agentTried) return false;
    return methods?.includes('publickey') ?? count <= FEW_KEYS;
  }

  async #question(title: string, text: string, prompts: readonly Prompt[]): Promise<string[]> {
    // RFC 4256 §3.2: a server may ask nothing, and wants that answered.
    if (prompts.length === 0 || this.isCancelled) return [];
    const again = this.#wasWrong ? 'That was not right: try again.' : '';
    this.#wasWrong = false;
    this.#answered = true;
    const answers = await this.#ask({
      title: clean(title),
      text: [again, clean(text)].filter(Boolean).join(' '),
      prompts: prompts.map(({ prompt, echo }) => ({
        label: clean(prompt).replace(/:\s*$/, '') || 'Answer',
        isSecret: echo !== true,
      })),
    });
    if (!answers) this.isCancelled = true;
    return answers ?? [];
  }
}
