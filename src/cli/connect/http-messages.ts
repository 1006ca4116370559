// What a proxy makes of the heads of requests and answers before it passes them on (RFC 9110 §7.6, RFC 9112 §6).
import type { IncomingMessage } from 'node:http';

/** RFC 9110 §7.6.1, and Proxy-Connection, which some still send. What Connection names goes, too. */
const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['proxy-authenticate', 'proxy-authorization', 'proxy-authentication-info'],
]);
/** Where a message ends is nobody's to take away: a body without its length would be read as the next request. */
const NEVER_HOP = 'content-length';
export const VIA = '1.1 tabwire';

/** RFC 9112 §3.2.2: whatever Host said, the target says it. */
export function requestHeaders(host: string, asked: IncomingMessage): string[] {
  const own = endToEnd(asked).filter((_, i, all) => all[i & ~1]!.toLowerCase() !== 'host');
  const length = asked.headers['transfer-encoding'] === undefined ? [] : ['Transfer-Encoding', 'chunked'];
  return ['Host', host, ...own, ...length, 'Via', VIA, 'Connection', 'close'];
}

export function answerHeaders(answer: IncomingMessage): string[] {
  return [...endToEnd(answer), 'Via', VIA];
}

/** Node takes `chunked` off, and no other coding: passed on, the body would be something else than its header says. */
export function isPlainlyFramed({ headers }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding'];
  return coding === undefined || coding.toLowerCase() === 'chunked';
}

/** Names and values, in turns, as they came. */
function endToEnd({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const isHop = (name: string) => HOP_BY_HOP.has(name) || (named.includes(name) && name !== NEVER_HOP);
  return rawHeaders.filter((_, i) => !isHop(rawHeaders[i & ~1]!.toLowerCase()));
}
