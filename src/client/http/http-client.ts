import type { Dial } from './connection.ts';
import { CookieJar } from './cookie-jar.ts';
import { type Exchange, exchange } from './exchange.ts';
import { fetchFailure, httpError } from './http-error.ts';
import { Pool } from './pool.ts';
import { locationOf, MAX_REDIRECTS, redirected } from './redirects.ts';
import { type HttpRequest, requestOf, type TunnelRequestInit } from './request.ts';
import { responseOf } from './response.ts';
import { valuesOf } from './response-head.ts';

/** The `fetch` of one tunnel, with its connections and its cookies. */
export class HttpClient {
  readonly #pool: Pool;
  readonly #cookies = new CookieJar();

  constructor(dial: Dial) {
    this.#pool = new Pool(dial);
  }

  async fetch(input: RequestInfo | URL, init?: TunnelRequestInit): Promise<Response> {
    const request = await requestOf(input, init);
    try {
      return await this.#follow(request);
    } catch (error) {
      throw request.signal?.aborted ? request.signal.reason : fetchFailure(error);
    }
  }

  async #follow(request: HttpRequest): Promise<Response> {
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#send(request);
      try {
        const { head } = answer;
        const location = request.redirect === 'manual' ? undefined : locationOf(head, request);
        if (!location) return responseOf(answer, request, redirects > 0);
        if (request.redirect === 'error') throw httpError('The server redirects, and `redirect` is "error".');
        if (redirects === MAX_REDIRECTS) throw httpError(`More than ${MAX_REDIRECTS} redirects.`);
        request = redirected(request, head.status, location);
        void answer.drain().catch(() => {});
      } catch (error) {
        answer.abandon(error);
        throw error;
      }
    }
  }

  async #send(request: HttpRequest): Promise<Exchange> {
    const { url, withCookies } = request;
    const answer = await exchange(
      this.#pool,
      request,
      withCookies ? this.#cookies.headerFor(url) : undefined,
    );
    if (withCookies) this.#cookies.store(url, valuesOf(answer.head, 'set-cookie'));
    return answer;
  }
}
