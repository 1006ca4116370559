import type { CDPSession, Page } from '@playwright/test';

type Listener = (params: never) => void;

interface Packed {
  id?: number;
  result?: unknown;
  error?: { message: string };
  method?: string;
  params?: unknown;
}

/** DevTools' session of a page's one worker. Playwright has none to give: its messages are packed into the page's. */
export class WorkerSession {
  readonly #page: CDPSession;
  readonly #id: string;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  readonly #listeners = new Map<string, Listener>();
  #commands = 0;

  private constructor(page: CDPSession, id: string) {
    this.#page = page;
    this.#id = id;
    page.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId === id) this.#hear(JSON.parse(message) as Packed);
    });
  }

  /** Resolves when there is a worker. */
  static async of(page: Page | CDPSession): Promise<WorkerSession> {
    const session = 'context' in page ? await page.context().newCDPSession(page) : page;
    const attached = new Promise<string>((resolve) => {
      session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
        if (targetInfo.type === 'worker') resolve(sessionId);
      });
    });
    const options = { autoAttach: true, waitForDebuggerOnStart: false, flatten: false };
    await session.send('Target.setAutoAttach', options);
    return new WorkerSession(session, await attached);
  }

  async send<Result>(method: string, params: object = {}): Promise<Result> {
    const id = ++this.#commands;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    await this.#page.send('Target.sendMessageToTarget', {
      sessionId: this.#id,
      message: JSON.stringify({ id, method, params }),
    });
    return answer as Promise<Result>;
  }

  /** One listener for each event. */
  on<Params>(event: string, listener: (params: Params) => void): void {
    this.#listeners.set(event, listener as Listener);
  }

  #hear({ id, result, error, method, params }: Packed): void {
    if (method !== undefined) this.#listeners.get(method)?.(params as never);
    if (id === undefined) return;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }
}
