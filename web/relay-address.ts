/** Relay addresses as people write them and as settings give them. Pure. */

export type RelayChoice = { urls: string[]; problem?: undefined } | { urls?: undefined; problem: string };

/** One or several addresses, separated by spaces or commas; relative ones start at the page's own (`/v1`). */
export function readRelays(text: string, page: URL): RelayChoice {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0)
    return {
      problem:
        'Enter the relay’s address, for example wss://relay.example/v1: a page cannot send UDP itself.',
    };
  const urls: string[] = [];
  for (const word of words) {
    const url = relayUrl(word, page);
    if (!url)
      return {
        problem: `“${word}” is not a relay address: it starts with wss:// (or ws:// on this computer).`,
      };
    if (page.protocol === 'https:' && /^(wstunnel\+)?ws:$/.test(url.protocol) && !isLoopback(url.hostname))
      return { problem: 'This page came over https, so its relay must be a wss:// address.' };
    urls.push(url.href);
  }
  return { urls };
}

function relayUrl(word: string, page: URL): URL | undefined {
  if (!/^((wstunnel\+)?wss?|https?):\/\//i.test(word) && !word.startsWith('/')) return undefined;
  try {
    const url = new URL(word, page);
    if (url.protocol === 'http:') url.protocol = 'ws:';
    if (url.protocol === 'https:') url.protocol = 'wss:';
    url.hash = '';
    return /^(wstunnel\+)?wss?:$/.test(url.protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\./.test(hostname)
  );
}
