// What the way to a host carries: echo requests that routers must not fragment, larger and smaller (RFC 1191; RFC 8899's
// idea where routers are silent). A router's word is tried out, and silence counts only when it lasts.

import type { IpAddress } from '../../address.ts';
import { TunnelError } from '../../errors.ts';
import { type Instant, type Millis, NEVER, type Pollable, SECOND } from '../../time.ts';
import { ICMP_HEADER_LENGTH } from '../../wire/icmp.ts';
import { IPV4_HEADER_LENGTH } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, IPV6_MINIMUM_MTU } from '../../wire/ipv6.ts';
import type { PingFailure, PingSocket } from '../ping.ts';

/** No link carries less (RFC 791). */
const IPV4_MINIMUM_MTU = 68;
/** A size is too big if that many probes of it vanish, while smaller ones do not. */
const ATTEMPTS = 3;
const LEAST_TIMEOUT: Millis = 200;
const MOST_TIMEOUT: Millis = SECOND;

export interface PathMtuNetwork {
  /** The tunnel's. */
  readonly mtu: number;
  openPing(remote: IpAddress): PingSocket;
}

/** Must only take note. */
export interface PathMtuObserver {
  found(mtu: number): void;
  failed(error: TunnelError): void;
}

export class PathMtuSearch implements Pollable {
  readonly #remote: IpAddress;
  readonly #observer: PathMtuObserver;
  readonly #ping: PingSocket;
  readonly #headers: number;
  /** What passes, surely once `#isAlive`. */
  #low: number;
  /** Nothing larger passes. */
  #high: number;
  /** The host has answered. */
  #isAlive = false;
  #sequence = 0;
  /** Of the whole packet that is under way. */
  #size: number;
  #attempts = 0;
  #expiresAt: Instant = NEVER;
  #timeout: Millis = MOST_TIMEOUT;
  /** A reply or an error came; what it said is in the fields below. */
  #isNoted = true;
  #replied = false;
  #failure: PingFailure | undefined;
  #isOver = false;

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_LIMIT. */
  constructor(network: PathMtuNetwork, remote: IpAddress, observer: PathMtuObserver) {
    const isIpv4 = remote.version === 4;
    this.#remote = remote;
    this.#observer = observer;
    this.#headers = (isIpv4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH) + ICMP_HEADER_LENGTH;
    this.#high = network.mtu;
    this.#low = Math.min(isIpv4 ? IPV4_MINIMUM_MTU : IPV6_MINIMUM_MTU, this.#high);
    this.#size = this.#high;
    this.#ping = network.openPing(remote);
    this.#ping.observer = {
      reply: ({ sequence, rtt }) => this.#noteReply(sequence, rtt),
      error: (failure) => this.#noteError(failure),
    };
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ping.close();
  }

  pollAt(): Instant {
    if (this.#isOver) return NEVER;
    return this.#isNoted ? 0 : this.#expiresAt;
  }

  poll(now: Instant): void {
    if (this.#isOver || this.pollAt() > now) return;
    this.#isNoted = false;
    const failure = this.#failure;
    this.#failure = undefined;
    if (this.#replied) this.#passed();
    else if (failure) this.#refused(failure);
    else if (this.#attempts === ATTEMPTS) this.#vanished();
    if (this.#isOver) return;
    this.#replied = false;
    this.#send(now);
  }

  #send(now: Instant): void {
    this.#sequence++;
    this.#attempts++;
    this.#ping.send(this.#sequence, this.#size - this.#headers, { dontFragment: true }, now);
    this.#expiresAt = now + this.#timeout;
  }

  /** Late replies count, too: they are of this size or of one that passed anyway. */
  #noteReply(sequence: number, rtt: Millis): void {
    if (sequence <= this.#sequence - this.#attempts) return;
    this.#timeout = Math.min(MOST_TIMEOUT, Math.max(LEAST_TIMEOUT, 4 * rtt));
    this.#replied = this.#isNoted = true;
  }

  #noteError(failure: PingFailure): void {
    if (failure.sequence <= this.#sequence - this.#attempts) return;
    this.#failure = failure;
    this.#isNoted = true;
  }

  #passed(): void {
    this.#isAlive = true;
    this.#low = Math.max(this.#low, this.#size);
    this.#next(Math.ceil((this.#low + this.#high) / 2));
  }

  #refused({ kind, mtu, from }: PingFailure): void {
    if (kind === 'too-big' && this.#size > this.#low) {
      // Without a number, or with an impossible one, it is only known that this was too much.
      const isSaid = mtu >= this.#low && mtu < this.#size;
      this.#high = Math.max(this.#low, isSaid ? mtu : this.#size - 1);
      this.#next(isSaid ? mtu : Math.ceil((this.#low + this.#high) / 2));
      return;
    }
    // Too big, although every link must carry that: then this is none.
    const message = `${from} says that there is no way to ${this.#remote} (${kind}).`;
    this.close();
    this.#observer.failed(
      new TunnelError('ERR_HOST_UNREACHABLE', message, { leg: 'inside', retryable: true }),
    );
  }

  #vanished(): void {
    if (this.#size === this.#low) {
      this.close();
      const message = `${this.#remote} does not answer pings, so nothing can be found out about the way to it.`;
      this.#observer.failed(new TunnelError('ERR_TIMEOUT', message, { leg: 'inside', retryable: true }));
      return;
    }
    this.#high = this.#size - 1;
    // Is it the size, or does nobody answer at all?
    this.#next(this.#isAlive ? Math.ceil((this.#low + this.#high) / 2) : this.#low);
  }

  #next(size: number): void {
    if (this.#isAlive && this.#low >= this.#high) {
      this.close();
      this.#observer.found(this.#low);
      return;
    }
    this.#size = size;
    this.#attempts = 0;
  }
}
