// The answer to one request, out of the bytes of its connection.
import { Buffer } from 'buffer';
import { trimmedValue } from '../../client/http/field-value.ts';
import { type Llhttp, loadLlhttp } from '../../client/http/llhttp.ts';
import { MAX_HEAD_BYTES, type ResponseHead } from '../../client/http/response-head.ts';
import { ResponseParser } from '../../client/http/response-parser.ts';
import { codedError } from '../errors.ts';
import { isHeader } from './request-options.ts';

export interface ResponseEvents {
  /** An informational answer, or the answer proper. */
  head(head: ResponseHead): void;
  body(part: Uint8Array): void;
  /** The connection speaks another protocol from now on; the first bytes of it are here. */
  upgraded(head: ResponseHead, first: Buffer): void;
  end(): void;
  failed(error: Error): void;
}

export class ResponseReader {
  /** Resolves when there is a parser; until then, whatever it is fed is held. */
  readonly ready: Promise<void>;
  readonly #events: ResponseEvents;
  readonly #isHead: boolean;
  #llhttp: Llhttp | undefined;
  #parser: ResponseParser | undefined;
  #held = Buffer.alloc(0);
  #isAtEnd = false;
  #hasHead = false;
  #isDone = false;

  constructor(method: string, events: ResponseEvents) {
    this.#isHead = method === 'HEAD';
    this.#events = events;
    this.ready = loadLlhttp().then(
      (llhttp) => {
        this.#llhttp = llhttp;
        this.#read();
      },
      (error: Error) => this.#fail(error),
    );
  }

  /** False when it holds enough to wait with the rest until it is `ready`. */
  feed(bytes: Uint8Array): boolean {
    this.#held = Buffer.concat([this.#held, bytes]);
    this.#read();
    return this.#llhttp !== undefined || this.#held.length < MAX_HEAD_BYTES;
  }

  /** The server ended the connection. */
  end(): void {
    this.#isAtEnd = true;
    this.#read();
  }

  /** Nothing is told any more. */
  stop(): void {
    this.#isDone = true;
    this.#parser?.free();
  }

  #read(): void {
    if (!this.#llhttp || this.#isDone) return;
    try {
      if (!this.#parser && this.#isUpgrade()) return;
      this.#parse(this.#llhttp);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** True if it is one, or if that cannot be known yet. */
  #isUpgrade(): boolean {
    const start = this.#held.toString('latin1', 0, 13);
    if (!'HTTP/1.1 101 '.startsWith(start.slice(0, 13))) return false;
    const end = this.#held.indexOf('\r\n\r\n');
    if (end < 0 && this.#held.length > MAX_HEAD_BYTES) throw hangUp('its header is too large');
    if (end < 0) {
      if (this.#isAtEnd) throw hangUp();
      return true;
    }
    const head = switchingHead(this.#held.toString('latin1', 0, end));
    this.#isDone = true;
    this.#events.upgraded(head, this.#held.subarray(end + 4));
    return true;
  }

  #parse(llhttp: Llhttp): void {
    this.#parser ??= new ResponseParser(llhttp, {
      url: '',
      isHead: this.#isHead,
      onHead: (head) => this.#events.head(head),
    });
    const [parser, bytes] = [this.#parser, this.#held];
    this.#held = Buffer.alloc(0);
    const parts: Uint8Array[] = [];
    if (bytes.length > 0) parser.feed(bytes, (part) => parts.push(part));
    else if (this.#isAtEnd && !parser.head) throw hangUp();
    // Whoever was told of an informational answer may have ended it.
    if (this.#isDone) return;
    if (this.#isAtEnd && !parser.isComplete && !parser.failure) parser.end();
    if (parser.head && !this.#hasHead) {
      this.#hasHead = true;
      this.#events.head(parser.head);
    }
    for (const part of parts) this.#events.body(part);
    if (parser.failure) throw parser.failure;
    if (!parser.isComplete || this.#isDone) return;
    this.stop();
    this.#events.end();
  }

  #fail(error: Error): void {
    if (this.#isDone) return;
    this.stop();
    this.#events.failed(error);
  }
}

/** Of an answer that begins `HTTP/1.1 101 `. */
function switchingHead(text: string): ResponseHead {
  const [status, ...lines] = text.split('\r\n') as [string, ...string[]];
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    const [name, value] = [line.slice(0, Math.max(colon, 0)), line.slice(colon + 1)];
    if (!isHeader(name, value)) throw hangUp('its header is not one');
    return [name, trimmedValue(value)];
  });
  return { url: '', status: 101, statusText: status.slice(13), headers };
}

/** What Node says of a connection that ends before its answer. */
function hangUp(why?: string): Error {
  return codedError(Error, 'ECONNRESET', why ? `socket hang up: ${why}` : 'socket hang up');
}
