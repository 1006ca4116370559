// Datagrams through a relay: one WebSocket, one channel per endpoint (relay/PROTOCOL.md). Read `send` for the way
// out, `received` for the way in; how the WebSocket comes and goes is relay-connection.ts.
import type { Clock } from '../core/clock.ts';
import { DropCounters } from '../core/counters.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { type EngineMemory, PacketBuffer } from '../core/packet-buffer.ts';
import type { Millis } from '../core/time.ts';
import type {
  DatagramReceiver,
  DatagramTransport,
  TransportDropReason,
  TransportState,
} from '../core/transport.ts';
import {
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
  TICKET,
  WELCOME,
  writeControl,
} from '../core/wire/relay.ts';
import { carriesPacket, INITIATION } from '../core/wire/wireguard.ts';
import { RelayChannels } from './relay-channels.ts';
import { type ConnectionOwner, RelayConnection } from './relay-connection.ts';
import type { RelayEndpoint } from './relay-endpoints.ts';
import { endpointRefuses } from './relay-errors.ts';
import { platformHost, type RelayTransportHost, type WebSocketLike } from './relay-host.ts';
import { RelayPulse } from './relay-pulse.ts';
import type { TokenSource } from './relay-token.ts';
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

/** Until WELCOME says otherwise. */
const DEFAULT_MAX_DATAGRAM = 2048;

export class RelayTransport implements DatagramTransport, ConnectionOwner {
  #receiver: DatagramReceiver | undefined;
  readonly drops = new DropCounters<TransportDropReason>();
  readonly #memory: EngineMemory;
  readonly #clock: Clock;
  readonly #host: RelayTransportHost;
  readonly #connection: RelayConnection;
  readonly #pulse: RelayPulse;
  readonly #channels: RelayChannels;
  readonly #uplink: Uplink;
  readonly #reader = new RecordReader();
  readonly #packet: PacketBuffer;
  #hasBeenOpen = false;
  /** An initiation waits until the relay is heard. */
  #holdsBack = false;
  #maxDatagram = DEFAULT_MAX_DATAGRAM;

  /** Throws TunnelError ERR_CONFIG for what is no relay URL. */
  constructor({ urls, memory, clock, listens, token, host }: RelayTransportOptions) {
    this.#memory = memory;
    this.#clock = clock;
    this.#host = { ...platformHost(), ...host };
    this.#connection = new RelayConnection({ urls, token, clock, host: this.#host }, this);
    this.#uplink = new Uplink(memory, clock, this.#host, () => this.receiver?.uncongested());
    this.#channels = this.#makeChannels(listens ?? false);
    this.#pulse = this.#makePulse();
    this.#packet = new PacketBuffer(memory, memory.ingress);
  }

  #makeChannels(listens: boolean): RelayChannels {
    const connection = this.#connection;
    return new RelayChannels(
      {
        get url() {
          return connection.url;
        },
        get isConnected() {
          return connection.isOpen;
        },
        now: () => this.#clock.now(),
        append: (channel, body) => this.#append(channel, body),
        flush: () => this.flush(),
        report: () => this.changed(),
        callAgain: (endpoint) => this.receiver?.handshakeNeeded(endpoint),
        setTimer: this.#host.setTimer,
        clearTimer: this.#host.clearTimer,
      },
      listens,
    );
  }

  #makePulse(): RelayPulse {
    const { setTimer, clearTimer, random } = this.#host;
    return new RelayPulse({
      setTimer,
      clearTimer,
      random,
      now: () => this.#clock.now(),
      ping: (nonce) => {
        this.#append(CONTROL_CHANNEL, writeControl({ type: PING, nonce }));
        this.flush();
      },
      slow: () => this.#connection.prepareSuccessor(),
      lost: () => this.#connection.abandon(),
      slept: () => this.#connection.connectAnew(),
    });
  }

  /** While there is no connection, TCP waits instead of sending into the void. */
  get congested(): boolean {
    const { phase } = this.#connection;
    return this.#uplink.isFull || phase === 'connecting' || phase === 'waiting';
  }

  get queuedBytes(): number {
    return this.#uplink.queuedBytes;
  }

  get roundTrip(): Millis | undefined {
    return this.#uplink.roundTrip;
  }

  get takesShort(): boolean {
    return this.#connection.isOpen && this.#uplink.takesShort;
  }

  get receiver(): DatagramReceiver | undefined {
    return this.#receiver;
  }

  set receiver(receiver: DatagramReceiver | undefined) {
    this.#receiver = receiver;
    if (this.#connection.phase !== 'idle') this.changed();
  }

  begin(): void {
    this.#connection.begin();
  }

  release(endpoint: Endpoint): void {
    this.#channels.release(endpoint as RelayEndpoint);
  }

  endpointFor(host: string, port: number): Endpoint {
    const endpoint = this.#channels.endpointFor(host, port);
    this.#connection.begin();
    return endpoint;
  }

  // ---- the way out

  send(datagram: PacketBuffer, to: Endpoint): void {
    const endpoint = to as RelayEndpoint;
    const { memory, start, end, length } = datagram;
    const isInitiation = memory[start] === INITIATION;
    if (!this.#connection.isOpen) {
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
    if (carriesPacket(memory, start, end) && this.#uplink.refusesData()) {
      this.drops.count('congested');
      return;
    }
    if (isInitiation && this.#pulse.standsStill(this.#uplink.unansweredSince)) {
      this.#holdBack(endpoint, memory, start, end);
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
    if (this.#connection.phase === 'closed') return;
    const isInitiation = memory[start] === INITIATION;
    if (!isInitiation || endpoint.channel === 0 || endpoint.held !== undefined)
      this.drops.count('not_connected');
    if (isInitiation) endpoint.held = memory.slice(start, end);
    this.#connection.begin();
  }

  /**
   * A relay that stands still passes on all at once what it has got meanwhile. A peer takes one initiation in 20 ms, the
   * oldest then, whose answer we do not want any more, and refuses the newest.
   */
  #holdBack(endpoint: RelayEndpoint, memory: Uint8Array, start: number, end: number): void {
    if (endpoint.held !== undefined) this.drops.count('not_connected');
    endpoint.held = memory.slice(start, end);
    this.#holdsBack = true;
  }

  // ---- the way in

  /** From a connection that we left, only datagrams count. */
  received(data: unknown, isCurrent: boolean): void {
    if (isCurrent && !this.#pulse.heard()) {
      this.#connection.connectAnew();
      return;
    }
    if (isCurrent && this.#holdsBack) {
      this.#holdsBack = false;
      this.#channels.answersAgain();
    }
    const { bytes, ingress } = this.#memory;
    if (!(data instanceof ArrayBuffer) || data.byteLength > ingress.end - ingress.start) {
      this.drops.count('bad_message');
      return;
    }
    bytes.set(new Uint8Array(data), ingress.start);
    this.#reader.begin(bytes, ingress.start, ingress.start + data.byteLength);
    this.#receiveRecords(isCurrent);
  }

  #receiveRecords(isCurrent: boolean): void {
    const reader = this.#reader;
    let datagrams = 0;
    while (reader.next() && this.#connection.isOpen) {
      if (reader.channel === CONTROL_CHANNEL) {
        const control = readControl(this.#memory.bytes, reader.start, reader.end);
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
        this.#connection.welcomed(control.secret);
        this.#maxDatagram = control.maxDatagram;
        this.#uplink.allowMessages(control.maxMessage);
        return;
      case TICKET:
        this.#connection.ticketed(control.ticket, control.lifetimeSeconds);
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
        this.#connection.goAway(control.reconnectWithin, control.retryAfter);
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

  #receivePong(nonce: Uint8Array): void {
    if (this.#uplink.receivePong(nonce)) return;
    const roundTrip = this.#pulse.answered(nonce);
    if (roundTrip === undefined) return;
    this.#uplink.measureRoundTrip(roundTrip);
    this.#connection.answers();
    this.changed();
  }

  // ---- the connection

  /**
   * The network or the page is back, or someone is impatient: connect now, also after a long sleep; or find out whether
   * the relay still answers.
   */
  retryNow(): void {
    if (this.#connection.isOpen) this.#pulse.probe();
    else this.#connection.retryNow();
  }

  close(): void {
    this.#connection.close();
    this.receiver = undefined;
  }

  get listens(): boolean {
    return this.#channels.listens;
  }

  attached(socket: WebSocketLike): void {
    this.#uplink.attach(socket);
  }

  opened(resume: Uint8Array | undefined): void {
    this.#maxDatagram = DEFAULT_MAX_DATAGRAM;
    if (resume !== undefined) this.#append(CONTROL_CHANNEL, resume);
    this.#channels.connected();
    this.#pulse.begin();
    this.flush();
    this.changed();
    if (this.#hasBeenOpen) this.receiver?.reconnected();
    this.#hasBeenOpen = true;
    this.receiver?.uncongested();
  }

  detached(): void {
    this.#pulse.stop();
    this.#holdsBack = false;
    const lost = this.#uplink.detach();
    if (lost > 0) this.drops.count('not_connected', lost);
    this.#channels.lost();
  }

  /** Whoever paused for us may now find out that there is no way. */
  gaveUp(): void {
    this.receiver?.uncongested();
  }

  changed(): void {
    this.receiver?.transportState(this.#state());
  }

  #state(): TransportState {
    const { problems, notices, localPorts } = this.#channels;
    const { phase, url, error, retryAt } = this.#connection;
    const facts = { via: url, problems, ...(notices.length > 0 && { notices }) };
    switch (phase) {
      case 'open':
        return { ...facts, state: 'open', rtt: this.#pulse.rtt, localPorts };
      case 'waiting':
        // What is told is a reason, not a guess before it.
        if (this.#connection.isGuessing) return { ...facts, state: 'connecting' };
        return { ...facts, state: 'waiting', error: error!, retryAt };
      case 'failed':
        return { ...facts, state: 'failed', error: error! };
      case 'connecting':
        return { ...facts, state: 'connecting' };
      default:
        return { ...facts, state: 'idle' };
    }
  }
}
