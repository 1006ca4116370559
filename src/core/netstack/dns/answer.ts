// What a server's message says about a question: RFC 1034 §4.3.2 read backwards, RFC 2308 for what is not there.

import type { IpAddress } from '../../address.ts';
import { type DnsMessage, type DnsRecord, NXDOMAIN, type RecordType } from '../../wire/dns.ts';
import { isInDomain } from '../../wire/dns-name.ts';

/** As many aliases as one name may go through, over however many messages. */
export const MAX_ALIASES = 16;
/** Seconds. */
const LONGEST_TTL = 86_400;
const LONGEST_NEGATIVE_TTL = 3600;

/**
 * `name`: what the aliases led to, in canonical form. `ttl`: seconds for which all of it holds; 0 is not to be kept.
 */
export type Answer = {
  readonly name: string;
  readonly ttl: number;
  readonly aliases: number;
  /** Who said so; undefined for what we know ourselves. */
  readonly server: IpAddress | undefined;
} & (
  | { readonly kind: 'records'; readonly records: readonly DnsRecord[] }
  /** The aliases lead to a name about which this message says nothing. */
  | { readonly kind: 'alias' }
  | { readonly kind: 'no-data' }
  | { readonly kind: 'no-name' }
  /** Aliases that lead back, or too many of them. */
  | { readonly kind: 'circle' }
);

/**
 * The answer to a question for the canonical `name`, by records that belong to it or to what it is an alias of; all
 * others are ignored. Undefined when the message is none: a referral elsewhere.
 */
export function readAnswer(
  message: DnsMessage,
  name: string,
  type: RecordType,
  server: IpAddress,
): Answer | undefined {
  const chain = follow(message.answers, name, type);
  const found = { name: chain.name, aliases: chain.length, server };
  const ttl = Math.min(chain.ttl, LONGEST_TTL);
  if (chain.isCircle) return { ...found, kind: 'circle', ttl: 0 };
  const records = message.answers.filter(
    (record) => (type === 'ANY' || record.type === type) && isOf(record, chain.name),
  );
  if (records.length > 0) {
    // RFC 2181 §5.2: records of a set with different TTLs all have the least.
    const least = records.reduce((lowest, record) => Math.min(lowest, record.ttl), ttl);
    return { ...found, kind: 'records', records, ttl: least };
  }
  if (message.rcode === NXDOMAIN)
    return { ...found, kind: 'no-name', ttl: negativeTtl(message, chain.name, ttl) };
  if (chain.length > 0 && !soaOf(message, chain.name)) return { ...found, kind: 'alias', ttl };
  if (isReferral(message)) return undefined;
  return { ...found, kind: 'no-data', ttl: negativeTtl(message, chain.name, ttl) };
}

/** The end of the aliases that begin at `name`. */
function follow(answers: readonly DnsRecord[], name: string, type: RecordType) {
  const seen = new Set([name]);
  let ttl = Number.POSITIVE_INFINITY;
  const end = (isCircle: boolean) => ({ name, ttl, length: seen.size - 1, isCircle });
  if (type === 'CNAME' || type === 'ANY') return end(false);
  for (;;) {
    const alias = answers.find((record) => record.type === 'CNAME' && isOf(record, name));
    if (alias?.type !== 'CNAME') return end(false);
    name = alias.target.toLowerCase();
    ttl = Math.min(ttl, alias.ttl);
    if (seen.has(name) || seen.size > MAX_ALIASES) return end(true);
    seen.add(name);
  }
}

function isOf(record: DnsRecord, name: string): boolean {
  return record.name.toLowerCase() === name;
}

function soaOf(message: DnsMessage, name: string) {
  const soa = message.authorities.find(
    (record) => record.type === 'SOA' && isInDomain(name, record.name.toLowerCase()),
  );
  return soa?.type === 'SOA' ? soa : undefined;
}

/** RFC 2308 §5: the lesser of the SOA record's TTL and its MINIMUM. Without one, nothing is kept. */
function negativeTtl(message: DnsMessage, name: string, chainTtl: number): number {
  const soa = soaOf(message, name);
  return soa ? Math.min(soa.ttl, soa.minimum, chainTtl, LONGEST_NEGATIVE_TTL) : 0;
}

/** RFC 2308 §2.2.1: servers of another zone in place of an answer, by one who does not recurse. */
function isReferral({ authorities, isAuthoritative, recursionAvailable }: DnsMessage): boolean {
  const names =
    authorities.some(({ type }) => type === 'NS') && !authorities.some(({ type }) => type === 'SOA');
  return names && !isAuthoritative && !recursionAvailable;
}
