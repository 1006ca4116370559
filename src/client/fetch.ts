import type { Dialer } from './dialer.ts';
import type { HttpClient } from './http/http-client.ts';
import type { TunnelRequestInit } from './http/request.ts';

export type { TunnelRequestInit, TunnelRequestOptions } from './http/request.ts';
export type { ResponseHead } from './http/response-head.ts';

export type Fetch = (input: RequestInfo | URL, init?: TunnelRequestInit) => Promise<Response>;

/** The `fetch` of one tunnel. HTTP is loaded with the first call: a page that does not fetch has none of it. */
export function fetchThrough(dialer: Dialer): Fetch {
  let loading: Promise<HttpClient> | undefined;
  const load = async () => {
    const { HttpClient } = await import('./http/http-client.ts');
    return new HttpClient((destination, options) => dialer.dial(destination, options));
  };
  return async (input, init) => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return (await loading).fetch(input, init);
  };
}
