/** What the service worker has to do with a request. Pure. */

export type Route =
  /** The page itself: from the network, from the cache only without one. */
  | 'page'
  /** A file whose name says its content: from the cache. */
  | 'asset'
  /** Settings, tokens, logins, the relay, other origins: not touched. */
  | 'none';

export function routeOf(request: { method: string; mode: string; url: string }, scope: string): Route {
  const [url, home] = [new URL(request.url), new URL(scope)];
  if (request.method !== 'GET' || url.origin !== home.origin || !url.pathname.startsWith(home.pathname))
    return 'none';
  const rest = url.pathname.slice(home.pathname.length);
  if (/^assets\/[\w.-]+-[\w-]{8}\.[a-z0-9]+$/.test(rest)) return 'asset';
  return request.mode === 'navigate' && (rest === '' || rest === 'index.html') ? 'page' : 'none';
}
