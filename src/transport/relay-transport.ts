// Datagrams through a relay: one WebSocket, one channel per endpoint (relay/PROTOCOL.md). Read `send` for the way
// out, `#receiveMessage` for the way in; the rest is about connections that come and go.
import type { Clock } from '../core/clock.ts';
import { DropCounters } from '../core/counters.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { TunnelError } from '../core/errors.ts';
import { type EngineMemory, PacketBuffer } from '../core/packet-buffer.ts';
import type { Instant, Millis } from '../core/time.ts';
import type {
  DatagramReceiver,
  DatagramTransport,
  TransportDropReason,
  TransportState,
} from '../core/transport.ts';
import {
  CLOSE_SESSION_OVER,
  CLOSE_TOKEN,
  CLOSED,
  CONTROL_CHANNEL,
  type Control,
  EVENT,
  EVENT_NEED_HANDSHAKE,
  EVENT_UNREACHABLE,
  GOAWAY,
  OPENED,
  PING,
  PONG,
  RecordReader,
  readControl,
  SUBPROTOCOL,
  TICKET,
  WELCOME,
  writeControl,
} from '../core/wire/relay.ts';
import { RelayChannels } from './relay-channels.ts';
import { askRelay } from './relay-check.ts';
import type { RelayEndpoint } from './relay-endpoints.ts';
import {
  afterClose,
  connectionLost,
  endpointRefuses,
  refusedConnection,
  unreachable,
} from './relay-errors.ts';
import { checkUrl, platformHost, type RelayTransportHost, type WebSocketLike } from './relay-host.ts';
import { RelaySuccessor } from './relay-successor.ts';
import { RelayTicket } from './relay-ticket.ts';
import { RelayToken, type TokenSource, tokenMissing } from './relay-token.ts';
import { Uplink } from './uplink.ts';

export type { RelayTransportHost, WebSocketLike };

export interface RelayTransportOptions {
  /** `ws:` or `wss:` URLs of equal relays, in the order in which they are tried. */
  readonly urls: readonly string[];
  readonly memory: EngineMemory;
  readonly clock: Clock;
  /** Endpoints may call first, where the relay allows it. */
  readonly listens?: boolean;
  readonly token?: TokenSource | undefined;
  readonly host?: Partial<RelayTransportHost>;
}

const INITIATION = 1;
const DATA = 4;
const KEEPALIVE_LENGTH = 32;

/** Until WELCOME says otherwise. */
const DEFAULT_MAX_DATAGRAM = 2048;

const FIRST_BACKOFF: Millis = 250;
const MAX_BACKOFF: Millis = 30_000;
/** With a ticket, so many more attempts are made before the backoff grows: TCP inside waits twice as long each time. */
const QUICK_ATTEMPTS = 6;
/** A connection that lasted this long was a good one: the next backoff starts small. */
const STABLE_AFTER: Millis = 5000;
const CONNECT_TIMEOUT: Millis = 10_000;
/** A token may need its user to log in somewhere. */
const TOKEN_TIMEOUT: Millis = 120_000;
const PING_INTERVAL: Millis = 20_000;
const PONG_TIMEOUT: Millis = 10_000;
/** After a hint that the network changed, a living relay answers sooner than this. */
const PROBE_TIMEOUT: Millis = 3000;
/** And usually sooner than this: then we see whether a new connection is faster. */
const MOVE_AFTER: Millis = 500;
/** What is still on its way on a connection that we left arrives within this, or not in time. */
const RETIRE_AFTER: Millis = 2000;
const FROZEN: Millis = 2000;
/**
 * A relay that answers is heard each PING_INTERVAL. After more silence than WireGuard's sessions last (180 s) we slept, and
 * what the old connection may still hold was for sessions that are over.
 */
const SLEPT: Millis = 180_000;

type Phase = 'idle' | 'connecting' | 'open' | 'waiting' | 'failed' | 'closed';

export class RelayTransport implements DatagramTransport {
  receiver: DatagramReceiver | undefined;
  readonly drops = new DropCounters<TransportDropReason>();
  readonly #urls: readonly string[];
  readonly #memory: EngineMemory;
  readonly #clock: Clock;
  readonly #host: RelayTransportHost;
  readonly #channels: RelayChannels;
  readonly #uplink: Uplink;
  readonly #reader = new RecordReader();
  readonly #packet: PacketBuffer;
  /** Not a secret: lets a load balancer send all our connections to the same relay. */
  readonly #affinity: string;

  readonly #token: RelayToken;
  readonly #ticket = new RelayTicket();
  readonly #successor: RelaySuccessor;
  /** The relay is about to close. */
  #mustMove = false;
  /** The connection before this one, while something may still come from it. */
  #retired: { readonly socket: WebSocketLike; readonly timer: unknown } | undefined;

  #phase: Phase = 'idle';
  #socket: WebSocketLike | undefined;
  #openedAt: Instant = 0;
  #heardAt: Instant = 0;
  #hasBeenOpen = false;
  #urlIndex = 0;
  /** URLs that refuse us in a way that trying again does not cure. */
  readonly #refusals = new Map<string, TunnelError>();
  #attempts = 0;
  /** Counts connections begun, so that a token that comes too late finds out. */
  #attempt = 0;
  #error: TunnelError | undefined;
  #retryAt: Instant = 0;
  #retryNotBefore: Millis = 0;
  /** Connect timeout, backoff, or the next PING: never two of them at a time. */
  #timer: unknown;

  #maxDatagram = DEFAULT_MAX_DATAGRAM;

  #pingSentAt: Instant | undefined;
  #pingNonce = new Uint8Array(8);
  #rtt: Millis | undefined;

  /** Throws TunnelError ERR_CONFIG for what is no relay URL. */
  constructor(options: RelayTransportOptions) {
    this.#urls = options.urls.map(checkUrl);
    if (this.#urls.length === 0) throw new TunnelError('ERR_CONFIG', 'Name at least one relay.');
    this.#memory = options.memory;
    this.#clock = options.clock;
    this.#host = { ...platformHost(), ...options.host };
    this.#token = new RelayToken(options.token);
    this.#uplink = new Uplink(options.memory, options.clock, this.#host, () => this.receiver?.uncongested());
    this.#channels = this.#makeChannels(options.listens ?? false);
    this.#packet = new PacketBuffer(options.memory, options.memory.ingress);
    this.#successor = this.#makeSuccessor();
    this.#affinity = Math.floor(this.#host.random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0');
  }

  #makeChannels(listens: boolean): RelayChannels {
    const url = () => this.#url;
    const isConnected = () => this.#phase === 'open';
    return new RelayChannels(
      {
        get url() {
          return url();
        },
        get isConnected() {
          return isConnected();
        },
        now: () => this.#clock.now(),
        append: (channel, body) => this.#append(channel, body),
        flush: () => this.flush(),
        report: () => this.#report(),
        callAgain: (endpoint) => this.receiver?.handshakeNeeded(endpoint),
        setTimer: this.#host.setTimer,
        clearTimer: this.#host.clearTimer,
      },
      listens,
    );
  }

  #makeSuccessor(): RelaySuccessor {
    const { setTimer, clearTimer, random } = this.#host;
    return new RelaySuccessor({
      setTimer,
      clearTimer,
      random,
      // Without a ticket, moving would cost more than waiting for the end.
      dial: () => (this.#ticket.resume(this.#clock.now()) ? this.#newSocket([SUBPROTOCOL]) : undefined),
      follow: (socket) => this.#follow(socket),
      failed: () => {
        if (this.#phase === 'connecting') this.#retry(unreachable(this.#url), 0);
        return this.#phase === 'open';
      },
    });
  }

  /** While there is no connection, TCP waits instead of sending into the void. */
  get congested(): boolean {
    return this.#uplink.isFull || this.#phase === 'connecting' || this.#phase === 'waiting';
  }

  get takesShort(): boolean {
    return this.#phase === 'open' && this.#uplink.takesShort;
  }

  release(endpoint: Endpoint): void {
    this.#channels.release(endpoint as RelayEndpoint);
  }

  endpointFor(host: string, port: number): Endpoint {
    const endpoint = this.#channels.endpointFor(host, port);
    if (this.#phase === 'idle') this.#connect();
    return endpoint;
  }

  // ---- the way out

  send(datagram: PacketBuffer, to: Endpoint): void {
    const endpoint = to as RelayEndpoint;
    const { memory, start, end, length } = datagram;
    const isInitiation = memory[start] === INITIATION;
    if (this.#phase !== 'open') {
      this.#sendLater(endpoint, memory, start, end);
      return;
    }
    if (!endpoint.isOpen && !(isInitiation && this.#channels.reopen(endpoint))) {
      this.drops.count('no_endpoint');
      return;
    }
    if (length > this.#maxDatagram) {
      this.drops.count('too_big');
      return;
    }
    // Handshakes and keepalives always pass: behind a full queue the session would die as well.
    if (memory[start] === DATA && length > KEEPALIVE_LENGTH && this.#uplink.refusesData()) {
      this.drops.count('congested');
      return;
    }
    if (isInitiation) this.#channels.calling(endpoint);
    if (isInitiation && endpoint.listening === 'asked') endpoint.held = memory.slice(start, end);
    this.#append(endpoint.channel, memory, start, end);
  }

  flush(): void {
    this.#uplink.flush();
  }

  #append(channel: number, source: Uint8Array, start = 0, end = source.length): void {
    if (!this.#uplink.append(channel, source, start, end)) this.drops.count('too_big');
  }

  /** No connection: an initiation waits for one, because the next comes in five seconds; the rest is lost. */
  #sendLater(endpoint: RelayEndpoint, memory: Uint8Array, start: number, end: number): void {
    if (this.#phase === 'closed') return;
    if (memory[start] !== INITIATION || endpoint.channel === 0 || endpoint.held !== undefined)
      this.drops.count('not_connected');
    if (memory[start] === INITIATION) endpoint.held = memory.slice(start, end);
    if (this.#phase === 'idle') this.#connect();
  }

  // ---- the way in

  #receiveMessage(data: unknown): void {
    if (this.#hasSlept) {
      this.#connectAnew();
      return;
    }
    this.#heardAt = this.#clock.now();
    this.#receiveRecords(data, true);
  }

  /** From a connection that we left, only datagrams count. */
  #receiveRecords(data: unknown, isCurrent: boolean): void {
    const { bytes, ingress } = this.#memory;
    if (!(data instanceof ArrayBuffer) || data.byteLength > ingress.end - ingress.start) {
      this.drops.count('bad_message');
      return;
    }
    bytes.set(new Uint8Array(data), ingress.start);
    const reader = this.#reader;
    reader.begin(bytes, ingress.start, ingress.start + data.byteLength);
    let datagrams = 0;
    while (reader.next() && this.#phase === 'open') {
      if (reader.channel === CONTROL_CHANNEL) {
        const control = readControl(bytes, reader.start, reader.end);
        if (control === undefined) this.drops.count('bad_message');
        else if (control.type !== 0 && isCurrent) this.#receiveControl(control);
      } else if (this.#receiveDatagram(reader.channel, reader.start, reader.end)) {
        datagrams++;
      }
    }
    if (reader.malformed) this.drops.count('bad_message');
    if (datagrams > 0) this.receiver?.endBatch();
  }

  #receiveDatagram(channel: number, start: number, end: number): boolean {
    const endpoint = this.#channels.atChannel(channel);
    if (endpoint === undefined) {
      this.drops.count('unknown_channel');
      return false;
    }
    if (endpoint.problem !== undefined) this.#channels.setProblem(endpoint, undefined);
    endpoint.callingSince = undefined;
    this.#packet.place(start, end);
    this.receiver?.receiveDatagram(this.#packet, endpoint);
    return true;
  }

  #receiveControl(control: Control): void {
    switch (control.type) {
      case WELCOME:
        this.#token.accepted();
        this.#ticket.welcomed(control.secret);
        this.#maxDatagram = control.maxDatagram;
        return;
      case TICKET:
        this.#ticket.received(control.ticket, control.lifetimeSeconds, this.#clock.now());
        return;
      case OPENED:
        this.#channels.opened(control.channel, control.localPort);
        return;
      case CLOSED:
        this.#channels.closed(control.channel, control.code);
        return;
      case EVENT:
        this.#receiveEvent(control.channel, control.kind);
        return;
      case PONG:
        this.#receivePong(control.nonce);
        return;
      case GOAWAY:
        this.#retryNotBefore = Math.min(control.retryAfter, MAX_BACKOFF);
        this.#mustMove = control.reconnectWithin > 0;
        if (this.#mustMove) this.#successor.begin();
        return;
      default:
        // What only clients say, and what later versions add.
        return;
    }
  }

  #receiveEvent(channel: number, kind: number): void {
    const endpoint = this.#channels.atChannel(channel);
    if (endpoint === undefined) return;
    if (kind === EVENT_NEED_HANDSHAKE) this.receiver?.handshakeNeeded(endpoint);
    if (kind === EVENT_UNREACHABLE) this.#channels.setProblem(endpoint, endpointRefuses(endpoint));
  }

  // ---- connections

  /**
   * The network or the page is back, or someone is impatient: connect now, also after a long sleep; or find out whether
   * the relay still answers.
   */
  retryNow(): void {
    if (this.#phase === 'open') {
      this.#probe();
      return;
    }
    if (this.#phase !== 'waiting' && this.#phase !== 'failed') return;
    this.#attempts = 0;
    this.#refusals.clear();
    this.#connect();
  }

  close(): void {
    if (this.#phase === 'closed') return;
    const socket = this.#detach();
    this.#phase = 'closed';
    this.receiver = undefined;
    this.#successor.stop();
    this.#retire(undefined);
    socket?.close(1000);
  }

  get #url(): string {
    return this.#urls[this.#urlIndex]!;
  }

  #connect(): void {
    this.#setTimer(undefined);
    this.#phase = 'connecting';
    const attempt = ++this.#attempt;
    // A ticket stands for a token: nobody need be asked.
    if (!this.#token.isNeeded || this.#ticket.resume(this.#clock.now())) {
      this.#dial([SUBPROTOCOL]);
      return;
    }
    const isCurrent = () => attempt === this.#attempt && this.#phase === 'connecting';
    this.#setTimer(() => this.#retry(tokenMissing(this.#url), 0), TOKEN_TIMEOUT);
    this.#report();
    this.#token.protocols(this.#url).then(
      (protocols) => {
        if (isCurrent()) this.#dial(protocols);
      },
      (error: TunnelError) => {
        if (!isCurrent()) return;
        if (error.retryable) this.#retry(error, 0);
        else this.#refused(this.#url, error);
      },
    );
  }

  #dial(protocols: string[]): void {
    let socket: WebSocketLike;
    try {
      socket = this.#newSocket(protocols);
    } catch (error) {
      // The page's security policy forbids it (mixed content, connect-src).
      this.#retry(unreachable(this.#url, error), 0);
      return;
    }
    this.#attach(socket);
    socket.onopen = () => this.#opened();
    this.#setTimer(() => this.#abandon(), CONNECT_TIMEOUT);
    this.#report();
  }

  #newSocket(protocols: string[]): WebSocketLike {
    const socket = this.#host.connect(`${this.#url}?r=${this.#affinity}`, protocols);
    socket.binaryType = 'arraybuffer';
    return socket;
  }

  #attach(socket: WebSocketLike): void {
    this.#socket = socket;
    this.#uplink.attach(socket);
    socket.onmessage = ({ data }: { data: unknown }) => this.#receiveMessage(data);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.#lost(code, reason);
    // What went wrong, browsers do not say; `close` follows.
    socket.onerror = () => {};
  }

  /** A second connection is open. The relay hands our session over to it; what the first one has in it still arrives. */
  #follow(socket: WebSocketLike): void {
    if (this.#phase === 'open') {
      this.flush();
      this.#retire(this.#detach());
    }
    this.#attach(socket);
    this.#opened();
  }

  #retire(socket: WebSocketLike | undefined): void {
    if (this.#retired !== undefined) {
      this.#host.clearTimer(this.#retired.timer);
      this.#retired.socket.onmessage = this.#retired.socket.onclose = null;
      this.#retired.socket.close(1000);
    }
    this.#retired = undefined;
    if (socket === undefined) return;
    socket.onmessage = ({ data }: { data: unknown }) => this.#receiveRecords(data, false);
    socket.onclose = () => this.#retire(undefined);
    this.#retired = { socket, timer: this.#host.setTimer(() => this.#retire(undefined), RETIRE_AFTER) };
  }

  #opened(): void {
    this.#phase = 'open';
    this.#mustMove = false;
    this.#error = undefined;
    this.#openedAt = this.#heardAt = this.#clock.now();
    this.#maxDatagram = DEFAULT_MAX_DATAGRAM;
    this.#refusals.delete(this.#url);
    const resume = this.#ticket.resume(this.#openedAt);
    if (resume !== undefined) this.#append(CONTROL_CHANNEL, resume);
    this.#channels.connected();
    this.#ping(PONG_TIMEOUT);
    this.flush();
    this.#report();
    if (this.#hasBeenOpen) this.receiver?.reconnected();
    this.#hasBeenOpen = true;
    this.receiver?.uncongested();
  }

  /** The connection is gone, or never came to be. */
  #lost(code: number, reason: string): void {
    const url = this.#url;
    const wasOpen = this.#phase === 'open';
    this.#detach();
    if (!wasOpen) {
      this.#retry(unreachable(url), 0);
      this.#diagnose(url);
      return;
    }
    if (this.#clock.now() - this.#openedAt >= STABLE_AFTER) this.#attempts = 0;
    if (this.#successor.isDialing) {
      // It comes a little late, but it comes.
      this.#phase = 'connecting';
      this.#report();
      return;
    }
    this.#successor.stop();
    const isTicketRefused = code === CLOSE_TOKEN && reason.startsWith('ticket_');
    if (isTicketRefused || code === CLOSE_SESSION_OVER) this.#ticket.forget();
    if (isTicketRefused || (code === CLOSE_TOKEN && this.#token.refused(reason))) {
      // A fresh token is asked for at once: who waits for it has waited long enough.
      this.#connect();
      return;
    }
    const after = afterClose(url, code, reason);
    switch (after.next) {
      case 'idle':
        // Who waits for calls is never idle.
        if (this.#channels.listens) {
          this.#retry(connectionLost(url), 0);
          return;
        }
        this.#phase = 'idle';
        this.#report();
        return;
      case 'fail':
        this.#refused(url, after.error);
        return;
      case 'retry':
        this.#retry(after.error, Math.max(after.notBefore, this.#retryNotBefore));
    }
  }

  /** No answer: whatever the WebSocket still believes. */
  #abandon(): void {
    const wasOpen = this.#phase === 'open';
    const socket = this.#detach();
    this.#successor.stop();
    socket?.close();
    this.#retry(wasOpen ? connectionLost(this.#url) : unreachable(this.#url), 0);
  }

  get #hasSlept(): boolean {
    return this.#clock.now() - this.#heardAt > SLEPT;
  }

  /** After sleep: who comes late need not find out first whether anybody waited. */
  #connectAnew(): void {
    this.#detach()?.close(1000);
    this.#successor.stop();
    this.#attempts = 0;
    this.#connect();
  }

  /** Lets go of the WebSocket; what waits in the batch was meant for it and dies with it. */
  #detach(): WebSocketLike | undefined {
    const socket = this.#socket;
    if (socket !== undefined) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = undefined;
    this.#setTimer(undefined);
    this.#pingSentAt = undefined;
    this.#rtt = undefined;
    const lost = this.#uplink.detach();
    if (lost > 0) this.drops.count('not_connected', lost);
    this.#channels.lost();
    return socket;
  }

  /** Full jitter, so that a thousand clients of a relay that restarts do not come back at once. */
  #retry(error: TunnelError, notBefore: Millis): void {
    const quick = this.#ticket.resume(this.#clock.now()) ? QUICK_ATTEMPTS : 0;
    const doublings = Math.max(this.#attempts - quick, Math.min(this.#attempts, 1));
    const limit = Math.min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** Math.min(doublings, 16));
    const delay = notBefore + this.#host.random() * limit;
    this.#attempts++;
    this.#retryNotBefore = 0;
    this.#phase = 'waiting';
    this.#error = error;
    this.#retryAt = this.#clock.now() + delay;
    this.#nextUrl();
    this.#setTimer(() => this.#connect(), delay);
    this.#report();
  }

  /** This URL will not have us. If there is no other, that is all. */
  #refused(url: string, error: TunnelError): void {
    this.#refusals.set(url, error);
    if (this.#refusals.size < this.#urls.length) {
      this.#retry(error, 0);
      return;
    }
    this.#setTimer(undefined);
    this.#phase = 'failed';
    this.#error = error;
    this.#report();
    // Whoever paused for us may now find out that there is no way.
    this.receiver?.uncongested();
  }

  #nextUrl(): void {
    for (let i = 0; i < this.#urls.length; i++) {
      this.#urlIndex = (this.#urlIndex + 1) % this.#urls.length;
      if (!this.#refusals.has(this.#url)) return;
    }
  }

  /** Finds the reason that the browser hides, while the retry waits. */
  #diagnose(url: string): void {
    void askRelay(url, this.#host.fetch).then((verdict) => {
      if (this.#phase !== 'waiting' && this.#phase !== 'connecting') return;
      const error = refusedConnection(url, verdict, this.#host.origin);
      if (!error.retryable && this.#phase === 'waiting') {
        this.#refused(url, error);
        return;
      }
      this.#error = error;
      if (this.#phase === 'waiting') this.#report();
    });
  }

  // ---- round-trip time, and whether the relay is still there

  /** The network may be another one. An answer says that it does not matter; without one we move. */
  #probe(): void {
    this.#ping(MOVE_AFTER, () => {
      this.#successor.begin();
      this.#setTimer(() => this.#pongMissing(PROBE_TIMEOUT), PROBE_TIMEOUT - MOVE_AFTER);
    });
  }

  #ping(timeout: Millis, missing = () => this.#pongMissing(timeout)): void {
    if (this.#hasSlept) {
      this.#connectAnew();
      return;
    }
    if (this.#pingSentAt === undefined) {
      new DataView(this.#pingNonce.buffer).setUint32(4, Math.floor(this.#host.random() * 0x1_0000_0000));
      this.#pingSentAt = this.#clock.now();
      this.#append(CONTROL_CHANNEL, writeControl({ type: PING, nonce: this.#pingNonce }));
      this.flush();
    }
    this.#setTimer(missing, timeout);
  }

  /** A timer that comes late means that we were frozen: the answer may be here, waiting behind it. */
  #pongMissing(timeout: Millis): void {
    if (this.#clock.now() - this.#pingSentAt! <= timeout + FROZEN) {
      this.#abandon();
      return;
    }
    this.#pingSentAt = undefined;
    this.#ping(PROBE_TIMEOUT);
  }

  #receivePong(nonce: Uint8Array): void {
    if (this.#uplink.receivePong(nonce)) return;
    if (this.#pingSentAt === undefined || !nonce.every((byte, i) => byte === this.#pingNonce[i])) return;
    this.#rtt = this.#clock.now() - this.#pingSentAt;
    this.#uplink.measureRoundTrip(this.#rtt);
    this.#pingSentAt = undefined;
    if (!this.#mustMove) this.#successor.stop();
    this.#setTimer(() => this.#ping(PONG_TIMEOUT), PING_INTERVAL);
    this.#report();
  }

  // ---- telling

  #report(): void {
    this.receiver?.transportState(this.#state());
  }

  #state(): TransportState {
    const { problems, notices } = this.#channels;
    const facts = { via: this.#url, problems, ...(notices.length > 0 && { notices }) };
    switch (this.#phase) {
      case 'open':
        return { ...facts, state: 'open', rtt: this.#rtt, localPorts: this.#channels.localPorts };
      case 'waiting':
        return { ...facts, state: 'waiting', error: this.#error!, retryAt: this.#retryAt };
      case 'failed':
        return { ...facts, state: 'failed', error: this.#error! };
      case 'connecting':
        return { ...facts, state: 'connecting' };
      default:
        return { ...facts, state: 'idle' };
    }
  }

  #setTimer(run: (() => void) | undefined, delay: Millis = 0): void {
    this.#host.clearTimer(this.#timer);
    this.#timer = run && this.#host.setTimer(run, delay);
  }
}
