import { Buffer } from 'buffer';
import {
  type ConnectListener,
  type ConnectOptions,
  connectArguments,
  type Destination,
  destinationOf,
} from './connect-options.ts';
import { tunnelOf } from './default-tunnel.ts';
import { addressesOf, lookup } from './dns-lookup.ts';
import {
  checkCallback,
  codedError,
  connectError,
  connectErrors,
  invalidArgType,
  type SystemError,
  systemError,
  toSystemError,
  tunnelErrorOf,
} from './errors.ts';
import { IdleTimer } from './idle-timer.ts';
import { familyOf, isIP } from './ip.ts';
import { nextTick } from './next-tick.ts';
import { Duplex } from './streams.ts';
import { type Handle, TcpHandle } from './tcp-handle.ts';

/** What the constructor takes, under Node's names. */
export interface SocketOptions {
  /** Default false: when the other side ends, so do we. */
  allowHalfOpen?: boolean;
  /** See setNoDelay. */
  noDelay?: boolean;
  /** See setKeepAlive. */
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
  /** Bytes that may wait in the stream on either side. */
  highWaterMark?: number;
  /** Destroys the socket. */
  signal?: AbortSignal;
}

/** One end, as Node describes it. */
export interface AddressInfo {
  /** As text. */
  address: string;
  /** Of the address. */
  family: 'IPv4' | 'IPv6';
  /** 1 to 65535. */
  port: number;
}

type Callback = (error?: Error | null) => void;

/** What Linux probes after if nobody says anything else, in milliseconds. */
const KEEP_ALIVE_DELAY = 7_200_000;

/** Node's net.Socket over a TCP connection of the tunnel. */
export class Socket extends Duplex {
  /** From `connect` until 'connect' or the end. */
  connecting = false;
  /** @internal As in Node: the name that was connected to. */
  _host: string | null = null;
  /** As `setTimeout` was told; 0 is none. */
  timeout = 0;
  /** Bytes that came. */
  bytesRead = 0;
  /** Of a name with several addresses that a `lookup` of the caller's gave: those that were tried so far, `address:port`. */
  autoSelectFamilyAttemptedAddresses: string[] | undefined;
  #handle: Handle | undefined;
  /** Of the connection that is not there yet. */
  #opening: AbortController | undefined;
  #bytesDispatched = 0;
  #isPumping = false;
  /** Something was written in this turn. */
  #isGathering = false;
  /** `_read` was called since the last push. */
  #wantsMore = false;
  #noDelay: boolean;
  #keepAliveDelay: number;
  readonly #idle = new IdleTimer(() => this.emit('timeout'));

  /** Not connected yet; see `connect`. */
  constructor(options: SocketOptions = {}) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      ...(options.highWaterMark !== undefined && { highWaterMark: options.highWaterMark }),
      ...(options.signal && { signal: options.signal }),
      // 'close' says whether there was an error: it is ours to emit.
      emitClose: false,
      autoDestroy: true,
    });
    this.#noDelay = options.noDelay ?? false;
    this.#keepAliveDelay = keepAliveOf(options.keepAlive ?? false, options.keepAliveInitialDelay);
  }

  /**
   * 'lookup' for a name, 'connect' and 'ready' when it is there, or 'error' (ECONNREFUSED, ETIMEDOUT, ENOTFOUND …). Throws for
   * options that are none.
   */
  connect(options: ConnectOptions, listener?: ConnectListener): this;
  connect(port: number | string, listener?: ConnectListener): this;
  connect(port: number | string, host: string, listener?: ConnectListener): this;
  connect(...args: unknown[]): this {
    const [options, listener] = connectArguments(args);
    const destination = destinationOf(options);
    if (this.destroyed || this.writableEnded) this.#beginAnew();
    if (listener) this.once('connect', listener);
    if (options.noDelay !== undefined) this.#noDelay = options.noDelay;
    if (options.keepAlive !== undefined)
      this.#keepAliveDelay = keepAliveOf(options.keepAlive, options.keepAliveInitialDelay);
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    this.connecting = true;
    this._host = isIP(destination.host) === 0 ? destination.host : null;
    this.#idle.touch();
    const opening = new AbortController();
    this.#opening = opening;
    this.#open(options, destination, opening).catch((error: Error) => {
      if (this.#opening === opening) this.destroy(error);
    });
    return this;
  }

  /** @internal A connection that a server accepted. */
  adopt(handle: Handle, { pauseOnConnect = false } = {}): this {
    this.#attach(handle);
    if (!pauseOnConnect) this.read(0);
    return this;
  }

  /** Not connected yet, or no more. */
  get pending(): boolean {
    return this.#handle === undefined || this.connecting;
  }

  /** Which directions are open. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Bytes that were written, also those that wait. */
  get bytesWritten(): number {
    return this.#bytesDispatched + (this.destroyed ? 0 : this.writableLength);
  }

  /** Node's, deprecated: what waits to be written, in bytes. */
  get bufferSize(): number {
    return this.writableLength;
  }

  /** The other end; undefined without a connection, as all five below are. */
  get remoteAddress(): string | undefined {
    return this.#handle?.remote.address;
  }

  /** The other end. */
  get remotePort(): number | undefined {
    return this.#handle?.remote.port;
  }

  /** The other end. */
  get remoteFamily(): 'IPv4' | 'IPv6' | undefined {
    return this.#handle && familyOf(this.#handle.remote.address);
  }

  /** Our end. */
  get localAddress(): string | undefined {
    return this.#handle?.local.address;
  }

  /** Our end. */
  get localPort(): number | undefined {
    return this.#handle?.local.port;
  }

  /** Our end. */
  get localFamily(): 'IPv4' | 'IPv6' | undefined {
    return this.#handle && familyOf(this.#handle.local.address);
  }

  /** Our end; empty while there is none. */
  address(): AddressInfo | Record<string, never> {
    if (!this.#handle) return {};
    const { address, port } = this.#handle.local;
    return { address, family: familyOf(address), port };
  }

  /** Milliseconds of silence until 'timeout', which only tells; 0 for never. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    if (this.destroyed) return this;
    if (typeof milliseconds !== 'number') throw invalidArgType('msecs', 'of type number', milliseconds);
    if (!(milliseconds >= 0 && Number.isFinite(milliseconds)))
      throw codedError(
        RangeError,
        'ERR_OUT_OF_RANGE',
        `The value of "msecs" is out of range. It must be a non-negative finite number. Received ${milliseconds}`,
      );
    checkCallback(listener);
    this.timeout = milliseconds;
    this.#idle.set(milliseconds);
    if (listener && milliseconds === 0) this.removeListener('timeout', listener);
    else if (listener) this.once('timeout', listener);
    return this;
  }

  /** A small write does not wait for the acknowledgement of the one before (Nagle). */
  setNoDelay(noDelay = true): this {
    this.#noDelay = Boolean(noDelay);
    this.#handle?.tune({ noDelay: this.#noDelay });
    return this;
  }

  /** `initialDelay` in milliseconds; 0 leaves it as it is. */
  setKeepAlive(enable = false, initialDelay = 0): this {
    this.#keepAliveDelay = keepAliveOf(Boolean(enable), initialDelay);
    this.#handle?.tune({ keepAliveDelay: this.#keepAliveDelay });
    return this;
  }

  /** Nothing keeps a page alive, and in Node a tunnel does it for all its sockets. */
  ref(): this {
    return this;
  }

  /** Likewise. */
  unref(): this {
    return this;
  }

  /** As soon as all is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  /** Ends the connection with a reset. */
  resetAndDestroy(): this {
    if (this.connecting) this.once('connect', () => this.#reset());
    else if (this.#handle) this.#reset();
    else this.destroy(socketClosed());
    return this;
  }

  /** @internal Of the stream. */
  override _read(): void {
    this.#wantsMore = true;
    if (this.connecting || !this.#handle) this.once('connect', () => this._read());
    else if (!this.#isPumping) void this.#pump(this.#handle);
  }

  /**
   * What is written in one turn leaves together: of a message that a program writes in parts, the second would wait for the
   * first to be acknowledged (Nagle), and the peer with that for the second.
   */
  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    if (!this.#isGathering && this.#handle && !this.connecting) {
      this.#isGathering = true;
      this.cork();
      nextTick(() => {
        this.#isGathering = false;
        this.uncork();
      });
    }
    return super.write(chunk, encoding as BufferEncoding, callback as Callback);
  }

  /** What was written before is sent, as in Node, where it has left by now. */
  override destroy(error?: Error): this {
    if (this.#isGathering) this.uncork();
    return super.destroy(error);
  }

  /** @internal Of the stream. */
  override _write(chunk: Uint8Array, _encoding: string, callback: Callback): void {
    this.#send(chunk, callback);
  }

  /** @internal What was corked leaves together. */
  override _writev(chunks: { chunk: Uint8Array }[], callback: Callback): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback);
  }

  /** @internal Of the stream. */
  override _final(callback: Callback): void {
    if (this.connecting) {
      this.once('connect', () => this._final(callback));
      return;
    }
    if (!this.#handle) {
      callback();
      return;
    }
    this.#handle.end().then(
      () => callback(),
      (reason: unknown) => callback(toSystemError(reason, 'shutdown')),
    );
  }

  /** @internal Of the stream. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.connecting = false;
    this.#idle.stop();
    const wasBegun = this.#opening !== undefined || this.#handle !== undefined;
    this.#opening?.abort();
    this.#opening = undefined;
    const handle = this.#handle;
    this.#handle = undefined;
    handle?.close();
    callback(error);
    // After the error, which the line before has put in its turn. Like Node, it says nothing of what never was.
    nextTick(() => this.emit('close', ...(wasBegun ? [Boolean(error)] : [])));
  }

  /** As Node does, for those who connect a socket again that was closed. */
  #beginAnew(): void {
    (this as unknown as { _undestroy(): void })._undestroy();
    this.#bytesDispatched = this.bytesRead = 0;
  }

  async #open(options: ConnectOptions, destination: Destination, opening: AbortController): Promise<void> {
    const { host, port, family, attemptTimeout, local } = destination;
    // What the caller does wrong it is told after it has had the time to listen for errors.
    await Promise.resolve();
    const tunnel = tunnelOf(options);
    const candidates = await this.#candidates(options, destination);
    const [first, ...more] = candidates;
    if (more.length > 0) this.autoSelectFamilyAttemptedAddresses = [];
    const failures: Error[] = [];
    for (const [index, candidate] of candidates.entries()) {
      const isLast = index === candidates.length - 1;
      // What the engine finds out by itself is told when it is over: which address of a name, and whether ours is one.
      const isToldFirst = isIP(candidate) !== 0 && local.localAddress === undefined;
      this.autoSelectFamilyAttemptedAddresses?.push(`${candidate}:${port}`);
      if (isToldFirst) this.#toldOfAttempt(candidate, port);
      if (opening.signal.aborted) return;
      try {
        // No packet could ask for it; a system refuses it by itself.
        if (port === 0) throw systemError('ECONNREFUSED', 'connect', { address: candidate });
        const socket = new tunnel.TCPSocket(candidate, port, {
          ...local,
          noDelay: this.#noDelay,
          ...(this.#keepAliveDelay > 0 && { keepAliveDelay: this.#keepAliveDelay }),
          // As in Node, what is an address counts, whatever its family.
          ...(family !== 0 && isIP(candidate) === 0 && { dnsQueryType: `ipv${family}` as const }),
          ...(!isLast && { timeout: attemptTimeout }),
          signal: opening.signal,
        });
        const handle = new TcpHandle(socket, await socket.opened);
        const { address } = handle.remote;
        this.#opened(handle, opening, () => {
          if (isIP(candidate) === 0) this.#told(null, address, host);
          if (!isToldFirst) this.#toldOfAttempt(address, port);
        });
        return;
      } catch (reason) {
        if (opening.signal.aborted) return;
        if (isNotOurs(reason)) throw bindError(local.localAddress!, candidate, reason);
        if (isInUse(reason) && !isToldFirst) this.#toldOfAttempt(candidate, port);
        if (isInUse(reason)) throw takenError(candidate, port, local, reason);
        const errors = connectErrors(reason, candidate, port) as SystemError[];
        if (first === host && isIP(host) === 0) this.#toldOfNames(errors, host);
        failures.push(...errors);
        for (const error of errors) {
          if (!isToldFirst && error.syscall === 'connect') this.#toldOfAttempt(error.address!, port);
          this.#toldOfFailure(error, port, { isOnly: candidates.length + errors.length === 2, isLast });
        }
      }
    }
    throw connectError(failures);
  }

  /** The addresses to be tried, or the name, of which the engine tries all at once (RFC 8305). */
  async #candidates(
    options: ConnectOptions,
    { host, family, triesAll, local }: Destination,
  ): Promise<string[]> {
    const isOneOnly = !triesAll && (family === 0 || local.localAddress !== undefined);
    const ask = options.lookup ?? (isOneOnly ? lookup : undefined);
    if (!ask || isIP(host) !== 0) return [host];
    const question = { family, all: triesAll, tunnel: options.tunnel };
    const addresses = await addressesOf(host, question, ask, (error, address) =>
      this.#told(error, address, host),
    );
    return triesAll ? interleaved(addresses) : addresses.slice(0, 1);
  }

  /** Of a name that the engine looked up: no address, or those that it tried. */
  #toldOfNames(failures: readonly Error[], host: string): void {
    for (const failure of failures) {
      const { syscall, address } = failure as Partial<SystemError>;
      if (syscall === 'getaddrinfo') this.#told(failure, undefined, host);
      else if (isIP(address) !== 0) this.#told(null, address, host);
    }
  }

  /** `told` is what a listener hears before 'connect', and may have had enough of. */
  #opened(handle: Handle, opening: AbortController, told: () => void): void {
    if (this.#opening === opening && !this.destroyed) told();
    if (this.#opening !== opening || this.destroyed) {
      handle.close();
      return;
    }
    this.#attach(handle);
    // Its signal would reset the connection from now on.
    this.#opening = undefined;
    this.#announce();
  }

  #announce(): void {
    this.connecting = false;
    this.emit('connect');
    this.emit('ready');
    if (this.readable && !this.isPaused()) this.read(0);
  }

  #attach(handle: Handle): void {
    this.#handle = handle;
    this.#idle.touch();
  }

  #toldOfAttempt(address: string, port: number): void {
    if (!this.destroyed) this.emit('connectionAttempt', address, port, isIP(address));
  }

  #toldOfFailure(
    error: SystemError,
    port: number,
    { isOnly, isLast }: { isOnly: boolean; isLast: boolean },
  ): void {
    const { code, syscall, address } = error;
    // Without a route the system's call fails at once; where there is no other address, Node makes nothing more of it.
    if (this.destroyed || syscall !== 'connect' || (isOnly && code === 'ENETUNREACH')) return;
    if (!isLast && code === 'ETIMEDOUT') this.emit('connectionAttemptTimeout', address, port, isIP(address));
    else this.emit('connectionAttemptFailed', address, port, isIP(address), error);
  }

  #told(error: Error | null, address: string | undefined, host: string): void {
    if (this.destroyed) return;
    this.emit('lookup', error, address, address && (familyOf(address) === 'IPv6' ? 6 : 4), host);
  }

  /** One write of the stream. Before there is a connection, it waits for it. */
  #send(bytes: Uint8Array, callback: Callback): void {
    if (this.connecting) {
      const connected = () => {
        this.removeListener('close', closed);
        this.#send(bytes, callback);
      };
      const closed = () =>
        callback(
          codedError(
            Error,
            'ERR_SOCKET_CLOSED_BEFORE_CONNECTION',
            'Socket closed before the connection was established',
          ),
        );
      this.once('connect', connected);
      this.once('close', closed);
      return;
    }
    if (!this.#handle) {
      callback(socketClosed());
      return;
    }
    this.#idle.touch();
    this.#bytesDispatched += bytes.length;
    this.#handle.write(bytes).then(
      () => {
        this.#idle.touch();
        callback();
      },
      (reason: unknown) => callback(toSystemError(reason, 'write')),
    );
  }

  /** Reads for as long as the stream takes it. */
  async #pump(handle: Handle): Promise<void> {
    this.#isPumping = true;
    try {
      for (;;) {
        const bytes = await handle.read();
        if (this.#handle !== handle) return;
        this.#idle.touch();
        if (!bytes) break;
        this.bytesRead += bytes.length;
        this.#wantsMore = false;
        const takesMore = this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        if (this.#handle !== handle || !(takesMore || this.#wantsMore)) return;
      }
      this.push(null);
      this.read(0);
    } catch (reason) {
      if (this.#handle === handle) this.destroy(toSystemError(reason, 'read'));
    } finally {
      this.#isPumping = false;
    }
  }

  #reset(): void {
    this.#handle?.reset();
    this.destroy();
  }
}

function isInUse(reason: unknown): boolean {
  return tunnelErrorOf(reason)?.code === 'ERR_ADDRESS_IN_USE';
}

function isNotOurs(reason: unknown): boolean {
  return tunnelErrorOf(reason)?.reason === 'not-ours';
}

/** As bind(2) fails: an address that is not the tunnel's, or of another family than where it leads. */
function bindError(address: string, remote: string, cause: unknown): Error {
  const code = isIP(address) === isIP(remote) ? 'EADDRNOTAVAIL' : 'EINVAL';
  return systemError(code, 'bind', { address }, cause);
}

/** The same connection is there already. */
function takenError(address: string, port: number, local: Destination['local'], cause: unknown): Error {
  const error = systemError('EADDRNOTAVAIL', 'connect', { address, port }, cause);
  error.message += ` - Local (${local.localAddress ?? '0.0.0.0'}:${local.localPort})`;
  return error;
}

/** One of each family in turn, beginning with the first's, as Node tries them. */
function interleaved(addresses: readonly string[]): string[] {
  const first = isIP(addresses[0]);
  const ours = addresses.filter((address) => isIP(address) === first);
  const others = addresses.filter((address) => isIP(address) !== first);
  const longest = Math.max(ours.length, others.length);
  return Array.from({ length: longest }, (_, i) => [ours[i], others[i]])
    .flat()
    .filter((address) => address !== undefined);
}

function keepAliveOf(isOn: boolean, delay = 0): number {
  // Milliseconds that are whole seconds, as the system takes them; fewer than one are none, which is the system's choice.
  const seconds = Math.floor(delay / 1000);
  return isOn ? (seconds > 0 ? seconds * 1000 : KEEP_ALIVE_DELAY) : 0;
}

function socketClosed(): Error {
  return codedError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed');
}
