import { type Endpoint, printEndpoint } from '../core/endpoint.ts';
import { TunnelError } from '../core/errors.ts';
import type { Instant, Millis } from '../core/time.ts';
import { Backoff } from './backoff.ts';
import type { RelayTransportHost, WebSocketLike } from './relay-host.ts';
import { UnmarkedBacklog } from './unmarked-backlog.ts';
import { type WstunnelServer, wstunnelProtocols } from './wstunnel-protocol.ts';

const CONNECT_TIMEOUT: Millis = 10_000;

export interface PipeOwner {
  readonly host: RelayTransportHost;
  readonly servers: readonly WstunnelServer[];
  now(): Instant;
  opened(pipe: WstunnelPipe): void;
  received(pipe: WstunnelPipe, data: unknown): void;
  /** Something of what it tells is different. */
  changed(): void;
}

/** One endpoint behind a wstunnel server: a WebSocket of its own, which the server joins to a UDP socket of its own. */
export class WstunnelPipe implements Endpoint {
  readonly host: string;
  readonly port: number;
  readonly #owner: PipeOwner;
  phase: 'idle' | 'connecting' | 'open' | 'waiting' | 'closed' = 'idle';
  error: TunnelError | undefined;
  retryAt: Instant = 0;
  /** The newest handshake initiation, while there is no connection: the next would come in five seconds. */
  held: Uint8Array<ArrayBuffer> | undefined;
  hasBeenOpen = false;
  #socket: WebSocketLike | undefined;
  #backlog: UnmarkedBacklog | undefined;
  #server = 0;
  readonly #backoff: Backoff;
  #openedAt: Instant = 0;
  #timer: unknown;

  constructor(host: string, port: number, owner: PipeOwner) {
    this.host = host;
    this.port = port;
    this.#owner = owner;
    this.#backoff = new Backoff(owner.host.random);
  }

  get server(): WstunnelServer {
    return this.#owner.servers[this.#server]!;
  }

  /** More waits in the WebSocket than should: data has to wait, or is lost. */
  get isFull(): boolean {
    return this.#backlog?.isFull ?? false;
  }

  get queuedBytes(): number {
    return this.#backlog?.bytes ?? 0;
  }

  /** One message, one datagram: there is nothing to batch. */
  send(datagram: Uint8Array<ArrayBuffer>): void {
    this.#socket!.send(datagram);
    this.#backlog!.sent();
  }

  connect(): void {
    this.#setTimer(undefined);
    this.phase = 'connecting';
    const { host } = this.#owner;
    const id = Math.floor(host.random() * 2 ** 48).toString(16);
    let socket: WebSocketLike;
    try {
      socket = host.connect(this.server.url, wstunnelProtocols(this, id));
    } catch {
      // The page's security policy forbids it (mixed content, connect-src).
      this.#lost();
      return;
    }
    this.#socket = socket;
    this.#backlog = new UnmarkedBacklog(socket, () => this.#owner.now());
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }: { data: unknown }) => this.#owner.received(this, data);
    socket.onclose = () => this.#lost();
    socket.onerror = () => {};
    this.#setTimer(() => this.#lost(), CONNECT_TIMEOUT);
    this.#owner.changed();
  }

  close(): void {
    this.#detach()?.close(1000);
    this.phase = 'closed';
    this.held = undefined;
  }

  #opened(): void {
    this.#setTimer(undefined);
    this.phase = 'open';
    this.error = undefined;
    this.#openedAt = this.#owner.now();
    if (this.held !== undefined) this.send(this.held);
    this.held = undefined;
    this.#owner.opened(this);
    this.hasBeenOpen = true;
    this.#owner.changed();
  }

  #lost(): void {
    const wasOpen = this.phase === 'open';
    this.#detach()?.close();
    if (wasOpen) this.#backoff.lost(this.#owner.now() - this.#openedAt);
    this.error = wasOpen ? this.#broke() : this.#refused();
    this.#server = (this.#server + 1) % this.#owner.servers.length;
    const delay = this.#backoff.next();
    this.phase = 'waiting';
    this.retryAt = this.#owner.now() + delay;
    this.#setTimer(() => this.connect(), delay);
    this.#owner.changed();
  }

  #detach(): WebSocketLike | undefined {
    const socket = this.#socket;
    if (socket !== undefined) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = this.#backlog = undefined;
    this.#setTimer(undefined);
    return socket;
  }

  /** The server has one answer to all that it does not like, and browsers do not show even that. */
  #refused(): TunnelError {
    return new TunnelError(
      'ERR_RELAY_UNREACHABLE',
      `No way through the wstunnel server at ${this.server.shown} to ${printEndpoint(this)}: check that it runs, that the path is its prefix, and that its restrictions allow this destination; it does not say which.`,
      { leg: 'relay', retryable: true },
    );
  }

  #broke(): TunnelError {
    return new TunnelError(
      'ERR_RELAY_UNREACHABLE',
      `The wstunnel server at ${this.server.shown} ended the connection to ${printEndpoint(this)}; it does so when nobody listens there.`,
      { leg: 'relay', retryable: true },
    );
  }

  #setTimer(run: (() => void) | undefined, delay: Millis = 0): void {
    const { host } = this.#owner;
    host.clearTimer(this.#timer);
    this.#timer = run && host.setTimer(run, delay);
  }
}
