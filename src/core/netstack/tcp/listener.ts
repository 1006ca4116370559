import type { IpAddress, SocketAddress } from '../../address.ts';
import type { TcpConnection } from './connection.ts';
import type { TcpOptions } from './state.ts';
import type { Tcb } from './tcb.ts';

/** Half-open connections one source may have, as a part of the backlog. */
const PER_SOURCE = 4;

/** What a listener asks of the layer it belongs to. */
export interface ListenerContext {
  /** The application's side of an established connection. */
  connectionOf(tcb: Tcb): TcpConnection;
  stopListening(listener: TcpListener): void;
}

/** LISTEN: waits for SYNs and keeps what came of them until someone accepts it. */
export class TcpListener {
  readonly local: SocketAddress;
  /** Whether any address of ours will do. */
  readonly isWildcard: boolean;
  readonly options: TcpOptions;
  /** Must only take note. */
  observer: { acceptable(): void } | undefined;
  readonly #context: ListenerContext;
  readonly #backlog: number;
  readonly #isDualStack: boolean;
  /** In SYN-RECEIVED. */
  readonly #halfOpen = new Set<Tcb>();
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
    this.#backlog = backlog;
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

  /** Connections that have not been accepted are reset; accepted ones live on. */
  close(): void {
    this.#context.stopListening(this);
    for (const tcb of [...this.#halfOpen, ...this.#waiting]) this.#context.connectionOf(tcb).abort();
    this.#halfOpen.clear();
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
    return this.#waiting.length < this.#backlog;
  }

  /** Whether a SYN from `source` may become a half-open connection. */
  mayOpen(source: IpAddress): boolean {
    if (this.#halfOpen.size >= this.#backlog) return false;
    const share = Math.max(1, Math.floor(this.#backlog / PER_SOURCE));
    if (this.#halfOpen.size < share) return true;
    let count = 0;
    for (const tcb of this.#halfOpen) if (tcb.remote.address.equals(source)) count++;
    return count < share;
  }

  halfOpened(tcb: Tcb): void {
    tcb.listener = this;
    this.#halfOpen.add(tcb);
  }

  established(tcb: Tcb): void {
    this.#halfOpen.delete(tcb);
    this.#waiting.push(tcb);
    this.observer?.acceptable();
  }

  /** A half-open connection came to nothing. An established one stays, so that its application sees how it ended. */
  forget(tcb: Tcb): void {
    this.#halfOpen.delete(tcb);
  }
}
