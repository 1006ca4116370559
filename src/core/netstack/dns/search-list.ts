import { canonicalName, encodeName } from '../../wire/dns-name.ts';

/** As many as resolv.conf(5) takes. */
const MAX_SEARCH_DOMAINS = 6;

/** Search domains as they are configured, in canonical form; what is no name, or beyond the sixth, is left out. */
export function searchDomainsOf(texts: readonly string[]): string[] {
  const domains = texts.map(canonicalOf).filter((name) => name !== undefined && name !== '.');
  return [...new Set(domains as string[])].slice(0, MAX_SEARCH_DOMAINS);
}

/**
 * The canonical names that a text may mean, in the order in which to ask for them: with a dot at its end itself alone;
 * with a dot inside ("ndots:1") itself first; otherwise itself last.
 */
export function candidatesOf(text: string, canonical: string, domains: readonly string[]): string[] {
  if (text.endsWith('.') || canonical === '.') return [canonical];
  const searched = domains
    .map((domain) => canonicalOf(`${canonical}.${domain}`))
    .filter((name) => name !== undefined);
  return text.includes('.') ? [canonical, ...searched] : [...searched, canonical];
}

function canonicalOf(text: string): string | undefined {
  const bytes = encodeName(text);
  return typeof bytes === 'string' ? undefined : canonicalName(bytes);
}
