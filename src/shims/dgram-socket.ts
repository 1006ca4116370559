import { Buffer } from 'buffer';
import type { UdpTuning } from '../bridge/api.ts';
import type { ReceivedUDPMessage } from '../client/udp-message.ts';
import type { UDPSocket, UDPSocketOpenInfo, UDPSocketOptions } from '../client/udp-socket.ts';
import { IpAddress, unmapped } from '../core/address.ts';
import { tunnelOf } from './default-tunnel.ts';
import { type GroupCall, Memberships, membershipOf, sourceMembershipOf } from './dgram-groups.ts';
import { type DatagramSocketOptions, datagramOptionsOf } from './dgram-options.ts';
import { type SendCallback, sendingOf } from './dgram-send.ts';
import { addressesOf, lookup } from './dns-lookup.ts';
import { checkPort, codedError, invalidArgType, systemError, toSystemError } from './errors.ts';
import { isIP } from './ip.ts';
import { nextTick } from './next-tick.ts';
import type { AddressInfo } from './socket.ts';
import { EventEmitter } from './streams.ts';

/** Who sent a datagram, and how long it is in bytes. */
export interface RemoteInfo {
  /** As text. */
  address: string;
  /** Of the address. */
  family: 'IPv4' | 'IPv6';
  /** 1 to 65535. */
  port: number;
  /** Bytes of the datagram. */
  size: number;
}

interface BindOptions {
  port?: number;
  address?: string;
  exclusive?: boolean;
}

interface Remote {
  address: string;
  port: number;
}

/** The largest payload that UDP has (RFC 768), less an IPv4 header; Linux's limit. */
const MAX_PAYLOAD = 65_507;

/** Node's dgram.Socket over a UDP socket of the tunnel. */
export class DatagramSocket extends EventEmitter {
  /** As it was created. */
  readonly type: 'udp4' | 'udp6';
  readonly #options: DatagramSocketOptions;
  #state: 'new' | 'binding' | 'bound' | 'closed' = 'new';
  #socket: UDPSocket | undefined;
  #info: UDPSocketOpenInfo | undefined;
  #reader: ReadableStreamDefaultReader<ReceivedUDPMessage> | undefined;
  #remote: Remote | undefined;
  #connecting = false;
  readonly #memberships = new Memberships();
  #queuedBytes = 0;
  #queuedCount = 0;

  /** The listener is for 'message'. Throws ERR_SOCKET_BAD_TYPE. */
  constructor(options: 'udp4' | 'udp6' | DatagramSocketOptions, listener?: (...message: never[]) => void) {
    super();
    this.#options = datagramOptionsOf(options);
    this.type = this.#options.type;
    if (listener) this.on('message', listener as (...message: unknown[]) => void);
    const { signal } = this.#options;
    if (signal?.aborted) nextTick(() => this.close());
    else signal?.addEventListener('abort', () => this.#state !== 'closed' && this.close(), { once: true });
  }

  /** ([port][, address][, callback]) or (options[, callback]); 'listening' when it is done. */
  bind(...args: unknown[]): this {
    this.#checkOpen();
    if (this.#state !== 'new') throw codedError(Error, 'ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound');
    const callback = args.find((arg) => typeof arg === 'function') as (() => void) | undefined;
    const [first, second] = args.filter((arg) => typeof arg !== 'function');
    const options: BindOptions =
      typeof first === 'object' && first !== null
        ? first
        : { port: first as number, address: second as string };
    const port = checkPort(options.port ?? 0);
    if (callback) this.once('listening', callback);
    this.#state = 'binding';
    this.#bind(options.address || undefined, port).catch((error: Error) => {
      if (this.#state !== 'binding') return;
      this.#state = 'new';
      this.emit('error', error);
    });
    return this;
  }

  /**
   * From now on datagrams go to and come from there only; 'connect' when it is known where that is. That nobody listens
   * there is an 'error' (ECONNREFUSED) after something was sent.
   */
  connect(port: number, address?: string | (() => void), callback?: () => void): void {
    this.#checkOpen();
    const to = checkPort(port, 'Port', { allowsZero: false });
    const done = typeof address === 'function' ? address : callback;
    const host = typeof address === 'string' ? address : undefined;
    if (this.#remote || this.#connecting)
      throw codedError(Error, 'ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected');
    if (done) this.once('connect', done);
    this.#connecting = true;
    this.#whenBound()
      .then(() => this.#addressOf(host))
      .then((found) => {
        this.#connecting = false;
        if (this.#state === 'closed') return;
        this.#heed({ address: this.#written(found), port: to });
        this.emit('connect');
      })
      .catch((error: Error) => {
        this.#connecting = false;
        if (done) this.removeListener('connect', done);
        this.emit('error', error);
      });
  }

  /** Goes back to many partners. Throws ERR_SOCKET_DGRAM_NOT_CONNECTED. */
  disconnect(): void {
    this.#checkOpen();
    if (!this.#remote) throw notConnected();
    this.#heed(undefined);
  }

  /** See sendingOf. Without a callback, a failure is an 'error'. A socket that is not bound binds itself. */
  send(...args: unknown[]): void {
    this.#checkOpen();
    const { bytes, to, callback } = sendingOf(args, this.#remote !== undefined || this.#connecting);
    this.#queuedBytes += bytes.length;
    this.#queuedCount++;
    this.#send(bytes, to)
      .finally(() => {
        this.#queuedBytes -= bytes.length;
        this.#queuedCount--;
      })
      .then(
        () => tell(callback, null, bytes.length),
        (error: Error) => {
          if (callback) tell(callback, error);
          else if (this.#state !== 'closed') nextTick(() => this.emit('error', error));
        },
      );
  }

  /** 'close' when it is; all else throws ERR_SOCKET_DGRAM_NOT_RUNNING from now on. */
  close(callback?: () => void): this {
    if (callback) this.once('close', callback);
    this.#checkOpen();
    this.#state = 'closed';
    this.#remote = undefined;
    const [socket, reader] = [this.#socket, this.#reader];
    this.#socket = this.#info = this.#reader = undefined;
    reader?.cancel().catch(() => {});
    reader?.releaseLock();
    socket?.close().catch(() => {});
    nextTick(() => this.emit('close'));
    return this;
  }

  /** Our end. Throws EBADF before it is bound. */
  address(): AddressInfo {
    this.#checkOpen();
    if (!this.#info) throw systemError('EBADF', 'getsockname');
    return { address: this.#info.localAddress, family: this.#family, port: this.#info.localPort };
  }

  /** To whom it is connected. Throws ERR_SOCKET_DGRAM_NOT_CONNECTED. */
  remoteAddress(): AddressInfo {
    this.#checkOpen();
    if (!this.#remote) throw notConnected();
    return { address: this.#remote.address, family: this.#family, port: this.#remote.port };
  }

  /** Sending to a broadcast address is meant. This and the next three throw EBADF before the socket is bound. */
  setBroadcast(flag: boolean): void {
    this.#tune('setBroadcast', { broadcast: Boolean(flag) });
  }

  /** Hop limit of what goes to one host, 1 to 255. Throws EINVAL. */
  setTTL(ttl: number): number {
    this.#tune('setTTL', { ttl: octet('setTTL', ttl, 1) });
    return ttl;
  }

  /** Hop limit of what goes to a group, 0 to 255. Throws EINVAL. */
  setMulticastTTL(ttl: number): number {
    this.#tune('setMulticastTTL', { multicastTtl: octet('setMulticastTTL', ttl, 0) });
    return ttl;
  }

  /** Whether sockets of this tunnel hear what is sent to a group that they joined. */
  setMulticastLoopback(flag: boolean): boolean {
    this.#tune('setMulticastLoopback', { multicastLoopback: Boolean(flag) });
    return flag;
  }

  /** A tunnel is one interface: there is no other to choose. Throws EINVAL for what is no address, EBADF before it is bound. */
  setMulticastInterface(multicastInterface: string): void {
    this.#checkOpen();
    if (typeof multicastInterface !== 'string')
      throw invalidArgType('interfaceAddress', 'of type string', multicastInterface);
    if (!isIP(multicastInterface)) throw systemError('EINVAL', 'setMulticastInterface');
    if (!this.#socket) throw systemError('EBADF', 'setMulticastInterface');
  }

  /**
   * The group is heard from now on, by way of the tunnel whatever the interface. Throws EINVAL, EADDRINUSE; more groups than
   * there is room for are an 'error'.
   */
  addMembership(group: string, multicastInterface?: string): void {
    this.#changeGroup(membershipOf('addMembership', group), multicastInterface);
  }

  /** The group is heard no more. Throws EINVAL, EADDRNOTAVAIL, as the next two do. */
  dropMembership(group: string, multicastInterface?: string): void {
    this.#changeGroup(membershipOf('dropMembership', group), multicastInterface);
  }

  /** Of the group, what this source sends (RFC 4607). */
  addSourceSpecificMembership(source: string, group: string, multicastInterface?: string): void {
    this.#changeGroup(sourceMembershipOf('addSourceSpecificMembership', source, group), multicastInterface);
  }

  /** That source is heard no more. */
  dropSourceSpecificMembership(source: string, group: string, multicastInterface?: string): void {
    this.#changeGroup(sourceMembershipOf('dropSourceSpecificMembership', source, group), multicastInterface);
  }

  /** Bytes, as the options said; the stack's own bounds hold. All four throw ERR_SOCKET_BUFFER_SIZE before it is bound. */
  getRecvBufferSize(): number {
    this.#checkBound('uv_recv_buffer_size');
    return this.#options.recvBufferSize ?? 212_992;
  }

  /** Bytes, likewise. */
  getSendBufferSize(): number {
    this.#checkBound('uv_send_buffer_size');
    return this.#options.sendBufferSize ?? 212_992;
  }

  /** Bytes; a hint. */
  setRecvBufferSize(size: number): void {
    checkSize(size);
    this.#checkBound('uv_recv_buffer_size');
    this.#options.recvBufferSize = size;
  }

  /** Bytes; a hint. */
  setSendBufferSize(size: number): void {
    checkSize(size);
    this.#checkBound('uv_send_buffer_size');
    this.#options.sendBufferSize = size;
  }

  /** Bytes that wait to leave. */
  getSendQueueSize(): number {
    return this.#queuedBytes;
  }

  /** Datagrams that wait to leave. */
  getSendQueueCount(): number {
    return this.#queuedCount;
  }

  /** Does nothing: nothing keeps a page alive. */
  ref(): this {
    return this;
  }

  /** Likewise. */
  unref(): this {
    return this;
  }

  /** `close`, as a promise. */
  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => (this.#state === 'closed' ? resolve() : this.close(resolve)));
  }

  get #family(): 'IPv4' | 'IPv6' {
    return this.type === 'udp6' ? 'IPv6' : 'IPv4';
  }

  /** As the system writes it: to a socket of IPv6, IPv4 is a part of it (RFC 4291 §2.5.5.2). */
  #written(text: string): string {
    const address = IpAddress.parse(text);
    if (!address) return text;
    const plain = unmapped(address);
    return this.type === 'udp6' && plain.version === 4 ? `::ffff:${plain}` : String(address);
  }

  #checkOpen(): void {
    if (this.#state === 'closed') throw codedError(Error, 'ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running');
  }

  #checkBound(syscall: string): void {
    this.#checkOpen();
    if (this.#socket) return;
    const message = `Could not get or set buffer size: ${syscall} returned EBADF (bad file descriptor)`;
    const { errno } = systemError('EBADF', syscall);
    throw Object.assign(codedError(Error, 'ERR_SOCKET_BUFFER_SIZE', message), { errno, syscall });
  }

  /** For all that is sent after it: the engine hears of it in the same order. */
  #tune(syscall: string, options: UdpTuning): void {
    this.#checkOpen();
    if (!this.#socket) throw systemError('EBADF', syscall);
    // Fails only with the socket, which says so itself.
    this.#socket.tune(options).catch(() => {});
  }

  #heed(remote: Remote | undefined): void {
    this.#remote = remote;
    this.#socket?.heed(remote, (reason) => {
      const error = toSystemError(reason, 'recvmsg');
      nextTick(() => this.#remote && this.#remote === remote && this.emit('error', error));
    });
  }

  async #bind(host: string | undefined, port: number): Promise<void> {
    const { ipv6Only, reuseAddr } = this.#options;
    const wildcard = this.type === 'udp6' ? '::' : '0.0.0.0';
    // Node says what became of it when the caller has had the time to listen.
    await Promise.resolve();
    const tunnel = tunnelOf(this.#options);
    const address = host === undefined ? wildcard : await this.#addressOf(host, 'bind');
    const options: UDPSocketOptions = {
      localAddress: address,
      ...(port > 0 && { localPort: port }),
      ...(address === '::' && ipv6Only && { ipv6Only }),
      ...(reuseAddr && { multicastAllowAddressSharing: true }),
    };
    const socket = new tunnel.UDPSocket(options);
    let info: UDPSocketOpenInfo;
    try {
      info = await socket.opened;
    } catch (reason) {
      throw toSystemError(reason, 'bind', { address, ...(port > 0 && { port }) });
    }
    if (this.#state === 'closed') {
      socket.close().catch(() => {});
      return;
    }
    this.#socket = socket;
    this.#info = info;
    this.#state = 'bound';
    void this.#receive(info);
    this.emit('listening');
  }

  /** Binds to any port, if nobody has bound it. */
  async #whenBound(): Promise<void> {
    if (this.#state === 'new') this.bind();
    if (this.#state !== 'binding') return;
    await new Promise<void>((resolve, reject) => {
      const done = (settle: () => void) => () => {
        this.removeListener('listening', onListening);
        this.removeListener('close', onClose);
        settle();
      };
      const onListening = done(resolve);
      const onClose = done(() => reject(codedError(Error, 'ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running')));
      this.once('listening', onListening);
      this.once('close', onClose);
    });
  }

  async #send(bytes: Buffer, to: { port: number; address: string | undefined } | undefined): Promise<void> {
    await this.#whenBound();
    const remote = to ? { address: await this.#addressOf(to.address), port: to.port } : this.#remote;
    if (!remote) throw notConnected();
    const { address, port } = remote;
    if (bytes.length > MAX_PAYLOAD) throw systemError('EMSGSIZE', 'send', { address, port });
    try {
      await this.#socket?.send({
        data: bytes as Buffer<ArrayBuffer>,
        remoteAddress: address,
        remotePort: port,
      });
    } catch (reason) {
      throw toSystemError(reason, 'send', { address, port });
    }
  }

  async #receive({ readable }: UDPSocketOpenInfo): Promise<void> {
    const reader = (this.#reader = readable.getReader());
    const socket = this.#socket;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#socket !== socket) break;
        const { data, remoteAddress = '', remotePort: port = 0 } = value;
        const address = this.#written(remoteAddress);
        if (this.#remote && (this.#remote.address !== address || this.#remote.port !== port)) continue;
        const rinfo: RemoteInfo = { address, family: this.#family, port, size: data.length };
        nextTick(() =>
          this.emit('message', Buffer.from(data.buffer, data.byteOffset, data.byteLength), rinfo),
        );
      }
    } catch (reason) {
      if (this.#socket === socket) this.emit('error', toSystemError(reason, 'recvmsg'));
    }
  }

  /** The address of a host in this socket's family; of none, this host. */
  async #addressOf(host: string | undefined, syscall?: 'bind'): Promise<string> {
    const family = this.type === 'udp6' ? 6 : 4;
    if (host === undefined || host === '') return family === 6 ? '::1' : '127.0.0.1';
    const ask = this.#options.lookup ?? lookup;
    const { tunnel } = this.#options;
    const [address] = await addressesOf(host, { family, all: false, tunnel }, ask, () => {});
    if (address!.includes(':') !== (family === 6))
      throw systemError('EINVAL', syscall ?? 'send', { address });
    return address!;
  }

  /** The engine hears of it in the same order as of what is sent. What it has no room for is an 'error'. */
  #changeGroup(call: GroupCall, on: string | undefined): void {
    this.#checkOpen();
    if (this.#state === 'new') this.bind();
    if (!this.#memberships.change(call, this.type === 'udp6' ? 6 : 4, on)) return;
    const { syscall, group, source } = call;
    const action = syscall.startsWith('add') ? 'join' : 'leave';
    const change = () => this.#socket?.changeGroup(action, group, source);
    (this.#socket ? change() : this.#whenBound().then(change))?.catch(
      (reason: unknown) => this.#state !== 'closed' && this.emit('error', toSystemError(reason, syscall)),
    );
  }
}

function tell(callback: SendCallback | undefined, error: Error | null, bytes?: number): void {
  if (callback) nextTick(() => (error ? callback(error) : callback(null, bytes)));
}

function notConnected(): Error {
  return codedError(Error, 'ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected');
}

/** What fits an octet; of what is no whole number, what Node makes of it. */
function octet(syscall: string, ttl: number, least: number): number {
  if (typeof ttl !== 'number') throw invalidArgType('ttl', 'of type number', ttl);
  const value = ttl | 0;
  if (value < least || value > 255) throw systemError('EINVAL', syscall);
  return value;
}

function checkSize(size: number): void {
  if (size !== size >>> 0)
    throw codedError(TypeError, 'ERR_SOCKET_BAD_BUFFER_SIZE', 'Buffer size must be a positive integer');
}
