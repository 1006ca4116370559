/** What this page sees of a relay that it cannot open a WebSocket to; browsers do not say why that failed. */

export type Reach =
  /** Nothing answers. */
  | 'silent'
  /** Something answers HTTP. */
  | 'http'
  /** This page's own rules forbid it. */
  | 'forbidden';

const TIMEOUT = 5000;

export async function reachOf(relay: string): Promise<Reach> {
  const url = new URL(relay.replace(/^(wstunnel\+)?ws/, 'http'));
  let isForbidden = false;
  const watch = ({ effectiveDirective }: SecurityPolicyViolationEvent) => {
    if (effectiveDirective === 'connect-src') isForbidden = true;
  };
  document.addEventListener('securitypolicyviolation', watch);
  try {
    await fetch(url, {
      mode: 'no-cors',
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(TIMEOUT),
    });
    return 'http';
  } catch {
    // The event comes after the rejection.
    await new Promise((resolve) => setTimeout(resolve));
    return isForbidden ? 'forbidden' : 'silent';
  } finally {
    document.removeEventListener('securitypolicyviolation', watch);
  }
}
