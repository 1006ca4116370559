import type { Connection } from './connection.ts';
import { httpError, timeoutError } from './http-error.ts';
import { loadLlhttp } from './llhttp.ts';
import type { Pool } from './pool.ts';
import type { HttpRequest } from './request.ts';
import { BodySourceError, headBytes, writeBody } from './request-writer.ts';
import { type ResponseHead, valuesOf } from './response-head.ts';
import { ResponseParser } from './response-parser.ts';

/** What an unwanted rest of an answer may cost before its connection costs more. */
const MAX_DRAINED = 64 * 1024;

/** Repeating these does what doing them once does (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * Sends the request and waits for the head of the answer. A connection that was kept may have been ended by the server in
 * the meantime: what is safe to repeat is then repeated, once, on a new one.
 */
export async function exchange(pool: Pool, request: HttpRequest, cookies?: string): Promise<Exchange> {
  const llhttp = await loadLlhttp();
  const canRepeat = IDEMPOTENT.has(request.method) && (request.body?.isRepeatable ?? true);
  for (let isFresh = false; ; isFresh = true) {
    const connection = await pool.acquire(request, { isFresh });
    const question = {
      url: withoutFragment(request.url),
      isHead: request.method === 'HEAD',
      onHead: request.options.onHead,
    };
    const attempt = new Exchange(pool, connection, request, new ResponseParser(llhttp, question));
    try {
      await attempt.run(headBytes(request, cookies));
      return attempt;
    } catch (error) {
      if (!canRepeat || isFresh || !attempt.wasStale) throw error;
    }
  }
}

/** One request and its answer on one connection. */
export class Exchange {
  readonly #pool: Pool;
  readonly #connection: Connection;
  readonly #request: HttpRequest;
  readonly #parser: ResponseParser;
  /** Parts of the body that nobody has asked for yet. */
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  readonly #abort = () => this.#fail(this.#request.signal?.reason);
  /** The connection had been used before, and ended without a byte of an answer. */
  wasStale = false;
  #isUploaded = false;
  #hasAnswered = false;
  #isOver = false;

  constructor(pool: Pool, connection: Connection, request: HttpRequest, parser: ResponseParser) {
    this.#pool = pool;
    this.#connection = connection;
    this.#request = request;
    this.#parser = parser;
  }

  get head(): ResponseHead {
    return this.#parser.head!;
  }

  /** Until the head of the answer is there. */
  async run(head: Uint8Array<ArrayBuffer>): Promise<void> {
    const { signal, options } = this.#request;
    const { uses, signal: broken } = this.#connection;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', this.#abort, { once: true });
      const watch = () => {
        const late = timeoutError('The server took too long to answer.');
        if (!this.#parser.head && !this.#isOver)
          timer = setTimeout(() => this.#fail(late), options.headersTimeout);
      };
      void this.#upload(head).then(watch);
      while (!this.#parser.head) await this.#receive();
      if (!broken.aborted) options.onHead(this.head);
      broken.throwIfAborted();
    } catch (error) {
      this.wasStale = uses > 1 && !this.#hasAnswered && !broken.aborted;
      this.#fail(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
    this.#finishIfComplete();
  }

  /** The next part of the body; undefined at its end. */
  async next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { bodyTimeout } = this.#request.options;
    const stalled = () => this.#fail(timeoutError('The server stopped in the middle of its answer.'));
    const timer = setTimeout(stalled, bodyTimeout);
    try {
      while (this.#parts.length === 0 && !this.#parser.isComplete) await this.#receive();
      this.#finishIfComplete();
      return this.#parts.shift();
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nobody wants the rest: the connection is broken off. */
  abandon(reason: unknown): void {
    this.#parts.length = 0;
    this.#fail(reason);
  }

  /** Nobody wants the body, but somebody may want the connection. */
  async drain(): Promise<void> {
    let length = 0;
    for (let part = await this.next(); part; part = await this.next()) {
      length += part.length;
      if (length > MAX_DRAINED) return this.abandon(undefined);
    }
  }

  /** Never rejects: if the connection fails, reading says so, or gives the answer with which the server refused. */
  async #upload(head: Uint8Array<ArrayBuffer>): Promise<void> {
    const connection = this.#connection;
    const { body } = this.#request;
    const write = (bytes: Uint8Array<ArrayBuffer>) => connection.write(bytes);
    // An answer may be there before a write has settled.
    this.#isUploaded = !body;
    try {
      await write(head);
      if (body) await writeBody(body, write, connection.signal);
      this.#isUploaded = true;
    } catch (error) {
      if (error instanceof BodySourceError) this.#fail(error.cause);
    }
    if (!this.#isOver) this.#finishIfComplete();
  }

  async #receive(): Promise<void> {
    if (this.#parser.failure) throw this.#parser.failure;
    const bytes = await this.#connection.read();
    if (bytes) {
      this.#hasAnswered = true;
      this.#parser.feed(bytes, (part) => this.#parts.push(part));
    } else if (this.#hasAnswered) this.#parser.end();
    else throw httpError('The server ended the connection without an answer.');
  }

  #finishIfComplete(): void {
    if (!this.#parser.isComplete || this.#isOver) return;
    const keepAlive = keepAliveOf(this.head);
    this.#over();
    if (this.#parser.canReuse && this.#isUploaded) this.#pool.release(this.#connection, keepAlive);
    else {
      // An upload that the server does not want to the end is broken off.
      if (this.#isUploaded) this.#connection.close();
      else this.#connection.destroy(undefined);
      this.#pool.discard(this.#connection);
    }
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#over();
    this.#connection.destroy(reason);
    this.#pool.discard(this.#connection);
  }

  #over(): void {
    this.#isOver = true;
    this.#parser.free();
    this.#request.signal?.removeEventListener('abort', this.#abort);
  }
}

/** Milliseconds; a second less than the server says, so that we are the first to end it. */
function keepAliveOf(head: ResponseHead): number | undefined {
  const seconds = /\btimeout=(\d+)/i.exec(valuesOf(head, 'keep-alive').join())?.[1];
  return seconds === undefined ? undefined : (Number(seconds) - 1) * 1000;
}

export function withoutFragment(url: URL): string {
  return url.href.replace(/#.*$/, '');
}
