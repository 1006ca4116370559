import { join } from 'node:path';
import { Browser, type BrowserKind, versionOf } from './browsers.ts';
import { CommandServer } from './command-server.ts';
import type { Host, Place } from './host.ts';

const FOLDER = join(import.meta.dirname, '../../../dist/bench/page');
/** A browser that has not come up by then does not. */
const PATIENCE = 60_000;

/** A page, or its worker, in a browser of its own. */
export class BrowserHost implements Host {
  readonly name: string;
  readonly origin: string;
  readonly #browser: Browser;
  readonly #server: CommandServer;

  private constructor(name: string, browser: Browser, server: CommandServer) {
    this.name = name;
    this.origin = server.origin;
    this.#browser = browser;
    this.#server = server;
    void browser.exited.then((code) => server.failAll(`the browser ended with ${code}\n${browser.output}`));
  }

  static async open(kind: BrowserKind, place: Place = 'worker'): Promise<BrowserHost> {
    return BrowserHost.openAt(kind, async () => `/?in=${place}`);
  }

  /** `path`: of the page, which may depend on where it is served. */
  static async openAt(kind: BrowserKind, path: (origin: string) => Promise<string>): Promise<BrowserHost> {
    const server = await CommandServer.start(FOLDER);
    const browser = Browser.open(kind, `${server.origin}${await path(server.origin)}`);
    const host = new BrowserHost(await versionOf(kind), browser, server);
    const late = setTimeout(
      () => server.failAll(`no page after ${PATIENCE} ms\n${browser.output}`),
      PATIENCE,
    );
    try {
      await host.call('hello');
    } catch (error) {
      await host.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
    return host;
  }

  get pid(): number {
    return this.#browser.pid;
  }

  /** The files that it loaded. */
  get served(): ReadonlySet<string> {
    return this.#server.served;
  }

  async call<T>(procedure: string, argument?: unknown): Promise<T> {
    const { value, error } = await this.#server.call(procedure, argument);
    if (error !== undefined) throw new Error(`in ${this.name}: ${error}`);
    return value as T;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#server.stop();
  }
}
