// What a user is told when a name leads nowhere: one sentence that says why, and who said so.

import type { IpAddress } from '../../address.ts';
import { type NameFailure, TunnelError } from '../../errors.ts';
import type { RecordType } from '../../wire/dns.ts';
import type { ServerFailure } from './question.ts';

const LONGEST_SHOWN = 100;

export function failure(message: string, reason: NameFailure, retryable = false): TunnelError {
  return new TunnelError('ERR_NAME_NOT_RESOLVED', message, { retryable, leg: 'inside', reason });
}

/** Of a text that cannot be looked up. */
export function notAName(text: string, fault: string): TunnelError {
  return failure(`${quoted(text)} is neither an IP address nor a host name: ${fault}.`, 'bad-name');
}

export function noServers(name: string): TunnelError {
  return failure(
    `${quoted(name)} cannot be looked up: the configuration names no DNS server; add one to the line "DNS = …" under [Interface].`,
    'not-asked',
  );
}

export function notInDns(name: string, reason: string): TunnelError {
  return failure(`${quoted(name)} is not looked up: ${reason}.`, 'not-asked');
}

/** `tried`: all names that the text could have meant. */
export function noSuchName(
  text: string,
  tried: readonly string[],
  server: IpAddress | undefined,
): TunnelError {
  const others = tried.length > 1 ? ` (asked for: ${tried.map(shortened).join(', ')})` : '';
  return failure(`${quoted(text)} does not exist${by(server)}${others}.`, 'no-name');
}

export function noSuchRecord(name: string, type: RecordType, server: IpAddress | undefined): TunnelError {
  return failure(`${quoted(name)} has no ${type} record${by(server)}.`, 'no-record');
}

export function aliasesInCircle(name: string): TunnelError {
  return failure(
    `${quoted(name)} is an alias that leads in a circle, or through more than 16 others.`,
    'not-asked',
  );
}

export function notAnswered(name: string, failures: readonly ServerFailure[]): TunnelError {
  const reasons = failures.map(({ server, reason }) => `DNS server ${server} ${reason}`).join(', ');
  const retryable = failures.some(({ isUnreachable }) => !isUnreachable);
  const message = `${quoted(name)} could not be looked up: ${reasons || 'it was given up'}.`;
  return failure(message, failureOf(failures.at(-1)), retryable);
}

/** `reason` is a sentence by now; what a server answered is the name of its RCODE in it (RFC 1035 §4.1.1). */
function failureOf(last: ServerFailure | undefined): NameFailure {
  const [, said] = /^answered (.*)$/.exec(last?.reason ?? '') ?? [];
  if (said === undefined) return 'no-answer';
  if (said === 'REFUSED') return 'refused';
  if (said === 'FORMERR') return 'not-understood';
  return said === 'NOTIMP' ? 'not-implemented' : 'server-failed';
}

export function tooManyQuestions(limit: number): TunnelError {
  return new TunnelError('ERR_LIMIT', `${limit} names are being looked up already; try again later.`, {
    retryable: true,
    leg: 'inside',
  });
}

function by(server: IpAddress | undefined): string {
  return server ? `, says DNS server ${server}` : '';
}

export function quoted(name: string): string {
  return JSON.stringify(shortened(name));
}

function shortened(name: string): string {
  return name.length > LONGEST_SHOWN ? `${name.slice(0, LONGEST_SHOWN)}…` : name;
}
