import type { Clock } from './clock.ts';
import type { Endpoint } from './endpoint.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { type Instant, NEVER, type Pollable } from './time.ts';
import type { DatagramReceiver, DatagramTransport, TransportState } from './transport.ts';
import type { TunnelCore } from './tunnel.ts';
import { REJECT_AFTER_TIME } from './wireguard/constants.ts';

/** Whoever hosts the driver: told after each poll, so that it can hand over what the sockets took note of. */
export interface DriverHost {
  /** Moves bytes between sockets and the application. May write to and read from connections. */
  afterPoll(now: Instant): void;
  transportState(state: TransportState): void;
  /** We slept longer than sessions last: whatever has a connection should make a new one. */
  slept(): void;
}

/** One settle polls at most this often, so that a busy tunnel cannot keep the thread for itself. */
const MAX_ROUNDS = 8;

/**
 * The loop: a clock, a transport, a tunnel. Everything that happens (a batch of datagrams, a timer, a call from the
 * application) ends in `settle`: what is due is done, what is queued leaves in one batch, one timer is armed.
 */
export class Driver implements DatagramReceiver {
  readonly #clock: Clock;
  readonly #transport: DatagramTransport;
  readonly #tunnel: TunnelCore;
  readonly #host: DriverHost;
  /** Others with deadlines: pings, opening sockets. */
  readonly #others = new Set<Pollable>();
  /** The batch's one `now`; undefined between batches. */
  #batchNow: Instant | undefined;
  /** When we last settled. */
  #settledAt: Instant | undefined;
  #settling = false;
  #closed = false;

  constructor(clock: Clock, transport: DatagramTransport, tunnel: TunnelCore, host: DriverHost) {
    this.#clock = clock;
    this.#transport = transport;
    this.#tunnel = tunnel;
    this.#host = host;
    transport.receiver = this;
  }

  now(): Instant {
    return this.#batchNow ?? this.#clock.now();
  }

  add(pollable: Pollable): void {
    this.#others.add(pollable);
  }

  remove(pollable: Pollable): void {
    this.#others.delete(pollable);
  }

  receiveDatagram(datagram: PacketBuffer, from: Endpoint): void {
    if (this.#closed) return;
    if (this.#batchNow === undefined) {
      this.#batchNow = this.#clock.now();
      this.#tunnel.catchUp(this.#batchNow);
    }
    this.#tunnel.receiveDatagram(datagram, from, this.#batchNow);
  }

  endBatch(): void {
    this.settle();
    this.#batchNow = undefined;
  }

  reconnected(): void {
    if (this.#closed) return;
    this.#tunnel.reconnected(this.now());
    this.settle();
  }

  handshakeNeeded(endpoint: Endpoint): void {
    if (this.#closed) return;
    this.#tunnel.handshakeNeeded(endpoint, this.now());
    this.settle();
  }

  uncongested(): void {
    this.settle();
  }

  transportState(state: TransportState): void {
    this.#host.transportState(state);
  }

  /** Does what is due, lets the sockets hand over, sends the batch, arms the timer. */
  readonly settle = (): void => {
    if (this.#closed || this.#settling) return;
    this.#settling = true;
    try {
      this.#pollAll(this.now());
      this.#transport.flush();
    } finally {
      this.#settling = false;
    }
    if (!this.#closed) this.#clock.wakeAt(this.#pollAt(), this.settle);
  };

  #pollAll(now: Instant): void {
    if (now - (this.#settledAt ?? now) > REJECT_AFTER_TIME) this.#host.slept();
    this.#settledAt = now;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.#tunnel.poll(now);
      for (const other of this.#others) if (other.pollAt() <= now) other.poll(now);
      this.#host.afterPoll(now);
      if (this.#tunnel.pollAt() > now) return;
    }
  }

  close(): void {
    this.#closed = true;
    this.#transport.receiver = undefined;
    this.#transport.flush();
    this.#transport.close();
    this.#clock.wakeAt(NEVER, this.settle);
  }

  #pollAt(): Instant {
    let at = this.#tunnel.pollAt();
    for (const other of this.#others) at = Math.min(at, other.pollAt());
    return at;
  }
}
