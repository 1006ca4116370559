// What the console's hooks have in common: they answer our own page and nobody else, and nothing of it is kept.
import type { IncomingMessage, ServerResponse } from 'node:http';

const MAX_BODY = 1024;

/** What a request is answered with, instead of what it asked for. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
}

/**
 * Why a request is not one of our own page's. Other sites' forms cannot set a header, their scripts would need CORS, which
 * nobody here grants, and browsers say where a request comes from in Sec-Fetch-Site, which no script can change.
 * @param isSiteOptional lets browsers pass that state no Sec-Fetch-Site, as some do where there is no TLS
 */
export function strangeness(request: IncomingMessage, isSiteOptional = false): Refusal | undefined {
  const site = request.headers['sec-fetch-site'];
  if (request.method !== 'POST') return { status: 405, error: 'POST only.' };
  if (
    request.headers['x-tabwire'] !== '1' ||
    (site !== 'same-origin' && !(isSiteOptional && site === undefined))
  )
    return { status: 403, error: 'Only the console itself may ask this.' };
  return undefined;
}

/** The public key in a small JSON body; empty if there is none. */
export async function publicKeyIn(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) {
    body += String(chunk);
    if (body.length > MAX_BODY) return '';
  }
  try {
    const { publicKey } = JSON.parse(body) as { publicKey?: unknown };
    return typeof publicKey === 'string' ? publicKey : '';
  } catch {
    return '';
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // A body that was refused unread must not be read as the next request.
    ...(status >= 400 && { connection: 'close' }),
  });
  response.end(JSON.stringify(body));
}
