import type { TunnelError, TunnelErrorCode } from '../../src/core/errors.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../src/core/netstack/tcp/listener.ts';
import type { TcpOptions } from '../../src/core/netstack/tcp/state.ts';
import { CONSTANTS } from './constants.ts';

const ERROR_NAMES: Partial<Record<TunnelErrorCode, string>> = {
  ERR_CONNECTION_REFUSED: 'ECONNREFUSED',
  ERR_CONNECTION_RESET: 'ECONNRESET',
  ERR_TIMEOUT: 'ETIMEDOUT',
  ERR_HOST_UNREACHABLE: 'EHOSTUNREACH',
  ERR_ADDRESS_IN_USE: 'EADDRINUSE',
  ERR_NO_ROUTE: 'ENETUNREACH',
  ERR_MESSAGE_TOO_LONG: 'EMSGSIZE',
};

/** The name of the error a POSIX program would see. */
export function errorName({ code }: TunnelError): string {
  return ERROR_NAMES[code] ?? code;
}

/** A TCP socket as a POSIX program has it, on top of what the stack offers. */
export class StreamSocket {
  readonly options: TcpOptions = {};
  isNonBlocking = false;
  /** The last write said that more was to follow (MSG_MORE). */
  hasMore = false;
  local: { port: number; isAny: boolean } | undefined;
  listener: TcpListener | undefined;
  connection: TcpConnection | undefined;
  /** Connections that can be accepted. */
  waiting = 0;
  /** `connect` was called and has not been told yet how it went. */
  isConnecting = false;
  linger: { on: boolean; seconds: number } = { on: false, seconds: 0 };
  /** Values of options that are only remembered. */
  readonly remembered = new Map<string, number>();
  /** Where in the streams the program is. */
  written = 0;
  read = 0;
  isReadShut = false;
  isWriteShut = false;
  /** An error that no call has reported yet. */
  #error: string | undefined;
  #hasEnded = false;
  /** A write was refused, and there was no word of room since. */
  #isFull = false;
  /** Something happened that an edge-triggered epoll must tell. */
  readonly edges = new Set<() => void>();
  /** What has been looked at (MSG_PEEK) and not been read: the stack itself knows no such thing. */
  #held = new Uint8Array(0);

  adopt(connection: TcpConnection): void {
    this.connection = connection;
    connection.observer = {
      connected: () => this.#happened(),
      readable: () => this.#happened(),
      writable: () => {
        this.#isFull = false;
        this.#happened();
      },
      closed: (error) => {
        this.#hasEnded = true;
        // A peer that has said goodbye already and resets afterwards: nobody reads what we write.
        if (error)
          this.#error =
            error.code === 'ERR_CONNECTION_RESET' && connection.readEnded ? 'EPIPE' : errorName(error);
        this.#happened();
      },
    };
    if (connection.state === 'CLOSED' || connection.state === 'TIME-WAIT') {
      this.#hasEnded = true;
      if (connection.error) this.#error = errorName(connection.error as TunnelError);
    }
  }

  listen(listener: TcpListener): void {
    this.listener = listener;
    listener.observer = {
      acceptable: () => {
        this.waiting++;
        this.#happened();
      },
    };
  }

  /** The pending error, once. */
  takeError(): string | undefined {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isEstablished(): boolean {
    const state = this.connection?.state;
    return state !== undefined && state !== 'SYN-SENT' && state !== 'SYN-RECEIVED' && !this.#hasEnded;
  }

  /** Bytes that can be read now. */
  get readableBytes(): number {
    return this.#held.length + (this.connection?.readableBytes ?? 0);
  }

  /** All has been read, and there will be no more. */
  get readEnded(): boolean {
    return this.#held.length === 0 && this.connection?.readEnded === true;
  }

  /** Bytes that stay, `length` at most. */
  peek(length: number): Uint8Array {
    const missing = Math.min(length - this.#held.length, this.connection!.readableBytes);
    if (missing > 0) {
      const more = new Uint8Array(missing);
      this.connection!.readInto(more);
      this.#held = Uint8Array.from([...this.#held, ...more]);
    }
    return this.#held.slice(0, length);
  }

  take(length: number): Uint8Array {
    const bytes = this.peek(length);
    this.#held = this.#held.slice(bytes.length);
    return bytes;
  }

  /** Bytes taken; the rest waits. */
  write(bytes: Uint8Array): number {
    const taken = this.connection!.write(bytes);
    this.written += taken;
    if (taken < bytes.length) this.#isFull = true;
    return taken;
  }

  /** POLL… bits that hold now. */
  readiness(): number {
    const { POLLIN, POLLOUT, POLLERR, POLLHUP, POLLRDHUP } = CONSTANTS as Record<string, number>;
    if (this.listener) return this.waiting > 0 ? POLLIN! : 0;
    const { connection } = this;
    if (!connection) return POLLOUT! | POLLHUP!;
    let bits = 0;
    const isPeerDone = this.readEnded || this.#hasEnded || this.isReadShut;
    if (this.readableBytes > 0 || isPeerDone) bits |= POLLIN!;
    if (isPeerDone) bits |= POLLRDHUP!;
    if (this.#error !== undefined) bits |= POLLERR!;
    if (this.#hasEnded || (isPeerDone && this.isWriteShut)) bits |= POLLHUP!;
    const hasRoom = !this.#isFull && connection.writableBytes > 0;
    if (this.#hasEnded || this.isWriteShut || (this.isEstablished && hasRoom)) bits |= POLLOUT!;
    return bits;
  }

  #happened(): void {
    for (const tell of this.edges) tell();
  }
}
