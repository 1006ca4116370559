import type { Destination } from '../dialer.ts';

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The URL that the WebSocket standard makes of a constructor's first argument; throws its SyntaxError. */
export function webSocketUrl(text: string, base: string | undefined): URL {
  const url = parse(text, base);
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw syntaxError(`The scheme of a WebSocket's URL must be ws or wss, not ${url.protocol.slice(0, -1)}.`);
  if (url.href.includes('#')) throw syntaxError("A WebSocket's URL must have no fragment.");
  return url;
}

function parse(text: string, base: string | undefined): URL {
  try {
    return new URL(text, base);
  } catch {
    throw syntaxError(`"${text}" is not a URL.`);
  }
}

/** The subprotocols to offer; throws the standard's SyntaxError. */
export function protocolsOf(protocols: string | readonly string[] = []): string[] {
  const list = typeof protocols === 'string' ? [protocols] : Array.from(protocols, String);
  for (const protocol of list)
    if (!TOKEN.test(protocol)) throw syntaxError(`"${protocol}" cannot be a subprotocol.`);
  if (new Set(list.map((protocol) => protocol.toLowerCase())).size < list.length)
    throw syntaxError('A subprotocol is named twice.');
  return list;
}

export function destinationOf({ hostname, port, protocol }: URL): Destination {
  const isSecure = protocol === 'wss:';
  return {
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (isSecure ? 443 : 80) : Number(port),
  };
}

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export function syntaxError(message: string): DOMException {
  return new DOMException(message, 'SyntaxError');
}
