import { promises, type RecordWithTtl } from 'node:dns';
import type { ResolveName } from '../../relay/policy.ts';

const MIN_LIFETIME = 30_000;
const MAX_LIFETIME = 300_000;
const NEGATIVE_LIFETIME = 10_000;
const MAX_IN_FLIGHT = 64;
const MAX_ADDRESSES = 64;

interface Lookup {
  readonly answer: Promise<readonly string[]>;
  /** Never, while nobody has answered. */
  expires: number;
}

/**
 * Asks DNS servers directly and caches what they say. Never `dns.lookup`: that shares four threads with the
 * whole process and takes `127.1` for an address. Only names in the configuration come here, which bounds the
 * cache. `took`: told how long each question took.
 */
export function createResolver(
  now: () => number,
  query: QueryName = queryServers(),
  took: (ms: number) => void = () => {},
): ResolveName {
  const lookups = new Map<string, Lookup>();
  let inFlight = 0;

  return (name) => {
    const known = lookups.get(name);
    if (known !== undefined && now() < known.expires) return known.answer;
    if (inFlight >= MAX_IN_FLIGHT) return Promise.reject(new Error('too many lookups'));
    inFlight++;
    const began = now();
    const answer = query(name);
    const lookup: Lookup = {
      answer: answer.then((found) => found.addresses),
      expires: Number.POSITIVE_INFINITY,
    };
    const settle = (lifetime: number) => {
      inFlight--;
      took(now() - began);
      lookup.expires = now() + lifetime;
    };
    answer.then(
      (found) => settle(Math.min(MAX_LIFETIME, Math.max(MIN_LIFETIME, found.ttl * 1000))),
      () => settle(NEGATIVE_LIFETIME),
    );
    lookups.set(name, lookup);
    return lookup.answer;
  };
}

/** One question to the servers; `ttl` in seconds. */
export type QueryName = (name: string) => Promise<{ addresses: string[]; ttl: number }>;

/** Asks these servers (`ADDRESS:PORT`); as default, those of the system. Each twice: for 2 s, then for 4. */
export function queryServers(servers?: readonly string[]): QueryName {
  const resolver = new promises.Resolver({ timeout: 2000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  const none = (): RecordWithTtl[] => [];
  return async (name) => {
    const answers = await Promise.all([
      resolver.resolve4(name, { ttl: true }).catch(none),
      resolver.resolve6(name, { ttl: true }).catch(none),
    ]);
    const records = answers.flat();
    if (records.length === 0) throw new Error('no address');
    // A name with this many addresses is not a WireGuard endpoint; checking fewer than all would be wrong.
    if (records.length > MAX_ADDRESSES) throw new Error('too many addresses');
    const ttl = Math.min(...records.map((record) => record.ttl));
    return { addresses: records.map(({ address }) => address), ttl };
  };
}
