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
  readonly help: string;
  readonly labels: readonly string[];

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
  readonly upgrades = new Counts(
    'upgrades_total',
    'Requests for a WebSocket, by what came of them.',
    'result',
  );
  readonly tokensRefused = new Counts('auth_failures_total', 'Tokens refused, by reason.', 'reason');
  readonly denied = new Counts('policy_denied_total', 'Destinations refused, by reason.', 'reason');
  readonly closed = new Counts('closes_total', 'Sessions ended, by close code.', 'code');
  readonly resumes = new Counts('resume_total', 'What came of tickets that were shown.', 'level', 'result');
  readonly udpErrors = new Counts(
    'udp_errors_total',
    "Errors of UDP sockets, by the system's word.",
    'errno',
  );
  channelsOpened = 0;
  reloadsFailed = 0;
  datagramsUp = 0;
  datagramsDown = 0;
  bytesUp = 0;
  bytesDown = 0;
  messagesUp = 0;
  messagesDown = 0;
  readonly dropsUp: Partial<Record<DropReason, number>> = {};
  readonly dropsDown: Partial<Record<DropReason, number>> = {};

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
