import { TunnelError } from '../../core/errors.ts';
import type { Dialed } from '../dialer.ts';
import { tunnelErrorOf } from '../errors.ts';
import { bytesOf } from '../web-idl.ts';
import type { Llhttp } from './llhttp.ts';
import { formatChunk, formatRequestHead, type RequestHead } from './request-head.ts';
import { type ResponseHead, ResponseParser } from './response-parser.ts';

export interface ExchangeOptions extends RequestHead {
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  signal: AbortSignal | undefined;
  /** Milliseconds of silence after which it fails, waiting for the head or for more of the body. */
  timeout: number;
  onInformational?: ((head: ResponseHead) => void) | undefined;
}

export interface Exchanged extends ResponseHead {
  /** Null where the response cannot have one. */
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
}

/** One connection to a server; one exchange at a time. */
export class HttpConnection {
  /** Whether an exchange failed because the server had closed the connection before it began. */
  isStale = false;
  /** How many exchanges it has begun. */
  uses = 0;
  readonly #dialed: Dialed;
  readonly #llhttp: Llhttp;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #writer: WritableStreamDefaultWriter<BufferSource>;
  /** Called when an exchange is over: whether another one may follow. */
  readonly #onFree: (connection: HttpConnection, isReusable: boolean) => void;
  /** A read that waits while the connection is idle. */
  #idleRead: Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> | undefined;
  #parser: ResponseParser | undefined;
  #controller: ReadableByteStreamController | undefined;
  #failure: { reason: unknown } | undefined;
  #isUploading = false;
  #forgetSignal = () => {};

  constructor(
    dialed: Dialed,
    llhttp: Llhttp,
    onFree: (connection: HttpConnection, isReusable: boolean) => void,
  ) {
    this.#dialed = dialed;
    this.#llhttp = llhttp;
    this.#onFree = onFree;
    this.#reader = dialed.readable.getReader();
    this.#writer = dialed.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#reader.closed.catch(() => {});
  }

  /** Sends the request, and resolves with the response's head; its body follows as it is read. */
  async exchange(options: ExchangeOptions): Promise<Exchanged> {
    this.uses++;
    const { method, signal, timeout, onInformational } = options;
    const parser = new ResponseParser(this.#llhttp, { isHead: method === 'HEAD', onInformational });
    this.#parser = parser;
    this.#watch(signal);
    this.#isUploading = true;
    this.#upload(options).then(
      () => {
        this.#isUploading = false;
      },
      // Whatever the socket says of it, the reader hears too; unless there is an answer on the way already.
      () => {},
    );
    try {
      while (!parser.head) await this.#readMore(parser, timeout);
    } catch (error) {
      this.isStale = this.uses > 1 && !parser.hasBegun && !signal?.aborted;
      this.fail(error);
      throw error;
    }
    return { ...parser.head, body: this.#bodyOf(parser, parser.head, options) };
  }

  /** Nothing is expected now: whatever comes ends the connection. */
  rest(onOver: () => void): void {
    this.#idleRead = this.#reader.read();
    const read = this.#idleRead;
    const over = () => {
      if (this.#idleRead === read) onOver();
    };
    read.then(over, over);
  }

  /** Breaks the connection off, and with it what is going on. */
  fail(reason: unknown): void {
    if (this.#failure) return;
    this.#failure = { reason };
    this.#dialed.reset(reason);
    this.#controller?.error(bodyError(reason));
    this.#over(false);
  }

  /** No longer needed: ends it without a word of failure. */
  end(): void {
    this.#failure ??= { reason: undefined };
    this.#reader.cancel().catch(() => {});
    this.#writer.close().catch(() => {});
  }

  #bodyOf(
    parser: ResponseParser,
    { status }: ResponseHead,
    { method, timeout }: ExchangeOptions,
  ): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const isNull = method === 'HEAD' || status === 204 || status === 205 || status === 304;
    if (isNull && parser.isComplete) {
      this.#over(true);
      return null;
    }
    const source: UnderlyingByteSource = {
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
        this.#deliver(parser);
      },
      pull: () => this.#pull(parser, timeout),
      cancel: (reason) => {
        this.#controller = undefined;
        this.fail(reason);
      },
    };
    const body = new ReadableStream(source) as ReadableStream<Uint8Array<ArrayBuffer>>;
    if (!isNull) return body;
    // A 205 with a body: nobody will read it.
    body.cancel().catch(() => {});
    return null;
  }

  async #pull(parser: ResponseParser, timeout: number): Promise<void> {
    try {
      while (!this.#deliver(parser)) await this.#readMore(parser, timeout);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Whether there was something to deliver, if only the end. */
  #deliver(parser: ResponseParser): boolean {
    const pieces = parser.takeBody();
    for (const piece of pieces) this.#controller?.enqueue(piece);
    if (parser.isComplete) {
      this.#controller?.close();
      this.#controller?.byobRequest?.respond(0);
      this.#controller = undefined;
      this.#over(true);
    }
    return pieces.length > 0 || parser.isComplete;
  }

  async #readMore(parser: ResponseParser, timeout: number): Promise<void> {
    const timer = setTimeout(() => this.fail(silence(timeout)), timeout);
    try {
      const reading = this.#idleRead ?? this.#reader.read();
      this.#idleRead = undefined;
      const { done, value } = await reading;
      if (this.#failure) throw this.#failure.reason;
      if (done) parser.finish();
      else if (parser.feed(value).length > 0) parser.keepAlive = false;
    } catch (error) {
      throw this.#failure ? this.#failure.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #upload({ body, ...head }: ExchangeOptions): Promise<void> {
    await this.#writer.write(formatRequestHead(head));
    if (!body) return;
    const reader = body.getReader();
    try {
      for (let next = await this.#next(reader); next; next = await this.#next(reader)) {
        if (next.length === 0) continue;
        await this.#writer.write(head.bodyLength === undefined ? formatChunk(next) : next);
      }
      if (head.bodyLength === undefined) await this.#writer.write(formatChunk(new Uint8Array()));
    } catch (error) {
      reader.cancel(error).catch(() => {});
      throw error;
    }
  }

  /** The next piece of the request's body; where that fails, so does the exchange. */
  async #next(
    reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const { done, value } = await reader.read();
      return done ? undefined : (bytesOf(value) as Uint8Array<ArrayBuffer>);
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  #watch(signal: AbortSignal | undefined): void {
    if (!signal) return;
    const stop = () => this.fail(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    this.#forgetSignal = () => signal.removeEventListener('abort', stop);
    if (signal.aborted) stop();
  }

  /** The exchange is over, if there is one. */
  #over(isWell: boolean): void {
    const parser = this.#parser;
    if (!parser) return;
    this.#parser = undefined;
    this.#forgetSignal();
    const isReusable = isWell && parser.keepAlive && !this.#isUploading;
    parser.free();
    this.#onFree(this, isReusable);
    if (isWell && !isReusable) this.#leave();
  }

  /** The answer was whole; what is still being uploaded, nobody wants. */
  #leave(): void {
    if (this.#isUploading)
      this.#dialed.reset(new TunnelError('ERR_CLOSED', 'The server has answered already.'));
    else this.end();
  }
}

/** What the reader of a body is told: a TypeError for what the network did, as the Fetch standard has it. */
function bodyError(reason: unknown): unknown {
  const cause = tunnelErrorOf(reason);
  return cause ? new TypeError(cause.message, { cause }) : reason;
}

function silence(timeout: number): TunnelError {
  return new TunnelError('ERR_TIMEOUT', `The server was silent for ${timeout} ms.`, {
    retryable: true,
    leg: 'inside',
  });
}
