// One question to the servers: which is asked, how, for how long, and what its answers mean for what comes next.

import type { IpAddress } from '../../address.ts';
import { TunnelError } from '../../errors.ts';
import { type Instant, type Millis, NEVER, SECOND } from '../../time.ts';
import {
  BADVERS,
  type DnsMessage,
  FORMERR,
  NOERROR,
  NOTIMP,
  NXDOMAIN,
  REFUSED,
  type RecordType,
  readMessage,
  SERVFAIL,
} from '../../wire/dns.ts';
import { judge } from './acceptance.ts';
import { type Answer, readAnswer } from './answer.ts';
import type { DnsServer } from './dns-server.ts';
import type { ChannelHost, TcpAsk } from './tcp-channel.ts';
import { UdpQuery } from './udp-query.ts';

const HEADER_LENGTH = 12;

/** From the first query to the end. */
const QUESTION_TIMEOUT: Millis = 12 * SECOND;
const TCP_PATIENCE: Millis = 4 * SECOND;

const RCODE_NAMES: Readonly<Record<number, string>> = {
  [FORMERR]: 'FORMERR',
  [SERVFAIL]: 'SERVFAIL',
  [NOTIMP]: 'NOTIMP',
  [REFUSED]: 'REFUSED',
  [BADVERS]: 'BADVERS',
};

/** Why a server gave no answer; `reason` goes on a sentence that begins with the server. */
export interface ServerFailure {
  readonly server: IpAddress;
  readonly reason: string;
  /** Whether the configuration has no way to it, so that asking again is no use. */
  readonly isUnreachable: boolean;
}

/** In force when the question began: the servers, those that may be asked first. */
export interface QuestionPlan {
  readonly servers: readonly DnsServer[];
  /** What is known to fail, and is not asked. */
  readonly failures: readonly ServerFailure[];
}

export interface QuestionHost extends ChannelHost {
  /** A socket is over, and late answers may still come to it. */
  straggle(query: UdpQuery, now: Instant): void;
}

export class Question {
  /** Canonical. */
  readonly name: string;
  readonly wire: Uint8Array;
  readonly type: RecordType;
  /** How it ended. */
  outcome: Answer | readonly ServerFailure[] | undefined;
  readonly #host: QuestionHost;
  /** To be asked in this round, and in the next. */
  #waiting: DnsServer[];
  #nextRound: DnsServer[] = [];
  #round = 0;
  /** All that were sent: an answer to an earlier one may still come. */
  readonly #queries: UdpQuery[] = [];
  #ask: TcpAsk | undefined;
  /** The server whose turn it is, and until when. */
  #current: DnsServer | undefined;
  #turnEndsAt: Instant = NEVER;
  readonly #endsAt: Instant;
  readonly #failures = new Map<string, ServerFailure>();
  /** Each is asked over TCP once. */
  readonly #askedOverTcp = new Set<DnsServer>();

  constructor(
    question: { readonly name: string; readonly wire: Uint8Array; readonly type: RecordType },
    plan: QuestionPlan,
    host: QuestionHost,
    now: Instant,
  ) {
    this.name = question.name;
    this.wire = question.wire;
    this.type = question.type;
    this.#host = host;
    this.#waiting = [...plan.servers];
    for (const failure of plan.failures) this.#failures.set(failure.server.toString(), failure);
    this.#endsAt = now + QUESTION_TIMEOUT;
    this.#next(now);
  }

  pollAt(): Instant {
    return Math.min(this.#turnEndsAt, this.#endsAt);
  }

  poll(now: Instant): void {
    for (let i = 0; i < this.#queries.length && !this.outcome; i++) this.#look(this.#queries[i]!, now);
    if (!this.outcome) this.#lookAtTcp(now);
    if (this.outcome) return;
    if (now >= this.#turnEndsAt) this.#timedOut(now);
  }

  /** Nobody wants to know any more. */
  abandon(now: Instant): void {
    if (!this.outcome) this.#finish([], now);
  }

  // ---- whose turn it is

  #next(now: Instant): void {
    for (;;) {
      if (this.#waiting.length === 0) {
        if (this.#nextRound.length === 0) break;
        [this.#waiting, this.#nextRound] = [this.#nextRound, []];
        this.#round++;
      }
      if (now >= this.#endsAt) break;
      const server = this.#waiting.shift()!;
      if (this.#query(server, now)) return;
    }
    this.#finish([...this.#failures.values()], now);
  }

  #query(server: DnsServer, now: Instant): boolean {
    try {
      this.#queries.push(new UdpQuery(this, server, this.#host, now));
    } catch (error) {
      this.#failed(server, error);
      return false;
    }
    this.#current = server;
    this.#turnEndsAt = Math.min(now + server.patience(this.#round), this.#endsAt);
    return true;
  }

  #timedOut(now: Instant): void {
    const server = this.#current!;
    if (this.#ask) {
      server.channel.forget(this.#ask, true);
      this.#ask = undefined;
      this.#giveUp(server, 'did not answer over TCP', now);
      return;
    }
    server.timedOut(now);
    this.#note(server, 'did not answer');
    this.#nextRound.push(server);
    this.#next(now);
  }

  /** No more from this server: the next, if it is its turn. */
  #giveUp(server: DnsServer, reason: string, now: Instant, isUnreachable = false): void {
    this.#note(server, reason, isUnreachable);
    this.#waiting = this.#waiting.filter((other) => other !== server);
    this.#nextRound = this.#nextRound.filter((other) => other !== server);
    if (this.#current !== server) return;
    this.#dropAsk();
    this.#next(now);
  }

  #failed(server: DnsServer, error: unknown): void {
    if (!(error instanceof TunnelError)) throw error;
    const isUnreachable = error.code === 'ERR_NO_ROUTE';
    this.#note(server, isUnreachable ? "is in no peer's AllowedIPs" : 'could not be asked', isUnreachable);
  }

  #note(server: DnsServer, reason: string, isUnreachable = false): void {
    const { address } = server;
    this.#failures.set(address.toString(), { server: address, reason, isUnreachable });
  }

  // ---- what came

  #look(query: UdpQuery, now: Instant): void {
    for (let message = query.binding.receive(); message; message = query.binding.receive()) {
      this.#receive(query, message.data, now);
      if (this.outcome) return;
    }
    const { failure } = query;
    if (!failure) return;
    query.failure = undefined;
    const isClosed = failure.code === 'ERR_CONNECTION_REFUSED';
    this.#giveUp(
      query.server,
      isClosed ? 'has no DNS server: its port 53 is closed' : 'cannot be reached',
      now,
    );
  }

  #receive(query: UdpQuery, bytes: Uint8Array, now: Instant): void {
    const { drops } = this.#host;
    const message = readMessage(bytes);
    if (!message) {
      drops.count('dns-malformed');
      return;
    }
    const verdict = judge(message, query);
    if (verdict === 'foreign') {
      drops.count('dns-unexpected');
      return;
    }
    if (verdict === 'case') drops.count('dns-case');
    if (verdict === 'case' || message.isTruncated) {
      this.#turnToTcp(query.server, now);
      return;
    }
    query.server.answered(now - query.sentAt);
    this.#accept(query.server, this.#withOwnLetters(message, bytes), query.edns, now);
  }

  /** The same message, its question in lower case: names that point there would come in the letters we mixed. */
  #withOwnLetters(message: DnsMessage, bytes: Uint8Array): DnsMessage {
    if (message.questions.length === 0) return message;
    bytes.set(this.wire, HEADER_LENGTH);
    return readMessage(bytes) ?? message;
  }

  /** The same server, over TCP, where nobody can forge and everything fits. Once. */
  #turnToTcp(server: DnsServer, now: Instant): void {
    if (this.#ask || this.#askedOverTcp.has(server)) return;
    this.#askedOverTcp.add(server);
    this.#giveTurnTo(server);
    this.#askOverTcp(server, now);
  }

  #askOverTcp(server: DnsServer, now: Instant): void {
    try {
      this.#ask = server.channel.ask({ wire: this.wire, type: this.type, edns: server.usesEdns(now) }, now);
      this.#turnEndsAt = Math.min(now + TCP_PATIENCE, this.#endsAt);
    } catch (error) {
      this.#failed(server, error);
      this.#giveUp(server, 'could not be asked over TCP', now);
    }
  }

  #lookAtTcp(now: Instant): void {
    const ask = this.#ask;
    if (!ask?.answer && !ask?.failure) return;
    const server = this.#current!;
    this.#ask = undefined;
    if (ask.answer) this.#accept(server, ask.answer, ask.edns, now, true);
    else this.#giveUp(server, ask.failure!, now);
  }

  /** `edns`: whether the query had it. */
  #accept(server: DnsServer, message: DnsMessage, edns: boolean, now: Instant, isTcp = false): void {
    const { rcode } = message;
    if (rcode === NOERROR || rcode === NXDOMAIN) {
      const answer = readAnswer(message, this.name, this.type, server.address);
      if (answer) this.#finish(answer, now);
      else this.#giveUp(server, 'refers to other servers', now);
    } else if (edns && (rcode === FORMERR || rcode === NOTIMP || rcode === BADVERS)) {
      server.refusedEdns(now);
      this.#giveTurnTo(server);
      if (isTcp) this.#askOverTcp(server, now);
      else if (!this.#query(server, now)) this.#next(now);
    } else {
      this.#giveUp(server, `answered ${RCODE_NAMES[rcode] ?? `with error ${rcode}`}`, now);
    }
  }

  /** Out of turn, because it has answered. Who is interrupted comes again in the next round. */
  #giveTurnTo(server: DnsServer): void {
    const interrupted = this.#current;
    this.#dropAsk();
    if (interrupted && interrupted !== server) this.#nextRound.push(interrupted);
    this.#waiting = this.#waiting.filter((other) => other !== server);
    this.#nextRound = this.#nextRound.filter((other) => other !== server);
    this.#current = server;
  }

  #dropAsk(): void {
    if (this.#ask) this.#current!.channel.forget(this.#ask, false);
    this.#ask = undefined;
  }

  #finish(outcome: Answer | readonly ServerFailure[], now: Instant): void {
    this.outcome = outcome;
    this.#dropAsk();
    this.#turnEndsAt = NEVER;
    for (const query of this.#queries) this.#host.straggle(query, now);
    this.#queries.length = 0;
  }
}
