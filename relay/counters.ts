import { Histogram } from 'prom-client';
import type { GateRefusal } from './gate.ts';

/** Why a datagram was not passed on. */
export type DropReason =
  | GateRefusal
  | 'bad_mac1'
  | 'rate'
  | 'queue'
  | 'too_big'
  | 'send_failed'
  | 'not_open'
  | 'unknown_channel'
  | 'empty_message';

/** How often each of a closed set of words: never a name, an address or anything else that others choose. */
export class Counts extends Map<string, number> {
  /** As Prometheus knows it, behind `wgrelay_`. */
  readonly metric: string;
  /** What it counts, in a sentence. */
  readonly help: string;
  /** What each word of a kind is about. */
  readonly labels: readonly string[];

  /** Nothing yet. */
  constructor(metric: string, help: string, ...labels: string[]) {
    super();
    this.metric = metric;
    this.help = help;
    this.labels = labels;
  }

  /** One more. `words`: one for each label, separated by spaces. */
  count(words: string): void {
    this.set(words, (this.get(words) ?? 0) + 1);
  }
}

/** What the relay did and refused, since it started. */
export class RelayCounters {
  /** Requests for a WebSocket, by what came of them. */
  readonly upgrades = new Counts(
    'upgrades_total',
    'Requests for a WebSocket, by what came of them.',
    'result',
  );
  /** Tokens refused, by reason. */
  readonly tokensRefused = new Counts('auth_failures_total', 'Tokens refused, by reason.', 'reason');
  /** Destinations refused, by reason. */
  readonly denied = new Counts('policy_denied_total', 'Destinations refused, by reason.', 'reason');
  /** Sessions ended, by close code. */
  readonly closed = new Counts('closes_total', 'Sessions ended, by close code.', 'code');
  /** What came of tickets that were shown. */
  readonly resumes = new Counts('resume_total', 'What came of tickets that were shown.', 'level', 'result');
  /** Errors of UDP sockets, by the system's word. */
  readonly udpErrors = new Counts(
    'udp_errors_total',
    "Errors of UDP sockets, by the system's word.",
    'errno',
  );
  /** Destinations that clients opened. */
  channelsOpened = 0;
  /** Configurations that were read again and refused. */
  reloadsFailed = 0;
  /** From clients to destinations, by WireGuard's type of message: 1 to 4. */
  readonly typesUp: number[] = [0, 0, 0, 0, 0];
  /** From destinations to clients. */
  readonly typesDown: number[] = [0, 0, 0, 0, 0];
  /** Of those datagrams. */
  bytesUp = 0;
  /** Of those datagrams. */
  bytesDown = 0;
  /** WebSocket messages with datagrams, from clients. */
  messagesUp = 0;
  /** WebSocket messages with datagrams, to clients. */
  messagesDown = 0;
  /** Datagrams from clients that were not passed on, by reason. */
  readonly dropsUp: Partial<Record<DropReason, number>> = {};
  /** Datagrams for clients that were not passed on, by reason. */
  readonly dropsDown: Partial<Record<DropReason, number>> = {};

  /** How long what was oldest in a message had waited for its client. */
  readonly queueDelay = times(
    'queue_delay_seconds',
    'How long the oldest datagram of a message waited.',
    0.001,
  );
  /** How long name servers took. */
  readonly dnsTime = times('dns_seconds', 'How long name servers took.', 0.004);

  /** From clients to destinations. */
  get datagramsUp(): number {
    return sumOf(this.typesUp);
  }

  /** From destinations to clients. */
  get datagramsDown(): number {
    return sumOf(this.typesDown);
  }

  /** WebSockets that were accepted. */
  get sessionsAccepted(): number {
    return this.upgrades.get('accepted') ?? 0;
  }

  /** A datagram from a client was not passed on. */
  dropUp(reason: DropReason): void {
    this.dropsUp[reason] = (this.dropsUp[reason] ?? 0) + 1;
  }

  /** A datagram for a client was not passed on. */
  dropDown(reason: DropReason, times = 1): void {
    this.dropsDown[reason] = (this.dropsDown[reason] ?? 0) + times;
  }
}

/** Of six bounds, each four times the one before. */
function times(name: string, help: string, least: number): Histogram {
  const buckets = Array.from({ length: 6 }, (_, n) => least * 4 ** n);
  return new Histogram({ name: `wgrelay_${name}`, help, buckets, registers: [] });
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((all, each) => all + each, 0);
}
