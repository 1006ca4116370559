import type { Port } from '../bridge/channel.ts';
import { toPlainError } from '../bridge/errors.ts';
import { CHUNK_BYTES, type StreamMessage, StreamPort } from '../bridge/stream-port.ts';
import { TunnelError } from '../core/errors.ts';
import type { TcpConnection } from '../core/netstack/tcp/connection.ts';
import type { TcpObserver } from '../core/netstack/tcp/state.ts';
import { type Instant, NEVER, type Pollable } from '../core/time.ts';
import type { Drainable, Noted } from './noted.ts';

/** What a pipe needs of the service it lives in. */
export interface PipeHost {
  readonly noted: Noted;
  /** Lets the driver do what the pipe just caused. */
  settle(): void;
  /** The pipe is over. */
  finished(pipe: TcpPipe): void;
}

/**
 * One TCP connection ⇄ one port to the page. Backpressure is nothing but credit and the TCP window: the page gives
 * credit for what its reader takes, we give credit for the send buffer's room.
 */
export class TcpPipe implements TcpObserver, Drainable, Pollable {
  readonly id: number;
  readonly connection: TcpConnection;
  readonly #host: PipeHost;
  readonly #port: StreamPort;
  /** Credit we gave the page and that it has not used yet. */
  #creditGiven = 0;
  /** What the page sent and the send buffer could not take after all (its limit may shrink under granted credit). */
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isConnected = false;
  #pageEnded = false;
  #pageStopped = false;
  #endSent = false;
  #shutdownDone = false;
  #closedBy: { error: TunnelError | undefined } | undefined;
  #isFinished = false;
  #openBy: Instant = NEVER;
  #opening: { resolve: () => void; reject: (error: TunnelError) => void } | undefined;

  constructor(id: number, connection: TcpConnection, port: Port, host: PipeHost) {
    this.id = id;
    this.connection = connection;
    this.#host = host;
    this.#port = new StreamPort(port, (message) => this.#receive(message));
    connection.observer = this;
    this.#isConnected = connection.state !== 'SYN-SENT' && connection.state !== 'SYN-RECEIVED';
    host.noted.note(this);
  }

  /** Resolves when the connection is established; rejects when it fails or `openBy` passes first. */
  opened(openBy: Instant): Promise<void> {
    this.#openBy = openBy;
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
    });
  }

  // As TcpObserver: takes note, nothing more.
  connected(): void {
    this.#isConnected = true;
    this.#host.noted.note(this);
  }

  readable(): void {
    this.#host.noted.note(this);
  }

  writable(): void {
    this.#host.noted.note(this);
  }

  closed(error?: TunnelError): void {
    this.#closedBy = { error };
    this.#host.noted.note(this);
  }

  // As Pollable: the time limit for opening.
  pollAt(): Instant {
    return this.#openBy;
  }

  poll(now: Instant): void {
    if (now < this.#openBy) return;
    const { address, port } = this.connection.remote;
    this.#fail(
      new TunnelError('ERR_TIMEOUT', `No connection to ${address} port ${port} within the given time.`, {
        retryable: true,
        leg: 'inside',
      }),
    );
  }

  drain(): void {
    if (this.#isFinished) return;
    if (this.#closedBy && !this.#isConnected) {
      this.#fail(
        this.#closedBy.error ??
          new TunnelError('ERR_CLOSED', 'The connection was closed before it was open.'),
      );
      return;
    }
    if (!this.#isConnected) return;
    this.#settleOpening();
    if (!this.#closedBy) this.#takeFromPage();
    this.#giveToPage();
    this.#holdBack();
    this.#finishWhenOver();
  }

  /**
   * The tunnel is closing. The page is told, and answers with `end` behind everything that it wrote before; then TCP
   * delivers that and finishes.
   */
  endOfTunnel(): void {
    const error = new TunnelError('ERR_CLOSED', 'The tunnel was closed.');
    if (!this.#isConnected) {
      this.#fail(error);
      return;
    }
    this.#pageStopped = true;
    this.#port.sendError(toPlainError(error));
    this.#host.noted.note(this);
  }

  #receive(message: StreamMessage): void {
    if (this.#isFinished) return;
    switch (message.type) {
      case 'data':
        this.#creditGiven -= message.bytes.length;
        this.#waiting.push(message.bytes);
        this.#waitingBytes += message.bytes.length;
        break;
      case 'credit':
        break;
      case 'end':
        this.#pageEnded = true;
        break;
      case 'stop':
        this.#pageStopped = true;
        break;
      case 'error':
      case 'abort':
        this.connection.abort();
        this.#finish();
        break;
    }
    this.#host.noted.note(this);
    this.#host.settle();
  }

  #settleOpening(): void {
    this.#openBy = NEVER;
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  #takeFromPage(): void {
    while (this.#waiting.length > 0) {
      const bytes = this.#waiting[0]!;
      const taken = this.connection.write(bytes);
      this.#waitingBytes -= taken;
      if (taken < bytes.length) {
        this.#waiting[0] = bytes.subarray(taken);
        break;
      }
      this.#waiting.shift();
    }
    if (this.#pageEnded) {
      if (this.#waiting.length === 0 && !this.#shutdownDone) {
        this.#shutdownDone = true;
        this.connection.shutdown();
      }
      return;
    }
    const room = this.connection.writableBytes - this.#creditGiven - this.#waitingBytes;
    if (room > 0 && room >= this.#creditStep) {
      this.#creditGiven += room;
      this.#port.giveCredit(room);
    }
    this.connection.awaitRoom();
  }

  /** Room is told to the page when it is worth a whole chunk, so that it never sends crumbs. */
  get #creditStep(): number {
    return Math.min(CHUNK_BYTES, this.connection.mostWritableBytes / 2);
  }

  #giveToPage(): void {
    const { connection } = this;
    while (connection.readableBytes > 0) {
      if (this.#isEarly) return;
      const limit = this.#pageStopped ? CHUNK_BYTES : Math.min(this.#port.credit, CHUNK_BYTES);
      if (limit <= 0) return;
      const bytes = new Uint8Array(Math.min(connection.readableBytes, limit));
      connection.readInto(bytes);
      if (!this.#pageStopped) this.#port.sendData(bytes);
    }
    if (connection.readEnded && !this.#endSent) {
      this.#endSent = true;
      this.#port.sendEnd();
    }
  }

  /** Where the application chose how much may wait to be read, what waits in the page is part of it. */
  #holdBack(): void {
    if (this.connection.isReceiveBufferFixed)
      this.connection.heldBytes = this.#pageStopped ? 0 : this.#port.unread;
  }

  /** The page has something to read still, and what there is for it is small: it gets more at once when it gives credit. */
  get #isEarly(): boolean {
    if (this.#pageStopped || this.#closedBy || this.connection.readEnded) return false;
    return this.connection.readableBytes < CHUNK_BYTES && this.#port.unread > CHUNK_BYTES;
  }

  #finishWhenOver(): void {
    const { connection } = this;
    if (this.#closedBy) {
      // Bytes that arrived before a reset are delivered before the reset is told.
      if (connection.readableBytes > 0 && !this.#pageStopped) return;
      if (this.#closedBy.error) this.#port.sendError(toPlainError(this.#closedBy.error));
      else if (!this.#endSent) this.#port.sendEnd();
      this.#finish();
    } else if (this.#shutdownDone && (this.#endSent || this.#pageStopped)) {
      // Nobody here will read or write any more: TCP finishes alone.
      this.#finish();
    }
  }

  #fail(error: TunnelError): void {
    if (this.#isFinished) return;
    if (this.#opening) this.#opening.reject(error);
    else this.#port.sendError(toPlainError(error));
    this.#opening = undefined;
    this.connection.abort();
    this.#finish();
  }

  /** Leaves the connection to TCP, which delivers what was written. Until `close`, it would keep unread bytes. */
  #finish(): void {
    this.#isFinished = true;
    this.connection.observer = undefined;
    this.connection.close();
    this.#openBy = NEVER;
    this.#opening?.reject(new TunnelError('ERR_CLOSED', 'The connection was closed before it was open.'));
    this.#opening = undefined;
    this.#waiting.length = 0;
    this.#port.close();
    this.#host.finished(this);
  }
}
