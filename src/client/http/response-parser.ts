import { httpError } from './http-error.ts';
import { type Llhttp, type MessageSink, NO_BODY, OK, PAUSED, SLICE_BYTES, STOP } from './llhttp.ts';
import { HeadCollector, MAX_FIELDS, MAX_HEAD_BYTES, type ResponseHead, valuesOf } from './response-head.ts';

/** How many 1xx may come before the answer. */
export const MAX_INFORMATIONAL = 16;
/** How much may come without a byte of body among it: extensions of chunks, trailers, empty lines. */
const MAX_OVERHEAD = MAX_HEAD_BYTES;

export interface Question {
  url: string;
  isHead: boolean;
  /** Told every informational head. May throw, which `feed` does then, or free the parser. */
  onHead(head: ResponseHead): void;
}

/** Reads the answer to one request out of a connection's bytes (RFC 9112), and not one byte more. */
export class ResponseParser implements MessageSink {
  /** The head of the answer proper. */
  head: ResponseHead | undefined;
  isComplete = false;
  /** What is wrong with the body, where the head was fine: parts before it count. Nothing is parsed any more. */
  failure: Error | undefined;
  /** Whether the connection can be used again: meant when complete. */
  canReuse = false;
  readonly #llhttp: Llhttp;
  readonly #question: Question;
  #parser: number;
  #collector = new HeadCollector();
  #informational = 0;
  /** Heads that nobody has been told of yet: what is told may throw, or free the parser, neither of which llhttp survives. */
  readonly #untold: ResponseHead[] = [];
  /** Why we stopped it ourselves. */
  #objection: string | undefined;
  /** Bytes since the last of a body. */
  #overhead = 0;
  /** The body in what is being parsed: never more than that is long. */
  #body: Uint8Array<ArrayBuffer> | undefined;
  #bodyLength = 0;
  /** Of what is being parsed. */
  #length = 0;

  constructor(llhttp: Llhttp, question: Question) {
    this.#llhttp = llhttp;
    this.#question = question;
    this.#parser = llhttp.alloc();
  }

  /** Parses what came; calls `onBody` with the parts of the body in it, which are the callee's. Throws ERR_HTTP without a head. */
  feed(bytes: Uint8Array, onBody: (part: Uint8Array<ArrayBuffer>) => void): void {
    for (let at = 0; at < bytes.length && !this.isComplete && !this.failure; ) {
      const slice = bytes.subarray(at, at + SLICE_BYTES);
      at += this.#parse(slice);
      for (const head of this.#untold.splice(0)) this.#question.onHead(head);
      if (this.#parser === 0) return;
      if (this.#body) onBody(this.#body.subarray(0, this.#bodyLength));
      // Who sends more than was asked for does not know where messages end.
      if (this.isComplete && at < bytes.length) this.canReuse = false;
    }
    if (this.isComplete) this.free();
  }

  /** The server ended the connection, which is the end of some answers. Throws ERR_HTTP for all others; nothing once freed. */
  end(): void {
    if (this.#parser === 0) return;
    const result = this.#llhttp.finish(this.#parser, this);
    if (!this.isComplete || (result !== OK && result !== PAUSED)) {
      throw httpError('The server ended the connection before its answer was whole.');
    }
    this.canReuse = false;
    this.free();
  }

  free(): void {
    if (this.#parser !== 0) this.#llhttp.free(this.#parser);
    this.#parser = 0;
  }

  onStatus(text: Uint8Array): number {
    return this.#collector.addStatus(text) ? OK : this.#objectToSize();
  }

  onHeaderField(part: Uint8Array): number {
    return this.#collector.addField(part) ? OK : this.#objectToSize();
  }

  onHeaderValue(part: Uint8Array): number {
    return this.#collector.addValue(part) ? OK : this.#objectToSize();
  }

  onHeadersComplete(status: number): number {
    const head = this.#collector.head(status, this.#question.url);
    // What comes as a header from here on is a trailer, or the next answer's.
    this.#collector = new HeadCollector();
    this.#overhead = 0;
    if (this.#llhttp.majorVersion(this.#parser) !== 1) return this.#object('it is not HTTP/1');
    if (status < 100) return this.#object('its status is none');
    if (status < 200) return this.#informed(head);
    const objection = framingObjection(head);
    if (objection) return this.#object(objection);
    this.head = head;
    // llhttp knows that 204 and 304 have no body, whatever their headers say (RFC 9112 §6.3); of the question it knows nothing.
    return this.#question.isHead ? NO_BODY : OK;
  }

  onBody(bytes: Uint8Array): number {
    this.#body ??= new Uint8Array(this.#length);
    this.#body.set(bytes, this.#bodyLength);
    this.#bodyLength += bytes.length;
    return OK;
  }

  onMessageComplete(): number {
    if (!this.head) return OK;
    this.isComplete = true;
    this.canReuse = this.#llhttp.shouldKeepAlive(this.#parser) && !this.#isFaulty(this.head);
    return PAUSED;
  }

  /** How many bytes of the slice were parsed: all, unless the answer is complete. */
  #parse(slice: Uint8Array): number {
    this.#body = undefined;
    this.#bodyLength = 0;
    this.#length = slice.length;
    this.#overhead += slice.length;
    const result = this.#llhttp.execute(this.#parser, this, slice);
    if (this.#bodyLength > 0) this.#overhead = 0;
    if (this.isComplete) return result === PAUSED ? this.#llhttp.consumed(this.#parser) : slice.length;
    if (result === OK && this.#overhead > MAX_OVERHEAD) this.#objectToSize();
    else if (result === OK) return slice.length;
    const why = this.#objection ?? this.#llhttp.reason(this.#parser);
    this.failure = httpError(`The server's answer is not acceptable: ${why}.`);
    if (!this.head) throw this.failure;
    return slice.length;
  }

  /** RFC 9112 §6.1: who speaks HTTP/1.0 cannot know Transfer-Encoding; perhaps it was somebody in between who did. */
  #isFaulty(head: ResponseHead): boolean {
    return this.#llhttp.minorVersion(this.#parser) === 0 && valuesOf(head, 'transfer-encoding').length > 0;
  }

  #informed(head: ResponseHead): number {
    // Nobody asked for another protocol, and what follows would be one.
    if (head.status === 101) return this.#object('it changes the protocol without being asked');
    this.#informational++;
    if (this.#informational > MAX_INFORMATIONAL) {
      return this.#object(`more than ${MAX_INFORMATIONAL} informational answers`);
    }
    this.#untold.push(head);
    return NO_BODY;
  }

  #objectToSize(): number {
    return this.#object(`more than ${MAX_HEAD_BYTES} bytes or ${MAX_FIELDS} fields of header`);
  }

  #object(why: string): number {
    this.#objection ??= why;
    return STOP;
  }
}

/** RFC 9112 §6.3: what two readers could cut in different places. llhttp refuses some of it too. */
function framingObjection(head: ResponseHead): string | undefined {
  const codings = valuesOf(head, 'transfer-encoding');
  const lengths = valuesOf(head, 'content-length');
  if (codings.length > 0 && lengths.length > 0) return 'both Content-Length and Transfer-Encoding';
  if (lengths.some((length) => length !== lengths[0])) return 'differing Content-Lengths';
  if (codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== 'chunked')) {
    return 'a Transfer-Encoding other than chunked';
  }
  return undefined;
}
