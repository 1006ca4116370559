// Names inside the tunnel: a stub resolver (RFC 1034 §5.3.1). What to read next, for a question on its way: resolution.ts
// (the names a text may mean, and aliases), question.ts (servers, rounds, patience), udp-query.ts and tcp-channel.ts; for
// an answer: acceptance.ts (is it one?), answer.ts (what does it say?), cache.ts.

import { IpAddress } from '../../address.ts';
import type { DropCounters } from '../../counters.ts';
import type { Environment } from '../../environment.ts';
import type { TunnelError } from '../../errors.ts';
import type { Instant, Pollable } from '../../time.ts';
import type { DnsRecord, RecordType } from '../../wire/dns.ts';
import { canonicalName, encodeName } from '../../wire/dns-name.ts';
import type { NetStackDrop } from '../drops.ts';
import type { Answer } from './answer.ts';
import { DnsCache, FailureCache } from './cache.ts';
import { DnsServer } from './dns-server.ts';
import type { NameNetwork } from './network.ts';
import { Question, type QuestionHost, type QuestionPlan, type ServerFailure } from './question.ts';
import { Resolution, type ResolutionHost } from './resolution.ts';
import { noServers, noSuchRecord, notAName, tooManyQuestions } from './resolve-failure.ts';
import { candidatesOf, searchDomainsOf } from './search-list.ts';
import {
  hostNameFault,
  isAddressType,
  loopbackOf,
  nameFaultText,
  reasonNotInDns,
  reverseName,
} from './special-names.ts';
import { Stragglers } from './stragglers.ts';
import { TcpChannel } from './tcp-channel.ts';
import type { UdpQuery } from './udp-query.ts';

const MAX_QUESTIONS = 512;

export interface ResolverConfig {
  /** Asked in this order, as long as they answer. */
  readonly servers: readonly IpAddress[];
  readonly searchDomains: readonly string[];
  /** What counts without asking, as in /etc/hosts. */
  readonly hosts?: ReadonlyMap<string, readonly IpAddress[]>;
  /**
   * Whether a server may say that a name has this address: where DNS rebinding is to be kept out. The name is the one that
   * was asked for, in canonical form, not what it is an alias of. Absent: any, for in a tunnel private addresses are what
   * one asks for.
   */
  readonly accepts?: (name: string, address: IpAddress) => boolean;
}

/** A resolver for one tunnel. Queries leave with the stack's next poll. */
export class Resolver implements Pollable, ResolutionHost {
  readonly cache = new DnsCache();
  readonly failures = new FailureCache();
  readonly #host: QuestionHost;
  readonly #stragglers: Stragglers;
  readonly #questions = new Map<string, { question: Question; waiting: Set<Resolution> }>();
  #servers: DnsServer[] = [];
  #searchDomains: string[] = [];
  #hosts = new Map<string, readonly IpAddress[]>();
  #accepts: ResolverConfig['accepts'];
  /** Something came. */
  #isNoted = false;

  constructor(network: NameNetwork, environment: Environment, drops: DropCounters<NetStackDrop>) {
    const noted = () => {
      this.#isNoted = true;
    };
    this.#stragglers = new Stragglers(drops, noted);
    const straggle = ({ binding }: UdpQuery, now: Instant) => this.#stragglers.add(binding, now);
    this.#host = { network, environment, drops, noted, straggle };
  }

  /** Questions on their way. */
  get questionCount(): number {
    return this.#questions.size;
  }

  /** Other servers, domains or hosts: all that was known is forgotten, and what is being asked is asked anew. */
  configure({ servers, searchDomains, hosts, accepts }: ResolverConfig, now: Instant): void {
    for (const { channel } of this.#servers) channel.close();
    this.#servers = distinct(servers).map(
      (address) => new DnsServer(address, new TcpChannel(address, this.#host)),
    );
    this.#searchDomains = searchDomainsOf(searchDomains);
    this.#accepts = accepts;
    this.#hosts = new Map();
    for (const [text, addresses] of hosts ?? []) {
      const name = encodeName(text);
      if (typeof name !== 'string') this.#hosts.set(canonicalName(name), addresses);
    }
    this.cache.clear();
    this.failures.clear();
    const before = [...this.#questions.values()];
    this.#questions.clear();
    for (const { question } of before) question.abandon(now);
    for (const { question, waiting } of before)
      for (const resolution of waiting) this.#askAgain(resolution, question, now);
  }

  /** The network may be another one: servers that did not answer may do so now. */
  reconnected(): void {
    this.failures.clear();
    for (const server of this.#servers) server.forgive();
  }

  /**
   * Looks up what `text` may mean. An IP address is its own answer; its PTR record is looked up where RFC 1035 §3.5 has
   * it. Failures are the resolution's outcome: ERR_NAME_NOT_RESOLVED, ERR_LIMIT.
   */
  resolve(text: string, type: RecordType, now: Instant): Resolution {
    const address = IpAddress.parse(text);
    if (address && type !== 'PTR') return this.#literal(text, type, address);
    const wanted = address ? `${reverseName(address)}.` : text;
    const name = encodeName(wanted);
    const fault =
      (isAddressType(type) && hostNameFault(wanted)) || (typeof name === 'string' && nameFaultText(name));
    if (typeof name === 'string' || fault) {
      const resolution = new Resolution(text, type, [], this);
      resolution.settle({ error: notAName(text, fault || ''), reason: 'refused' });
      return resolution;
    }
    const canonical = canonicalName(name);
    const candidates = this.#isLocal(canonical)
      ? [canonical]
      : candidatesOf(wanted, canonical, this.#searchDomains);
    const resolution = new Resolution(text, type, candidates, this);
    resolution.begin(now);
    return resolution;
  }

  pollAt(): Instant {
    if (this.#isNoted) return 0;
    let at = this.#stragglers.pollAt();
    for (let i = 0; i < this.#servers.length; i++) at = Math.min(at, this.#servers[i]!.channel.pollAt());
    if (this.#questions.size === 0) return at;
    for (const { question } of this.#questions.values()) at = Math.min(at, question.pollAt());
    return at;
  }

  poll(now: Instant): void {
    this.#isNoted = false;
    for (const { channel } of this.#servers) channel.poll(now);
    for (const [key, { question }] of this.#questions) {
      question.poll(now);
      if (question.outcome) this.#ended(key, question.outcome, now);
    }
    if (this.#stragglers.pollAt() <= now) this.#stragglers.poll(now);
  }

  // ---- ResolutionHost

  known(name: string, type: RecordType, now: Instant): Answer | undefined {
    const addresses = this.#ownAddressesOf(name);
    return addresses ? localAnswer(name, type, addresses) : this.cache.get(name, type, now);
  }

  acceptable(answer: Answer, name: string): Answer {
    const accepts = this.#accepts;
    if (!accepts || answer.kind !== 'records' || this.#ownAddressesOf(name)) return answer;
    const records = answer.records.filter(
      (record) => !('address' in record) || accepts(name, record.address),
    );
    return records.length > 0 ? { ...answer, records } : { ...answer, kind: 'no-data', ttl: 0 };
  }

  reasonNotAsked(name: string): string | undefined {
    return reasonNotInDns(name, this.#searchDomains);
  }

  ask(name: string, type: RecordType, resolution: Resolution, now: Instant): Question | TunnelError {
    if (this.#servers.length === 0) return noServers(name);
    const key = keyOf(name, type);
    const there = this.#questions.get(key);
    if (there) {
      there.waiting.add(resolution);
      return there.question;
    }
    if (this.#questions.size >= MAX_QUESTIONS) return tooManyQuestions(MAX_QUESTIONS);
    const wire = encodeName(name) as Uint8Array;
    const question = new Question({ name, wire, type }, this.#plan(key, now), this.#host, now);
    this.#questions.set(key, { question, waiting: new Set([resolution]) });
    // It may have ended at once, with nobody to ask; the next poll tells.
    if (question.outcome) this.#isNoted = true;
    return question;
  }

  cancelled(resolution: Resolution, now: Instant): void {
    const { question } = resolution;
    const key = question && keyOf(question.name, question.type);
    const there = key === undefined ? undefined : this.#questions.get(key);
    if (!there?.waiting.delete(resolution) || there.waiting.size > 0) return;
    this.#questions.delete(key!);
    there.question.abandon(now);
  }

  // ----

  #ownAddressesOf(name: string): readonly IpAddress[] | undefined {
    return loopbackOf(name) ?? this.#hosts.get(name);
  }

  /** A name that means itself and no other, because no server is asked about it. */
  #isLocal(name: string): boolean {
    return this.#ownAddressesOf(name) !== undefined || this.reasonNotAsked(name) !== undefined;
  }

  #literal(text: string, type: RecordType, address: IpAddress): Resolution {
    const resolution = new Resolution(text, type, [], this);
    const answer = localAnswer(text, type, [address]);
    resolution.settle(
      answer.kind === 'records'
        ? { records: answer.records }
        : { error: noSuchRecord(text, type, undefined), reason: 'no-record' },
    );
    return resolution;
  }

  /** Servers in their order, those that have not answered of late last; without those that failed at this very question. */
  #plan(key: string, now: Instant): QuestionPlan {
    const failures: ServerFailure[] = [];
    const servers = this.#servers.filter(({ address }) => {
      const reason = this.failures.get(key, address, now);
      if (reason !== undefined) failures.push({ server: address, reason, isUnreachable: false });
      return reason === undefined;
    });
    const isLate = (server: DnsServer) => Number(server.isPenalised(now));
    return { servers: servers.sort((a, b) => isLate(a) - isLate(b)), failures };
  }

  #ended(key: string, outcome: Answer | readonly ServerFailure[], now: Instant): void {
    const there = this.#questions.get(key)!;
    this.#questions.delete(key);
    const { name, type } = there.question;
    if ('kind' in outcome) {
      this.cache.put(name, type, outcome, now);
      if (outcome.server) this.failures.succeeded(key, outcome.server);
    } else {
      for (const { server, reason, isUnreachable } of outcome)
        if (!isUnreachable && this.failures.get(key, server, now) === undefined)
          this.failures.add(key, server, reason, now);
    }
    for (const resolution of there.waiting) resolution.answered(outcome, now);
  }

  /** Of the servers that are there now. */
  #askAgain(resolution: Resolution, { name, type }: Question, now: Instant): void {
    const question = this.ask(name, type, resolution, now);
    if (question instanceof Error) resolution.settle({ error: question, reason: 'failed' });
    else resolution.question = question;
  }
}

function keyOf(name: string, type: RecordType): string {
  return `${type} ${name}`;
}

function distinct(addresses: readonly IpAddress[]): IpAddress[] {
  return [...new Map(addresses.map((address) => [address.toString(), address])).values()];
}

/** What we know ourselves, of no age. */
function localAnswer(name: string, type: RecordType, addresses: readonly IpAddress[]): Answer {
  const about = { name, aliases: 0, ttl: 0, server: undefined };
  const records: DnsRecord[] = addresses
    .map((address) => ({
      type: address.version === 4 ? ('A' as const) : ('AAAA' as const),
      address,
      name,
      ttl: 0,
    }))
    .filter((record) => record.type === type || type === 'ANY');
  return records.length > 0 ? { ...about, kind: 'records', records } : { ...about, kind: 'no-data' };
}
