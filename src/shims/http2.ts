// Node's `http2`: a page has none. What is asked for it in passing finds it, and who connects is told.
import { unavailable } from './connect-options.ts';

function refuse(): never {
  throw unavailable('http2: there is no HTTP/2 in a page');
}

/** None: they are names for what cannot be done. */
export const constants: Record<string, never> = {};

export * as default from './http2.ts';
export { refuse as connect, refuse as createSecureServer, refuse as createServer };
