// Which messages are answers to a query (RFC 5452 §9.1). Their source and destination have been checked by the socket,
// which is connected and was bound for this one query.

import { type DnsMessage, FORMERR, NOTIMP, RECORD_TYPES, type RecordType } from '../../wire/dns.ts';

const CLASS_IN = 1;

/** `name`: as `readName` would print it, in the case in which it was asked. */
export interface SentQuery {
  readonly id: number;
  readonly name: string;
  readonly type: RecordType;
}

/**
 * `accepted`; `case`, if only the case of letters differs, which a forger who did not see the query would get wrong and
 * some servers do too; else `foreign`, to be ignored while the wait goes on.
 */
export function judge(message: DnsMessage, query: SentQuery): 'accepted' | 'case' | 'foreign' {
  if (message.id !== query.id || !message.isResponse || message.opcode !== 0) return 'foreign';
  const [question, another] = message.questions;
  if (!question) return isRefusalOfForm(message) ? 'accepted' : 'foreign';
  if (another || question.type !== RECORD_TYPES[query.type] || question.class !== CLASS_IN) return 'foreign';
  if (question.name === query.name) return 'accepted';
  return question.name.toLowerCase() === query.name.toLowerCase() ? 'case' : 'foreign';
}

/** Who does not understand EDNS may answer with a header alone (RFC 6891 §7): we ask without it, nothing more. */
function isRefusalOfForm({ rcode }: DnsMessage): boolean {
  return rcode === FORMERR || rcode === NOTIMP;
}
