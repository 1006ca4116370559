// What servers said, for as long as it holds: positive answers, names and records that do not exist (RFC 2308), and
// servers that failed over a question (RFC 9520).

import type { IpAddress } from '../../address.ts';
import { type Instant, MINUTE, type Millis, SECOND } from '../../time.ts';
import type { RecordType } from '../../wire/dns.ts';
import { parentName } from '../../wire/dns-name.ts';
import type { Answer } from './answer.ts';

export const MAX_CACHE_ENTRIES = 4096;
export const MAX_CACHE_BYTES = 2 * 1024 * 1024;
export const MAX_FAILURES = 1024;
const FIRST_FAILURE: Millis = 5 * SECOND;
const LONGEST_FAILURE: Millis = 5 * MINUTE;

/** What an entry and a record cost besides their texts, about. */
const ENTRY_OVERHEAD = 200;
const RECORD_OVERHEAD = 120;

interface Entry {
  readonly answer: Answer;
  readonly storedAt: Instant;
  readonly expiresAt: Instant;
  readonly bytes: number;
}

/** Answers by name and type, the longest unused first to go. */
export class DnsCache {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** An estimate. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is known of a canonical name, its TTLs counted down. */
  get(name: string, type: RecordType, now: Instant): Answer | undefined {
    const entry = this.#use(keyOf(name, type), now);
    if (entry) return aged(entry, now);
    // RFC 8020: below a name that does not exist there is nothing. A top-level name alone proves that to nobody who is
    // behind a split DNS, where `corp` is asked of the world, which has none, and `db.corp` is known next door.
    for (let at: string | undefined = name; at !== undefined; at = parentName(at)) {
      if (at !== name && !at.includes('.')) return undefined;
      const missing = this.#use(at, now);
      if (missing) return { ...aged(missing, now), name };
    }
    return undefined;
  }

  put(name: string, type: RecordType, answer: Answer, now: Instant): void {
    if (answer.ttl <= 0 || answer.kind === 'circle') return;
    if (answer.kind === 'records' || answer.kind === 'alias') {
      this.#store(keyOf(name, type), answer, now);
      return;
    }
    // What does not exist is another name than was asked, if there are aliases: both facts, each by itself.
    if (answer.aliases > 0) this.#store(keyOf(name, type), { ...answer, kind: 'alias' }, now);
    const key = answer.kind === 'no-name' ? answer.name : keyOf(answer.name, type);
    this.#store(key, { ...answer, aliases: 0 }, now);
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #use(key: string, now: Instant): Entry | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#remove(key, entry);
    if (entry.expiresAt <= now) return undefined;
    this.#add(key, entry);
    return entry;
  }

  #store(key: string, answer: Answer, now: Instant): void {
    const before = this.#entries.get(key);
    if (before) this.#remove(key, before);
    const bytes = sizeOf(key, answer);
    if (bytes > MAX_CACHE_BYTES) return;
    this.#add(key, { answer, storedAt: now, expiresAt: now + answer.ttl * SECOND, bytes });
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= MAX_CACHE_ENTRIES && this.#bytes <= MAX_CACHE_BYTES) break;
      this.#remove(oldest, entry);
    }
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

/** Types are upper case and canonical names lower, so that no key is both. */
function keyOf(name: string, type: RecordType): string {
  return `${type} ${name}`;
}

function aged({ answer, storedAt }: Entry, now: Instant): Answer {
  const seconds = Math.floor((now - storedAt) / SECOND);
  const left = (ttl: number) => Math.max(0, ttl - seconds);
  const ttl = left(answer.ttl);
  if (answer.kind !== 'records') return { ...answer, ttl };
  return { ...answer, ttl, records: answer.records.map((record) => ({ ...record, ttl: left(record.ttl) })) };
}

function sizeOf(key: string, answer: Answer): number {
  const records = answer.kind === 'records' ? answer.records : [];
  return records.reduce(
    (sum, record) => sum + RECORD_OVERHEAD + bytesOf(record),
    ENTRY_OVERHEAD + 2 * key.length,
  );
}

/** Text counts two bytes a character. */
function bytesOf(value: unknown): number {
  if (typeof value === 'string') return 2 * value.length;
  if (value instanceof Uint8Array) return 100 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.values(value).reduce((sum: number, part) => sum + bytesOf(part), 0);
}

interface FailureEntry {
  readonly reason: string;
  readonly until: Instant;
  readonly length: Millis;
}

/** Which server failed over which question, and until when it is not asked that again. */
export class FailureCache {
  readonly #entries = new Map<string, FailureEntry>();

  get size(): number {
    return this.#entries.size;
  }

  /** Why the server is not to be asked now, if it is not. */
  get(question: string, server: IpAddress, now: Instant): string | undefined {
    const entry = this.#entries.get(`${server} ${question}`);
    return entry && entry.until > now ? entry.reason : undefined;
  }

  /** Each failure in a row counts twice as long as the one before. */
  add(question: string, server: IpAddress, reason: string, now: Instant): void {
    const key = `${server} ${question}`;
    const before = this.#entries.get(key);
    const inRow = before && now < before.until + LONGEST_FAILURE;
    const length = inRow ? Math.min(2 * before.length, LONGEST_FAILURE) : FIRST_FAILURE;
    this.#entries.delete(key);
    this.#entries.set(key, { reason, until: now + length, length });
    if (this.#entries.size > MAX_FAILURES) this.#entries.delete(this.#entries.keys().next().value!);
  }

  succeeded(question: string, server: IpAddress): void {
    this.#entries.delete(`${server} ${question}`);
  }

  clear(): void {
    this.#entries.clear();
  }
}
