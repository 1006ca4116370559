import type { TunnelError } from '../../errors.ts';
import { type Instant, NEVER, type Pollable } from '../../time.ts';
import type { TcpConnection } from '../tcp/connection.ts';

/** `closed`: the host itself said so. `filtered`: nobody answered, or somebody on the way forbids it. */
export type PortState = 'open' | 'closed' | 'filtered';

/**
 * Whether somebody listens on a TCP port, by connecting to it; a connection that comes about is reset at once. `found`
 * is told once, within a poll: it must only take note.
 */
export class PortCheck implements Pollable {
  readonly #connection: TcpConnection;
  readonly #expiresAt: Instant;
  readonly #found: (state: PortState) => void;
  #state: PortState | undefined;
  #isOver = false;

  constructor(connection: TcpConnection, expiresAt: Instant, found: (state: PortState) => void) {
    this.#connection = connection;
    this.#expiresAt = expiresAt;
    this.#found = found;
    connection.observer = {
      connected: () => this.#note('open'),
      readable: () => {},
      writable: () => {},
      closed: (error) => this.#note(stateAfter(error)),
    };
  }

  /** Gives up without a result. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.observer = undefined;
    this.#connection.abort();
  }

  pollAt(): Instant {
    if (this.#isOver) return NEVER;
    return this.#state ? 0 : this.#expiresAt;
  }

  poll(now: Instant): void {
    if (this.pollAt() > now) return;
    this.close();
    this.#found(this.#state ?? 'filtered');
  }

  #note(state: PortState): void {
    this.#state ??= state;
  }
}

/** A reset comes from the host; an ICMP message, which the error names as its cause, from whoever guards it. */
function stateAfter(error: TunnelError | undefined): PortState {
  const isReset = error?.code === 'ERR_CONNECTION_REFUSED' && error.cause === undefined;
  return isReset ? 'closed' : 'filtered';
}
