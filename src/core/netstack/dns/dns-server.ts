import type { IpAddress } from '../../address.ts';
import { type Instant, MINUTE, type Millis, SECOND } from '../../time.ts';
import type { TcpChannel } from './tcp-channel.ts';

/** For so long a server that does not understand EDNS is asked without it. */
const PLAIN_FOR: Millis = 15 * MINUTE;
/** The patience with a server per round over all servers; the first is longer where round trips are. */
const PATIENCE: readonly Millis[] = [1 * SECOND, 2 * SECOND, 4 * SECOND];
/** What a server that does not answer costs is doubled by each time out, up to this. */
const LONGEST_PENALTY: Millis = MINUTE;

/** One DNS server as we know it from experience. */
export class DnsServer {
  readonly address: IpAddress;
  readonly channel: TcpChannel;
  /** Of UDP, in ms; undefined until measured. */
  #smoothedRoundTrip: Millis | undefined;
  #timeOutsInRow = 0;
  #penaltyUntil: Instant = 0;
  #plainUntil: Instant = 0;

  constructor(address: IpAddress, channel: TcpChannel) {
    this.address = address;
    this.channel = channel;
  }

  get smoothedRoundTrip(): Millis | undefined {
    return this.#smoothedRoundTrip;
  }

  /** How long to wait for it in the given round, from 0 on. */
  patience(round: number): Millis {
    const usual = PATIENCE[Math.min(round, PATIENCE.length - 1)]!;
    return Math.max(usual, Math.min(2 * (this.#smoothedRoundTrip ?? 0), PATIENCE.at(-1)!));
  }

  /** Whether others come first: it has not answered of late. */
  isPenalised(now: Instant): boolean {
    return now < this.#penaltyUntil;
  }

  usesEdns(now: Instant): boolean {
    return now >= this.#plainUntil;
  }

  answered(roundTrip: Millis): void {
    const before = this.#smoothedRoundTrip;
    this.#smoothedRoundTrip = before === undefined ? roundTrip : before + (roundTrip - before) / 8;
    this.#timeOutsInRow = 0;
    this.#penaltyUntil = 0;
  }

  timedOut(now: Instant): void {
    this.#timeOutsInRow++;
    this.#penaltyUntil = now + Math.min(2 ** this.#timeOutsInRow * SECOND, LONGEST_PENALTY);
  }

  refusedEdns(now: Instant): void {
    this.#plainUntil = now + PLAIN_FOR;
  }

  /** The network may be another one now. */
  forgive(): void {
    this.#timeOutsInRow = 0;
    this.#penaltyUntil = 0;
  }
}
