// The way to a host, hop by hop: probes whose TTL ends at the first router, the second, and so on (traceroute).

import type { IpAddress } from '../../address.ts';
import { type Instant, type Millis, NEVER, type Pollable } from '../../time.ts';
import type { IcmpReportKind } from '../icmp-errors.ts';
import type { PingSocket } from '../ping.ts';
import type { UdpBinding, UdpOptions } from '../udp-binding.ts';

/** Probes that may be unanswered at once: of some hops together, so that silent ones do not take all the time. */
const MAX_OUTSTANDING = 8;
/** The first of the ports that nobody is expected to listen on, one for each probe. */
const FIRST_UDP_PORT = 33_434;

/** What a trace asks of the stack. */
export interface TraceNetwork {
  openPing(remote: IpAddress): PingSocket;
  bindUdp(options: UdpOptions): UdpBinding;
}

export interface TraceOptions {
  /** Echo requests, or UDP messages to ports that are closed. */
  method: 'icmp' | 'udp';
  /** The first TTL, 1–255. */
  firstHop: number;
  /** The last TTL, `firstHop`–255. */
  maxHops: number;
  /** For each hop, 1–10. */
  probes: number;
  /** How long one waits for the answer to a probe. */
  timeout: Millis;
  /** Bytes of data in each. */
  size: number;
  tos?: number | undefined;
}

export interface Hop {
  /** The TTL of its probes. */
  readonly hop: number;
  /** Who answered, in order, each once: several where the way forks. */
  readonly addresses: readonly IpAddress[];
  /** Of the probes that were answered, in order. */
  readonly rtts: readonly Millis[];
  /** How many were not. */
  readonly lost: number;
  /** The host itself answered: this is the last hop. */
  readonly reached: boolean;
  /** Why it goes no further, if a router said so: this is the last hop. */
  readonly reason: IcmpReportKind | undefined;
}

/** Must only take note. */
export interface TraceObserver {
  hop(hop: Hop): void;
  ended(): void;
}

interface Probe {
  readonly sentAt: Instant;
  state: 'waiting' | 'answered' | 'lost';
  from: IpAddress | undefined;
  rtt: Millis;
  reached: boolean;
  reason: IcmpReportKind | undefined;
}

/** How probes travel: `answered` is told of what came back for the one with that number. */
interface Carrier {
  send(index: number, ttl: number, now: Instant): void;
  close(): void;
}

type Answered = (index: number, from: IpAddress, rtt: Millis, kind: IcmpReportKind | 'reached') => void;

export class Trace implements Pollable {
  readonly #options: TraceOptions;
  readonly #observer: TraceObserver;
  readonly #carrier: Carrier;
  /** In the order of sending: all of the first hop, all of the second, … */
  readonly #probes: Probe[] = [];
  /** Every hop before it has been told. */
  #nextHop: number;
  #lastHop: number;
  #isNoted = true;
  #isOver = false;

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_LIMIT, ERR_MESSAGE_TOO_LONG at the first poll. */
  constructor(network: TraceNetwork, remote: IpAddress, options: TraceOptions, observer: TraceObserver) {
    this.#options = options;
    this.#observer = observer;
    this.#nextHop = options.firstHop;
    this.#lastHop = options.maxHops;
    const answered: Answered = (index, from, rtt, kind) => this.#answered(index, from, rtt, kind);
    this.#carrier =
      options.method === 'icmp'
        ? echoCarrier(network.openPing(remote), options, answered)
        : udpCarrier(network.bindUdp({}), remote, options, answered);
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#carrier.close();
  }

  pollAt(): Instant {
    if (this.#isOver) return NEVER;
    if (this.#isNoted) return 0;
    const oldest = this.#probes.find((probe) => probe.state === 'waiting');
    return oldest ? oldest.sentAt + this.#options.timeout : NEVER;
  }

  poll(now: Instant): void {
    if (this.#isOver) return;
    this.#isNoted = false;
    const { probes, timeout } = this.#options;
    for (const probe of this.#probes)
      if (probe.state === 'waiting' && probe.sentAt + timeout <= now) probe.state = 'lost';
    this.#tell();
    if (this.#isOver) return;
    const most = (this.#lastHop - this.#options.firstHop + 1) * probes;
    while (this.#probes.length < most && this.#outstanding < MAX_OUTSTANDING) this.#send(now);
  }

  get #outstanding(): number {
    return this.#probes.filter((probe) => probe.state === 'waiting').length;
  }

  #send(now: Instant): void {
    const index = this.#probes.length;
    const ttl = this.#options.firstHop + Math.floor(index / this.#options.probes);
    this.#carrier.send(index, ttl, now);
    const nothing = { from: undefined, rtt: 0, reached: false, reason: undefined };
    this.#probes.push({ sentAt: now, state: 'waiting', ...nothing });
  }

  #answered(index: number, from: IpAddress, rtt: Millis, kind: IcmpReportKind | 'reached'): void {
    const probe = this.#probes[index];
    if (probe?.state !== 'waiting') return;
    probe.state = 'answered';
    probe.from = from;
    probe.rtt = rtt;
    probe.reached = kind === 'reached';
    if (kind !== 'reached' && kind !== 'time-exceeded') probe.reason = kind;
    if (kind !== 'time-exceeded') {
      const hop = this.#options.firstHop + Math.floor(index / this.#options.probes);
      this.#lastHop = Math.min(this.#lastHop, hop);
    }
    this.#isNoted = true;
  }

  /** Tells of all hops whose probes are settled, in order. */
  #tell(): void {
    const { firstHop, probes } = this.#options;
    while (this.#nextHop <= this.#lastHop) {
      const first = (this.#nextHop - firstHop) * probes;
      const ofHop = this.#probes.slice(first, first + probes);
      if (ofHop.length < probes || ofHop.some((probe) => probe.state === 'waiting')) return;
      this.#observer.hop(hopOf(this.#nextHop++, ofHop));
    }
    this.close();
    this.#observer.ended();
  }
}

function hopOf(hop: number, probes: readonly Probe[]): Hop {
  const answered = probes.filter((probe) => probe.state === 'answered');
  const addresses: IpAddress[] = [];
  for (const { from } of answered)
    if (from && !addresses.some((known) => known.equals(from))) addresses.push(from);
  return {
    hop,
    addresses,
    rtts: answered.map(({ rtt }) => rtt),
    lost: probes.length - answered.length,
    reached: answered.some(({ reached }) => reached),
    reason: answered.find(({ reason }) => reason)?.reason,
  };
}

function echoCarrier(ping: PingSocket, { size, tos }: TraceOptions, answered: Answered): Carrier {
  ping.observer = {
    reply: ({ sequence, from, rtt }) => answered(sequence, from, rtt, 'reached'),
    error: ({ sequence, from, rtt, kind }) => answered(sequence, from, rtt, kind),
  };
  return {
    send: (index, ttl, now) => ping.send(index, size, { ttl, tos }, now),
    close: () => ping.close(),
  };
}

/** Each probe goes to a port of its own, by which it is known again. */
function udpCarrier(
  binding: UdpBinding,
  remote: IpAddress,
  { size, tos }: TraceOptions,
  answered: Answered,
): Carrier {
  const sentAt: Instant[] = [];
  const data = new Uint8Array(size);
  binding.observer = {
    readable: () => {
      // Somebody does listen there, and answers.
      for (let message = binding.receive(); message; message = binding.receive()) {
        const index = message.remote.port - FIRST_UDP_PORT;
        if (message.remote.address.equals(remote))
          answered(index, remote, message.at - (sentAt[index] ?? message.at), 'reached');
      }
    },
    failed: () => {},
    reported: ({ kind, from, at, remote: to }) => {
      const index = to.port - FIRST_UDP_PORT;
      if (!to.address.equals(remote)) return;
      const isThere = kind === 'refused' && from.equals(remote);
      answered(index, from, at - (sentAt[index] ?? at), isThere ? 'reached' : kind);
    },
  };
  return {
    send: (index, ttl, now) => {
      sentAt[index] = now;
      binding.send(
        data,
        { address: remote, port: FIRST_UDP_PORT + index },
        { ttl, ...(tos !== undefined && { tos }) },
      );
    },
    close: () => binding.close(),
  };
}
