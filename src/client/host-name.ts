import { toDomString } from './web-idl.ts';

/** A name that may be one: not a URL, an address with a port, or anything else that the URL parser would take apart. */
const PLAIN = /^[^\s/:@?#[\]\\%]+$/;
const ASCII = /^[\x20-\x7e]*$/;

/**
 * The host as DNS knows it: what is not ASCII becomes `xn--…`, by the rules of the platform's URL parser (UTS #46). All
 * else goes to the engine as it is, which says what is wrong with it.
 */
export function asciiHost(host: unknown): string {
  const text = toDomString(host);
  if (ASCII.test(text) || !PLAIN.test(text)) return text;
  try {
    return new URL(`http://${text}`).hostname;
  } catch {
    return text;
  }
}
