import type { Duplex } from 'node:stream';
import { nextTick } from '../next-tick.ts';
import { Readable } from '../streams.ts';

/** What comes once at most: of a second one, the first stays. */
const SINGLE = new Set(
  (
    'age authorization content-length content-type etag expires from host if-modified-since if-unmodified-since ' +
    'last-modified location max-forwards proxy-authorization referer retry-after server user-agent'
  ).split(' '),
);

/** Node's http.IncomingMessage: an answer. */
export class IncomingMessage extends Readable {
  readonly httpVersion = '1.1';
  readonly httpVersionMajor = 1;
  readonly httpVersionMinor = 1;
  complete = false;
  aborted = false;
  readonly trailers: Record<string, string> = {};
  readonly rawTrailers: string[] = [];
  readonly rawHeaders: string[];
  readonly headers: Record<string, string | string[]>;
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly socket: Duplex;
  /** The request that it answers. */
  req: object | undefined;
  /** The body may go on. */
  readonly #more: () => void;

  constructor(
    socket: Duplex,
    head: { status: number; statusText: string; headers: readonly [string, string][] },
    more: () => void = () => {},
  ) {
    super();
    this.socket = socket;
    this.statusCode = head.status;
    this.statusMessage = head.statusText;
    this.rawHeaders = head.headers.flat();
    this.headers = headersOf(head.headers);
    this.#more = more;
  }

  get connection(): Duplex {
    return this.socket;
  }

  setTimeout(milliseconds: number, listener?: () => void): this {
    (this.socket as { setTimeout?: (ms: number, listener?: () => void) => void }).setTimeout?.(
      milliseconds,
      listener,
    );
    return this;
  }

  override _read(): void {
    this.#more();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.complete) {
      this.aborted = true;
      this.emit('aborted');
      this.socket.destroy();
    }
    // As Node has it: who listens to no errors of an answer is told of none.
    nextTick(() => callback(this.listenerCount('error') > 0 ? error : null));
  }
}

function headersOf(fields: readonly [string, string][]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string>;
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    const before = headers[key];
    if (key === 'set-cookie') headers[key] = [...((before as string[] | undefined) ?? []), value];
    else if (before === undefined) headers[key] = value;
    else if (!SINGLE.has(key)) headers[key] = `${before as string}${key === 'cookie' ? '; ' : ', '}${value}`;
  }
  return headers;
}
