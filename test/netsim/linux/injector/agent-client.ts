import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Child } from '../../../support/child-process.ts';
import type { Namespace } from '../../../support/namespace.ts';
import type { Answer, Wish } from './agent.ts';

/** agent.ts, in a namespace, and the way to ask it. */
export class AgentClient {
  readonly #child: Child;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: Child) {
    this.#child = child;
    this.#answers = createInterface({ input: child.process.stdout! })[Symbol.asyncIterator]();
  }

  static async start(namespace: Namespace): Promise<AgentClient> {
    const script = join(import.meta.dirname, 'agent.ts');
    const child = namespace.start(process.execPath, ['--import', 'tsx', script], { isInteractive: true });
    const client = new AgentClient(child);
    await client.#answers.next();
    return client;
  }

  async ask(wish: Wish): Promise<Answer> {
    this.#child.process.stdin!.write(`${JSON.stringify(wish)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the agent has ended: ${this.#child.output}`);
    return JSON.parse(value as string) as Answer;
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}
