import { join } from 'node:path';
import { Child } from './child-process.ts';

const root = join(import.meta.dirname, '../..');

/** What `npm start` runs after its build, as built: relay, console and demo peer in one process. */
export class DemoCommand {
  readonly url: string;
  readonly #child: Child;

  private constructor(url: string, child: Child) {
    this.url = url;
    this.#child = child;
  }

  static async start(): Promise<DemoCommand> {
    const child = new Child(process.execPath, ['dist/src/cli/main.js', 'demo', '--port', '0'], {
      cwd: root,
    });
    const [, url] = await child.saw(/(http:\/\/\S+)/);
    return new DemoCommand(url!, child);
  }

  get output(): string {
    return this.#child.output;
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }
}
