import { OriginPolicy } from '../../relay/origin.ts';
import { RelayConfigError } from './config-error.ts';

/** Throws RelayConfigError. `origins`: undefined for pages from the relay's own address. */
export function readOrigins(origins: readonly string[] | undefined, allowsNone: boolean): OriginPolicy {
  return new OriginPolicy(origins && new Set(origins.map(readOrigin)), allowsNone);
}

function readOrigin(text: string): string {
  const [, scheme, parent] = /^(https?:\/\/)\*\.([^*/]+)$/i.exec(text) ?? [];
  const origin = normalizeOrigin(parent === undefined ? text : `${scheme}${parent}`);
  if (origin === undefined)
    throw new RelayConfigError(
      `origin "${text}": expected scheme://host[:port], such as https://console.example.com`,
    );
  return parent === undefined ? origin : origin.replace('://', '://*.');
}

/** The origin as browsers write it: lower case, no default port, no path; undefined if it is none. */
export function normalizeOrigin(text: string): string | undefined {
  if (!/^https?:\/\/[^/?#@\\\s*]+$/i.test(text)) return undefined;
  try {
    const { origin } = new URL(text);
    return origin === 'null' ? undefined : origin;
  } catch {
    return undefined;
  }
}
