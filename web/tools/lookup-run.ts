import { signal } from '@preact/signals';
import type { DnsQueryType, DnsRecord, Tunnel } from '../../src/index.ts';
import { zoneLine } from './dns-text.ts';
import { type Explain, Run } from './run.ts';

/** What a name is asked for when everything is wanted: few servers still answer ANY (RFC 8482). */
const USUAL = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'TXT', 'SRV', 'SOA', 'CAA', 'HTTPS'] as const;

export const LOOKUP_TYPES = [...USUAL, 'PTR', 'NAPTR', 'SVCB', 'ANY'] as const satisfies DnsQueryType[];

export type LookupType = DnsQueryType | 'usual';

export interface LookupAnswer {
  records: DnsRecord[];
  /** Milliseconds from the question to the last answer. */
  elapsed: number;
}

/** Asks the configuration's DNS servers for the records of a name. */
export class LookupRun extends Run {
  readonly answer = signal<LookupAnswer | undefined>();

  async ask(tunnel: Tunnel, name: string, type: LookupType, explain: Explain): Promise<void> {
    this.answer.value = undefined;
    await this.start(explain, async (signal) => {
      const begin = performance.now();
      const records = await recordsOf(tunnel, name, typesFor(name, type));
      if (!signal.aborted) this.answer.value = { records, elapsed: performance.now() - begin };
    });
  }
}

/** An address has names and nothing else. */
export function typesFor(name: string, type: LookupType): readonly DnsQueryType[] {
  if (type !== 'usual') return [type];
  return /^[\d.]+$|:/.test(name) ? ['PTR'] : USUAL;
}

/** All that was found; fails only if nothing was, as the first question did. */
async function recordsOf(tunnel: Tunnel, name: string, types: readonly DnsQueryType[]): Promise<DnsRecord[]> {
  const results = await Promise.allSettled(
    types.map((type): Promise<DnsRecord[]> => tunnel.resolve(name, type)),
  );
  const records = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  const [first] = results;
  if (records.length === 0 && first?.status === 'rejected') throw first.reason;
  return withoutRepeats(records);
}

/** An alias answers every question about its name. */
export function withoutRepeats(records: readonly DnsRecord[]): DnsRecord[] {
  const seen = new Set<string>();
  return records.filter((record) => {
    const line = zoneLine({ ...record, ttl: 0 });
    return !seen.has(line) && seen.add(line);
  });
}
