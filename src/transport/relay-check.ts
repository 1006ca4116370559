import type { RelayVerdict } from './relay-errors.ts';

type Fetch = typeof globalThis.fetch;

const TIMEOUT = 5000;

/**
 * Asks the relay at a `ws:` or `wss:` URL why it refuses us. Browsers hide the HTTP status of a failed upgrade, and
 * hide other servers' answers from pages they do not name; but they do tell whether there was an answer at all.
 */
export async function askRelay(url: string, fetch: Fetch): Promise<RelayVerdict> {
  const check = new URL(url);
  check.protocol = check.protocol === 'wss:' ? 'https:' : 'http:';
  check.pathname = `${check.pathname.replace(/\/$/, '')}/check`;
  const signal = AbortSignal.timeout(TIMEOUT);
  const ask = (mode: RequestMode) => fetch(check, { mode, cache: 'no-store', credentials: 'omit', signal });
  // Once more: a relay that comes up between the two questions hides nothing.
  for (let tries = 0; tries < 2; tries++) {
    const answer = await ask('cors').catch(() => undefined);
    if (answer !== undefined) return readVerdict(answer);
    const hidden = await ask('no-cors').catch(() => undefined);
    if (hidden === undefined) return { kind: 'unreachable' };
  }
  return { kind: 'unreadable' };
}

async function readVerdict(response: Response): Promise<RelayVerdict> {
  if (!response.ok) return { kind: 'not-a-relay' };
  try {
    const { ok, code, message } = (await response.json()) as Record<string, unknown>;
    if (ok === true) return { kind: 'accepts' };
    if (typeof code !== 'string' || typeof message !== 'string') return { kind: 'not-a-relay' };
    return { kind: 'refuses', code, message: message.slice(0, 200) };
  } catch {
    return { kind: 'not-a-relay' };
  }
}
