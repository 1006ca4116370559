import type { GateRefusal } from './gate.ts';

/** Why a datagram was not passed on. */
export type DropReason =
  | (GateRefusal | 'bad_mac1' | 'rate' | 'queue' | 'total_queue' | 'too_big')
  | ('send_failed' | 'not_open' | 'unknown_channel' | 'empty_message');

/** How often each of a closed set of words: never a name, an address or anything else that others choose. */
export class Counts extends Map<string, number> {
  /** One more. */
  count(word: string): void {
    this.set(word, (this.get(word) ?? 0) + 1);
  }
}

/** What went one way. */
export class Traffic {
  /** Datagrams that passed, by WireGuard's type of message: 1 to 4. */
  readonly types: number[] = [0, 0, 0, 0, 0];
  /** Of those datagrams. */
  bytes = 0;
  /** WebSocket messages with datagrams. */
  messages = 0;
  /** Datagrams that did not pass, by reason. */
  readonly drops: Partial<Record<DropReason, number>> = {};

  /** Datagrams that passed. */
  get datagrams(): number {
    return this.types.reduce((all, each) => all + each, 0);
  }

  /** One passed. */
  pass(type: number, bytes: number): void {
    this.types[type]!++;
    this.bytes += bytes;
  }

  /** One did not, or so many. */
  drop(reason: DropReason, times = 1): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + times;
  }
}

/** What the relay did and refused, since it started. */
export class RelayCounters {
  /** Requests for a WebSocket, by what came of them. */
  readonly upgrades = new Counts();
  /** Tokens refused, by reason. */
  readonly tokensRefused = new Counts();
  /** Who had to make room: a connection that was no session, a session that no endpoint had answered, one that waited. */
  readonly evicted = new Counts();
  /** Connections that ended before there was a request, by reason. */
  readonly connectionsRefused = new Counts();
  /** Destinations refused, by reason. */
  readonly denied = new Counts();
  /** Channels that the relay refused or closed, by the word that the client is told. */
  readonly channelsClosed = new Counts();
  /** Sessions ended, by close code. */
  readonly closed = new Counts();
  /** What came of tickets that were shown: level and result. */
  readonly resumes = new Counts();
  /** Handshakes that the gate let begin: who began, and whether the other side answered. */
  readonly handshakes = new Counts();
  /** Errors of UDP sockets, by the system's word. */
  readonly udpErrors = new Counts();
  /** Destinations that clients opened. */
  channelsOpened = 0;
  /** Configurations that were read again and refused. */
  reloadsFailed = 0;
  /** From clients to destinations. */
  readonly up = new Traffic();
  /** From destinations to clients. */
  readonly down = new Traffic();
  /** Told how long what was oldest in a message had waited for its client, in ms. */
  waited: (ms: number) => void = () => {};
}
