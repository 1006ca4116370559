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
  /** One more. */
  count(word: string): void {
    this.set(word, (this.get(word) ?? 0) + 1);
  }
}

/** What the relay did and refused, since it started. */
export class RelayCounters {
  /** Requests for a WebSocket, by what came of them. */
  readonly upgrades = new Counts();
  /** Tokens refused, by reason. */
  readonly tokensRefused = new Counts();
  /** Connections that were no session and had to make room. */
  strangersEvicted = 0;
  /** Destinations refused, by reason. */
  readonly denied = new Counts();
  /** Sessions ended, by close code. */
  readonly closed = new Counts();
  /** What came of tickets that were shown: level and result. */
  readonly resumes = new Counts();
  /** Errors of UDP sockets, by the system's word. */
  readonly udpErrors = new Counts();
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
  /** Told how long what was oldest in a message had waited for its client, in ms. */
  waited: (ms: number) => void = () => {};

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

function sumOf(counts: readonly number[]): number {
  return counts.reduce((all, each) => all + each, 0);
}
