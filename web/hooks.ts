/** What the site gives to its own page: a token for its relay, and a configuration for a key. relay/README.md has both. */
import { isRecord } from './settings.ts';

/** The custom header keeps other sites' forms from asking in our name: a cross-site page would need CORS. */
export function askSite(url: string, body?: object): Promise<Response> {
  return fetch(new URL(url, document.baseURI), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tabwire': '1' },
    cache: 'no-store',
    // A login that has ended sends elsewhere, and elsewhere nobody has a token for us.
    redirect: 'error',
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** A token each time that a connection to the relay needs one. */
export function tokensFrom(url: string): () => Promise<string> {
  return async () => {
    const token = await fieldOf('token', await askSite(url).catch(() => undefined));
    if (token === undefined) throw new Error('this site’s login did not give one; log in');
    return token;
  };
}

/** The site's configuration for whoever has this public key: wg-quick text without a PrivateKey. */
export async function enrolAt(url: string, publicKey: string): Promise<string> {
  const config = await fieldOf('config', await askSite(url, { publicKey }).catch(() => undefined));
  if (config === undefined) throw new Error('This site did not give a configuration: log in and try again.');
  return config;
}

async function fieldOf(
  name: 'token' | 'config',
  response: Response | undefined,
): Promise<string | undefined> {
  if (!response?.ok) return undefined;
  const answer: unknown = await response.json().catch(() => undefined);
  const value = isRecord(answer) ? answer[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
