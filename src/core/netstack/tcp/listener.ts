import type { IpAddress, SocketAddress } from '../../address.ts';
import type { Instant } from '../../time.ts';
import type { TcpConnection } from './connection.ts';
import type { TcpOptions } from './state.ts';
import type { Tcb } from './tcb.ts';

/** What a listener asks of the layer it belongs to. */
export interface ListenerContext {
  /** The application's side of an established connection. */
  connectionOf(tcb: Tcb): TcpConnection;
  stopListening(listener: TcpListener): void;
}

/** LISTEN: keeps what came of SYNs until someone accepts it. (What comes before is in passive-open.ts.) */
export class TcpListener {
  readonly local: SocketAddress;
  /** Connections that may be half open, and that may wait to be accepted. */
  readonly backlog: number;
  /** What records of half-open connections know it by; given by Listeners. */
  number = 0;
  /** When a SYN was last answered by a cookie, because it could not be remembered. */
  cookieSentAt: Instant = Number.NEGATIVE_INFINITY;
  /** Whether any address of ours will do. */
  readonly isWildcard: boolean;
  readonly options: TcpOptions;
  /** Must only take note. */
  observer: { acceptable(): void } | undefined;
  readonly #context: ListenerContext;
  readonly #isDualStack: boolean;
  /** Established and not accepted yet. */
  readonly #waiting: Tcb[] = [];

  constructor(
    context: ListenerContext,
    local: SocketAddress,
    backlog: number,
    isWildcard: boolean,
    isDualStack: boolean,
    options: TcpOptions,
  ) {
    this.#context = context;
    this.local = local;
    this.backlog = backlog;
    this.isWildcard = isWildcard;
    this.#isDualStack = isDualStack;
    this.options = options;
  }

  /** The oldest connection nobody has taken yet. It may have been closed, or reset, by its peer meanwhile. */
  accept(): TcpConnection | undefined {
    const tcb = this.#waiting.shift();
    if (!tcb) return undefined;
    tcb.listener = undefined;
    return this.#context.connectionOf(tcb);
  }

  /** Connections that are half open or have not been accepted are reset at the next poll; accepted ones live on. */
  close(): void {
    this.#context.stopListening(this);
    for (const tcb of this.#waiting) this.#context.connectionOf(tcb).abort();
    this.#waiting.length = 0;
  }

  /** Whether a segment to `address` is for this listener. */
  takes(address: IpAddress): boolean {
    if (!this.isWildcard) return this.local.address.equals(address);
    return this.#isDualStack || this.local.address.version === address.version;
  }

  /** Whether both could be meant by one segment. */
  overlaps(other: TcpListener): boolean {
    if (!this.isWildcard && !other.isWildcard) return this.local.address.equals(other.local.address);
    // A wildcard leaves listeners on single addresses their own.
    if (!this.isWildcard || !other.isWildcard) return false;
    return (
      this.#isDualStack || other.#isDualStack || this.local.address.version === other.local.address.version
    );
  }

  /** Whether one more established connection may wait. */
  get hasRoom(): boolean {
    return this.#waiting.length < this.backlog;
  }

  /** It waits to be accepted from now on, even if its peer resets it: its application shall see how it ended. */
  established(tcb: Tcb): void {
    this.#waiting.push(tcb);
    this.observer?.acceptable();
  }
}
