import { TunnelError } from '../../core/errors.ts';
import {
  FAILED,
  type Llhttp,
  type LlhttpEvents,
  MAX_INPUT,
  NO_BODY,
  OK,
  PAUSED,
  PAUSED_UPGRADE,
  UPGRADE,
} from './llhttp.ts';

/** The head of a response as it came, Set-Cookie included. */
export interface ResponseHead {
  status: number;
  statusText: string;
  /** In their order; one that came twice is there twice. Bytes are characters (latin1). */
  headers: [name: string, value: string][];
}

/** Names, values and reasons of one response, trailers included; each line counts 32 bytes more. */
export const MAX_HEAD_BYTES = 128 * 1024;
const LINE_BYTES = 32;
/** How many responses of status 1xx may come before the one. */
export const MAX_INFORMATIONAL = 16;

const latin1 = new TextDecoder('latin1');

/** What is wrong with what a server sent. */
export function httpFault(what: string): TunnelError {
  return new TunnelError('ERR_PROTOCOL', `The server's answer is not valid: ${what}.`, { leg: 'inside' });
}

/** One response out of a stream of bytes (RFC 9112), strictly: what could be read in two ways is refused. */
export class ResponseParser implements LlhttpEvents {
  /** Once it is complete. */
  head: ResponseHead | undefined;
  isComplete = false;
  /** Whether the connection may be used again, as far as this side has said. */
  keepAlive = false;
  /** Whether anything came at all. */
  hasBegun = false;
  readonly #llhttp: Llhttp;
  readonly #parser: number;
  readonly #isHead: boolean;
  readonly #isUpgrade: boolean;
  readonly #onInformational: ((head: ResponseHead) => void) | undefined;
  #body: Uint8Array<ArrayBuffer>[] = [];
  #statusText = '';
  #headers: [string, string][] = [];
  #isInValue = true;
  #headBytes = 0;
  #informational = 0;
  #isInformational = false;
  #fault: TunnelError | undefined;

  constructor(
    llhttp: Llhttp,
    options: {
      isHead: boolean;
      isUpgrade?: boolean;
      onInformational?: ((head: ResponseHead) => void) | undefined;
    },
  ) {
    this.#llhttp = llhttp;
    this.#isHead = options.isHead;
    this.#isUpgrade = options.isUpgrade ?? false;
    this.#onInformational = options.onInformational;
    this.#parser = llhttp.alloc(this);
  }

  /** Returns what comes after the response; throws ERR_PROTOCOL. */
  feed(bytes: Uint8Array): Uint8Array {
    this.hasBegun ||= bytes.length > 0;
    for (let at = 0; at < bytes.length; ) {
      const { errno, read } = this.#llhttp.execute(this.#parser, bytes.subarray(at, at + MAX_INPUT));
      at += read;
      if (errno === PAUSED || errno === PAUSED_UPGRADE) return bytes.subarray(at);
      if (errno !== OK) throw this.#fault ?? httpFault(this.#llhttp.reason(this.#parser));
    }
    return bytes.subarray(bytes.length);
  }

  /** The connection ended: throws if the response has not. */
  finish(): void {
    if (this.isComplete) return;
    this.keepAlive = false;
    const errno = this.#llhttp.finish(this.#parser);
    if ((errno !== OK && errno !== PAUSED) || !this.isComplete) {
      throw new TunnelError(
        'ERR_CONNECTION_RESET',
        'The server closed the connection before its answer was complete.',
        {
          leg: 'inside',
          retryable: true,
        },
      );
    }
  }

  /** The pieces of the body since the last time. */
  takeBody(): Uint8Array<ArrayBuffer>[] {
    const body = this.#body;
    this.#body = [];
    return body;
  }

  free(): void {
    this.#llhttp.free(this.#parser);
  }

  status(bytes: Uint8Array): number {
    this.#statusText += latin1.decode(bytes);
    return this.#count(bytes.length);
  }

  headerField(bytes: Uint8Array): number {
    if (this.#isInValue) this.#headers.push(['', '']);
    const first = this.#isInValue ? LINE_BYTES : 0;
    this.#isInValue = false;
    this.#headers.at(-1)![0] += latin1.decode(bytes);
    return this.#count(bytes.length + first);
  }

  headerValue(bytes: Uint8Array): number {
    this.#isInValue = true;
    this.#headers.at(-1)![1] += latin1.decode(bytes);
    return this.#count(bytes.length);
  }

  headersComplete(status: number, keepAlive: boolean, version: number): number {
    if (version !== 1) return this.#refuse(`it is HTTP/${version}`);
    const head: ResponseHead = { status, statusText: this.#statusText, headers: this.#headers };
    this.#statusText = '';
    this.#headers = [];
    this.#isInValue = true;
    if (status === 101)
      return this.#isUpgrade ? this.#upgraded(head) : this.#refuse('it changes the protocol, unasked');
    this.#isInformational = status < 200;
    if (this.#isInformational) return this.#informed(head);
    const coding = codingOf(head);
    if (coding && coding !== 'chunked') return this.#refuse(`Transfer-Encoding "${coding}" is not supported`);
    this.head = head;
    this.keepAlive = keepAlive;
    return this.#isHead || status === 204 || status === 304 ? NO_BODY : OK;
  }

  body(bytes: Uint8Array): number {
    this.#body.push(bytes.slice());
    return OK;
  }

  messageComplete(): number {
    if (this.#isInformational) {
      this.#isInformational = false;
      return OK;
    }
    this.isComplete = true;
    return PAUSED;
  }

  #upgraded(head: ResponseHead): number {
    this.head = head;
    return UPGRADE;
  }

  #informed(head: ResponseHead): number {
    this.#informational++;
    if (this.#informational > MAX_INFORMATIONAL) return this.#refuse('too many responses of status 1xx');
    this.#onInformational?.(head);
    return NO_BODY;
  }

  #count(bytes: number): number {
    this.#headBytes += bytes;
    return this.#headBytes > MAX_HEAD_BYTES ? this.#refuse('its headers are too large') : OK;
  }

  #refuse(what: string): number {
    this.#fault = httpFault(what);
    return FAILED;
  }
}

function codingOf({ headers }: ResponseHead): string {
  const values = headers.filter(([name]) => name.toLowerCase() === 'transfer-encoding');
  return values.map(([, value]) => value.trim().toLowerCase()).join(', ');
}
