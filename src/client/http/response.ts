import { BodyFailure } from './body-failure.ts';
import { decoded } from './content-coding.ts';
import type { Exchange } from './exchange.ts';
import { fetchFailure, httpError } from './http-error.ts';
import type { HttpRequest } from './request.ts';
import type { ResponseHead } from './response-head.ts';

/** The fetch standard's reason-phrase: what else comes, Response does not take. */
const STATUS_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
const BODILESS = new Set([204, 205, 304]);
/** How much is read before anybody asks. */
const READ_AHEAD = 64 * 1024;

/** What reads a body to its end. */
const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/** The Response of an answer whose head is there; its body comes as it is read. */
export function responseOf(exchange: Exchange, request: HttpRequest, isRedirected: boolean): Response {
  const { head } = exchange;
  // Response takes no status above 599; some servers answer with 999.
  const init = {
    status: head.status > 599 ? 200 : head.status,
    statusText: head.statusText,
    headers: headersOf(head),
  };
  if (!STATUS_TEXT.test(head.statusText))
    throw httpError('The server sent a status with words that are none.');
  if (BODILESS.has(head.status) || request.method === 'HEAD') {
    void exchange.drain().catch(() => {});
    return described(new Response(null, init), head, isRedirected, new BodyFailure());
  }
  const failure = new BodyFailure();
  const body = decoded(bodyOf(exchange, request.signal, failure), head, failure);
  return described(new Response(body, init), head, isRedirected, failure);
}

/** A byte stream. An abort ends it at once, whatever has been read ahead. */
function bodyOf(
  exchange: Exchange,
  signal: AbortSignal | undefined,
  failure: BodyFailure,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let stop = () => {};
  const settled = () => signal?.removeEventListener('abort', stop);
  return new ReadableStream(
    {
      type: 'bytes',
      start(controller) {
        stop = () => controller.error(failure.note(signal!.reason));
        signal?.addEventListener('abort', stop, { once: true });
      },
      async pull(controller) {
        const part = await exchange.next().catch((error: unknown) => {
          settled();
          throw failure.note(fetchFailure(error));
        });
        if (signal?.aborted) return;
        if (part) return controller.enqueue(part);
        settled();
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel(reason) {
        settled();
        exchange.abandon(reason);
      },
    },
    { highWaterMark: READ_AHEAD },
  ) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

function headersOf(head: ResponseHead): Headers {
  try {
    return new Headers(head.headers);
  } catch {
    throw httpError('The server sent a header that is none.');
  }
}

/** A Response made by hand knows none of these, and Chromium's does not tell what the stream that it reads fails with. */
function described(
  response: Response,
  head: ResponseHead,
  redirected: boolean,
  failure: BodyFailure,
): Response {
  const clone = () => described(Response.prototype.clone.call(response), head, redirected, failure);
  const readers = READERS.filter((name) => name in response).map((name) => {
    const read = (): Promise<unknown> =>
      (Response.prototype[name].call(response) as Promise<unknown>).catch(failure.rethrow);
    return [name, { value: read, configurable: true, writable: true }];
  });
  return Object.defineProperties(response, {
    ...(head.status > 599 && { status: { value: head.status }, ok: { value: false } }),
    ...(Object.fromEntries(readers) as PropertyDescriptorMap),
    url: { value: head.url },
    redirected: { value: redirected },
    type: { value: 'basic' },
    clone: { value: clone },
  });
}
