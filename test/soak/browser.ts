// A Chromium that runs as a user's does: no Playwright, and nobody listening to its network. Its DevTools port is used
// for moments only, to call a function of the page and to read the heaps, and never with the Network domain on, which
// would make an event of every WebSocket frame.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { Child } from '../support/child-process.ts';
import { chromiumExecutable, chromiumOptions } from '../support/chromium.ts';
import { commandOf, familyOf, residentBytes } from './proc.ts';

/** In bytes, after a collection. */
export interface Heaps {
  page: number;
  worker: number;
}

export class SoakBrowser {
  readonly #child: Child;
  readonly #profile: string;
  readonly #port: number;

  private constructor(child: Child, profile: string, port: number) {
    this.#child = child;
    this.#profile = profile;
    this.#port = port;
  }

  static async open(url: string): Promise<SoakBrowser> {
    const profile = mkdtempSync(join(tmpdir(), 'tabwire-soak-'));
    const child = new Child(chromiumExecutable()!, [
      ...chromiumOptions.args!,
      '--headless=new',
      `--user-data-dir=${profile}`,
      '--remote-debugging-port=0',
      url,
    ]);
    const [, port] = await child.saw(/DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//, 30_000);
    return new SoakBrowser(child, profile, Number(port));
  }

  /** The value of an expression in the page, awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const connection = await Connection.open(await this.#pageUrl());
    try {
      return await connection.evaluate<T>(expression);
    } finally {
      connection.close();
    }
  }

  async heaps(): Promise<Heaps> {
    const connection = await Connection.open(await this.#pageUrl());
    try {
      const worker = await connection.attachToWorker();
      return { page: await connection.heapOf(undefined), worker: await connection.heapOf(worker) };
    } finally {
      connection.close();
    }
  }

  /** Resident bytes: of all Chromium's processes, and of the one that has the page and its worker. */
  memory(): { chromium: number; renderer: number } {
    const pids = familyOf(this.#child.pid);
    const renderers = pids.filter((pid) => commandOf(pid).includes('--type=renderer'));
    const sum = (list: number[]) => list.reduce((total, pid) => total + residentBytes(pid), 0);
    return { chromium: sum(pids), renderer: Math.max(0, ...renderers.map(residentBytes)) };
  }

  async close(): Promise<void> {
    await this.#child.stop();
    rmSync(this.#profile, { recursive: true, force: true });
  }

  async #pageUrl(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/json/list`);
    const targets = (await response.json()) as { type: string; webSocketDebuggerUrl: string }[];
    const page = targets.find(({ type }) => type === 'page');
    if (!page) throw new Error('Chromium has no page any more');
    return page.webSocketDebuggerUrl;
  }
}

/** DevTools' protocol, as much of it as is needed: commands with answers, and who the workers are. */
class Connection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  readonly #workers: string[] = [];
  #commands = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#receive(JSON.parse(String(data)) as Message));
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Chromium closed the connection'));
    });
  }

  static async open(url: string): Promise<Connection> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Connection(socket);
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#command<{
      result: { value: T };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** The session id of the page's worker. */
  async attachToWorker(): Promise<string> {
    await this.#command('Target.setAutoAttach', {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: true,
    });
    const [worker, ...more] = this.#workers;
    if (worker === undefined || more.length > 0)
      throw new Error(`expected one worker, found ${this.#workers.length}`);
    return worker;
  }

  async heapOf(sessionId: string | undefined): Promise<number> {
    await this.#command('HeapProfiler.collectGarbage', {}, sessionId);
    const { usedSize } = await this.#command<{ usedSize: number }>('Runtime.getHeapUsage', {}, sessionId);
    return usedSize;
  }

  close(): void {
    this.#socket.close();
  }

  #command<T>(method: string, params: object, sessionId?: string): Promise<T> {
    const id = ++this.#commands;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }));
    });
  }

  #receive({ id, result, error, method, params }: Message): void {
    if (method === 'Target.attachedToTarget' && params?.targetInfo.type === 'worker')
      this.#workers.push(params.sessionId);
    const waiting = this.#waiting.get(id ?? 0);
    if (!waiting) return;
    this.#waiting.delete(id!);
    if (error) waiting.reject(new Error(error.message));
    else waiting.resolve(result);
  }
}

interface Message {
  id?: number;
  result?: unknown;
  error?: { message: string };
  method?: string;
  params?: { sessionId: string; targetInfo: { type: string } };
}
