import { createSocket, type Socket } from 'node:dgram';
import { TokenBucket } from '../src/core/token-bucket.ts';
import * as wire from '../src/core/wire/relay.ts';
import { INITIATION, INITIATION_SIZE } from '../src/core/wire/wireguard.ts';
import { parseAddress } from './address.ts';
import { ChannelEvents } from './channel-events.ts';
import type { DropReason, RelayCounters } from './counters.ts';
import { Gate } from './gate.ts';
import { placeOf } from './grant.ts';
import type { Destination } from './policy.ts';
import type { Session } from './session.ts';
import type { TicketChannel } from './tickets.ts';

const MAX_SEND_QUEUE = 256 * 1024;

/**
 * One endpoint: a gate and, from the first handshake on (or from the beginning, if it listens), one UDP socket
 * connected to it, so that the kernel drops what anyone else sends there.
 *
 *     resolving ──► ready ──► connecting ──► open          any ──► closed
 *
 * Before `open` it holds one datagram, the newest that may pass, and drops the rest.
 */
export class Channel {
  readonly number: number;
  /** What OPEN asked for, in one spelling. */
  readonly place: string;
  /** Whether the endpoint may call first. */
  readonly listens: boolean;
  #session: Session;
  readonly #gate: Gate;
  readonly #events: ChannelEvents;
  /** Handshake initiations to the endpoint, and from it. */
  readonly #initiations: TokenBucket;
  readonly #calls: TokenBucket;
  /** To an endpoint that has long stopped answering, while we listen for it. */
  readonly #lateInitiations: TokenBucket;
  #state: 'resolving' | 'ready' | 'connecting' | 'open' | 'closed' = 'resolving';
  #destination: Destination | undefined;
  /** As a ticket tells it. */
  #address: string | undefined;
  /** Of the destination, as channels and initiations to it are counted; empty while this one is not. */
  #place = '';
  #socket: Socket | undefined;
  #held: Uint8Array | undefined;
  /** The newest initiation, until the destination may get it. */
  #waiting: Uint8Array | undefined;
  #unanswered = 0;
  /** Pairs that the client has a ticket for. */
  #pairsTold = 0;
  /** Flags of the next OPENED. */
  #openedFlags = 0;

  constructor(number: number, place: string, listens: boolean, session: Session) {
    this.number = number;
    this.place = place;
    this.listens = listens;
    this.#session = session;
    this.#gate = new Gate(session.limits.maxDatagram, this.#counters.handshakes, listens);
    this.#events = new ChannelEvents(number, (event) => this.#session.sendControl(event));
    const { initiationInterval, initiationBurst, listeningInitiationInterval } = session.limits;
    this.#initiations = new TokenBucket(1000 / initiationInterval, initiationBurst);
    this.#calls = new TokenBucket(1000 / initiationInterval, initiationBurst);
    this.#lateInitiations = new TokenBucket(1000 / listeningInitiationInterval, 1);
  }

  get destination(): Destination | undefined {
    return this.#destination;
  }

  /** Where it leads, or led before; undefined while nobody knows. */
  get address(): string | undefined {
    return this.#destination?.address ?? this.#address;
  }

  /** Whether there was any handshake. */
  get isEstablished(): boolean {
    return this.#gate.hasPair;
  }

  /** What a ticket needs; undefined before there was any handshake. */
  ticketed(now: number): TicketChannel | undefined {
    const pairs = this.#gate.pairs(now);
    if (this.#destination === undefined || pairs.length === 0) return undefined;
    const { number, listens, place } = this;
    return { number, listens, place, address: this.#destination.address, pairs };
  }

  /** Knows what a channel of another session knew, `elapsed` ms after its ticket was made. Before `permitted`. */
  restore({ address, pairs }: TicketChannel, elapsed: number): void {
    this.#address = address;
    this.#gate.restore(pairs, elapsed, this.#session.context.now());
    this.#pairsTold = this.#gate.pairsMade;
  }

  /** Goes on in this session, socket and gate and all. */
  moveTo(session: Session): void {
    this.#withdraw();
    this.#session = session;
    this.#openedFlags =
      (this.#gate.hasPair ? wire.OPENED_KEYS_KNOWN : 0) | (this.#socket ? wire.OPENED_SAME_PORT : 0);
    if (this.#state === 'open') this.#sayOpened();
  }

  /**
   * The policy has said yes, or says what else holds for the destination now. Whether the client may also listen there is
   * another question, with an answer of its own. If there is a place for one more, what was held leaves now.
   */
  permitted(destination: Destination): void {
    if (this.listens && !destination.allowsListen) {
      this.#session.closeChannel(this, wire.CHANNEL_LISTEN_DENIED, 'listen_not_allowed');
      return;
    }
    this.#destination = destination;
    this.#gate.shape = destination.shape;
    if (this.#state === 'resolving') this.#takePlace(destination);
  }

  #takePlace({ address, port, maxSessions }: Destination): void {
    const { channelsTo, hasFiles } = this.#session.context;
    const place = placeOf(address, port);
    if (channelsTo.of(place) >= maxSessions) {
      this.#counters.denied.count('endpoint_full');
      this.#session.closeChannel(this, wire.CHANNEL_TOO_MANY, 'endpoint_full');
      return;
    }
    if (!hasFiles()) {
      this.#session.closeChannel(this, wire.CHANNEL_NO_PORT, 'no_udp_port');
      return;
    }
    channelsTo.add(place);
    this.#place = place;
    this.#state = 'ready';
    // Who waits for calls must have a port before anything was sent; who goes on will send at once.
    if (this.listens || this.#gate.hasPair) this.#connect();
    const held = this.#takeHeld();
    if (held !== undefined) this.receiveFromClient(held, 0, held.length, this.#session.context.now());
  }

  /** A datagram from the client: `bytes[start, end)`, which may be part of something larger. */
  receiveFromClient(bytes: Uint8Array, start: number, end: number, now: number): void {
    const { maxDatagram } = this.#session.limits;
    if (this.#isClosed) return;
    const type = this.#gate.typeOf(bytes, start, end);
    if (end - start > maxDatagram) this.#dropUp('too_big', now, [wire.EVENT_TOO_BIG, maxDatagram]);
    else if (this.#state === 'resolving' && end - start === INITIATION_SIZE) this.#hold(bytes, start, end);
    else if (type !== INITIATION) this.#forward(bytes, start, end, type, now);
    else if (!this.#isForEndpoint(bytes, start)) this.#dropUp('bad_mac1', now);
    else if (this.#permitsInitiation(now) && this.#isItsTurn(bytes, start, end, now))
      this.#forward(bytes, start, end, type, now);
  }

  /** The newest that may pass, until there is a socket. */
  #hold(bytes: Uint8Array, start: number, end: number): void {
    if (this.#held !== undefined) this.#counters.up.drop('not_open');
    this.#held = bytes.slice(start, end);
  }

  #takeHeld(): Uint8Array | undefined {
    const held = this.#held;
    this.#held = undefined;
    return held;
  }

  /** If it is not, the initiation waits; so does only the newest. */
  #isItsTurn(bytes: Uint8Array, start: number, end: number, now: number): boolean {
    const { context, owner } = this.#session;
    if (this.#waiting !== undefined) this.#counters.up.drop('rate');
    const isTurn = context.initiationTurns.take(this.#place, owner.path, this, this.isEstablished, now);
    if (isTurn) this.#withdraw();
    else this.#waiting = bytes.slice(start, end);
    return isTurn;
  }

  /** Whatever waits for its turn is not to leave any more. */
  #withdraw(): void {
    const { context, owner } = this.#session;
    if (this.#waiting !== undefined) context.initiationTurns.withdraw(this.#place, owner.path, this);
    this.#waiting = undefined;
  }

  /** The initiation that waited may leave. False if there is none. */
  turn(now: number): boolean {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined || this.#isClosed) return false;
    this.#forward(waiting, 0, waiting.length, INITIATION, now);
    return true;
  }

  #forward(bytes: Uint8Array, start: number, end: number, type: number, now: number): void {
    const refusal = this.#gate.up(bytes, start, end, now, type);
    if (refusal !== undefined) {
      this.#dropUp(refusal, now);
      return;
    }
    if (type === INITIATION) this.#unanswered++;
    this.#session.watch.lastActive = now;
    this.#send(bytes, start, end, type, now);
    this.#notePairs(now);
  }

  #notePairs(now: number): void {
    if (this.#gate.pairsMade === this.#pairsTold) return;
    this.#pairsTold = this.#gate.pairsMade;
    this.#session.resumption.giveTicket(now);
  }

  tick(now: number): void {
    this.#events.tick(now);
  }

  /** The session's rate is spent. */
  rateLimited(now: number): void {
    this.#dropUp('rate', now, [wire.EVENT_RATE_LIMITED, 1000]);
  }

  close(): void {
    this.#withdraw();
    if (this.#place !== '') this.#session.context.channelsTo.remove(this.#place);
    this.#place = '';
    this.#state = 'closed';
    this.#gate.close();
    this.#held = undefined;
    this.#socket?.close();
    this.#socket = undefined;
  }

  get #counters(): RelayCounters {
    return this.#session.context.counters;
  }

  get #isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Where the operator has said which key the endpoint has, only handshakes with that key leave. */
  #isForEndpoint(bytes: Uint8Array, start: number): boolean {
    const mac1s = this.#destination?.mac1s ?? [];
    return mac1s.length === 0 || mac1s.some((mac1) => mac1.matches(bytes, start));
  }

  #permitsInitiation(now: number): boolean {
    const { limits, context, owner } = this.#session;
    const isHopeless = this.#unanswered >= limits.unansweredInitiations;
    if (isHopeless && !this.listens) {
      this.#session.closeChannel(this, wire.CHANNEL_UNRESPONSIVE, 'unresponsive');
      return false;
    }
    const bucket = isHopeless ? this.#lateInitiations : this.#initiations;
    if (bucket.take(1, now) && context.initiationsOfClient.take(owner.client, now)) return true;
    this.#dropUp('rate', now, [wire.EVENT_RATE_LIMITED, limits.initiationInterval]);
    return false;
  }

  /** Counts it and tells the client; what is not WireGuard's is not often forgiven. */
  #dropUp(
    reason: DropReason,
    now: number,
    [kind, value] = EVENTS[reason] ?? [wire.EVENT_DROPPED_UP, 1],
  ): void {
    this.#counters.up.drop(reason);
    this.#session.traffic.drops++;
    this.#events.note(kind, value, now);
    if (kind === wire.EVENT_BAD_SHAPE) this.#session.shapeFailed(now);
  }

  #send(bytes: Uint8Array, start: number, end: number, type: number, now: number): void {
    if (this.#state !== 'open') {
      this.#hold(bytes, start, end);
      if (this.#state === 'ready') this.#connect();
      return;
    }
    const socket = this.#socket!;
    if (socket.getSendQueueSize() > MAX_SEND_QUEUE) {
      this.#dropUp('queue', now);
      return;
    }
    this.#counters.up.pass(type, end - start);
    socket.send(bytes, start, end - start, this.#sent);
  }

  readonly #sent = (error: Error | null): void => {
    if (error === null || this.#isClosed) return;
    this.#counters.up.drop('send_failed');
    this.#udpFailed(error);
  };

  #connect(): void {
    const { address, family, port } = this.#destination!;
    this.#state = 'connecting';
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      recvBufferSize: this.#session.limits.receiveBuffer,
      // Only addresses come here, also the one to bind to: nothing is looked up again.
      lookup: (text, _options, done) => done(null, text, family),
    });
    this.#socket = socket;
    socket.on('error', (error) => {
      if (!this.#isClosed) this.#udpFailed(error);
    });
    socket.on('message', (datagram) => this.#receiveFromEndpoint(datagram));
    socket.on('connect', () => this.#connected(socket));
    const source = this.#session.context.config.sources.next(family);
    try {
      if (source !== undefined) socket.bind({ address: source, exclusive: true });
      socket.connect(port, address);
    } catch (error) {
      this.#udpFailed(error as Error);
    }
  }

  #connected(socket: Socket): void {
    if (this.#isClosed) return;
    this.#state = 'open';
    this.#sayOpened();
    const { address, port } = this.#destination!;
    const { context, sid } = this.#session;
    this.#counters.channelsOpened++;
    const endpoint = `${address} ${port}`;
    const localPort = socket.address().port;
    context.log.info('opened', { sid, channel: this.number, endpoint, localPort });
    const held = this.#takeHeld();
    if (held === undefined) return;
    const { length } = held;
    this.#send(held, 0, length, this.#gate.typeOf(held, 0, length), this.#session.context.now());
  }

  #sayOpened(): void {
    const { address: text, port } = this.#destination!;
    const address = Uint8Array.from(parseAddress(text)!.toByteArray());
    const localPort = this.#socket!.address().port;
    const flags = this.#openedFlags;
    this.#session.sendControl({ type: wire.OPENED, channel: this.number, flags, address, port, localPort });
  }

  #receiveFromEndpoint(datagram: Uint8Array): void {
    if (this.#isClosed) return;
    const { maxDatagram, initiationInterval } = this.#session.limits;
    const now = this.#session.context.now();
    const { length } = datagram;
    const type = this.#gate.typeOf(datagram, 0, length);
    if (length > maxDatagram) {
      this.#dropDown('too_big', now, wire.EVENT_TOO_BIG, maxDatagram);
      return;
    }
    if (type === INITIATION && !this.#calls.take(1, now)) {
      this.#dropDown('rate', now, wire.EVENT_RATE_LIMITED, initiationInterval);
      return;
    }
    const refusal = this.#gate.down(datagram, 0, now, type);
    if (refusal !== undefined) {
      this.#counters.down.drop(refusal);
      this.#session.traffic.drops++;
      return;
    }
    this.#unanswered = 0;
    this.#session.watch.lastActive = now;
    this.#counters.down.pass(type, length);
    if (this.#gate.isPacket(type, length)) this.#deliver(datagram, now);
    else this.#session.sendFirst(this.number, datagram);
    this.#notePairs(now);
  }

  #deliver(datagram: Uint8Array, now: number): void {
    const dropped = this.#session.sendData(this.number, datagram, now);
    if (dropped === false) this.#dropDown('rate', now, wire.EVENT_DROPPED_DOWN, 1);
    else if (dropped > 0) this.#dropDown('queue', now, wire.EVENT_DROPPED_DOWN, dropped, dropped);
  }

  /** Counts it, so many times, and tells the client. */
  #dropDown(reason: DropReason, now: number, kind: number, value: number, times = 1): void {
    this.#counters.down.drop(reason, times);
    this.#session.traffic.drops += times;
    this.#events.note(kind, value, now);
  }

  /** An ICMP error, or the system refusing: reported; only a socket that never came to be ends the channel. */
  #udpFailed(error: NodeJS.ErrnoException): void {
    this.#counters.udpErrors.count(error.code ?? 'unknown');
    if (this.#state === 'open') {
      this.#events.note(wire.EVENT_UNREACHABLE, 0, this.#session.context.now());
      return;
    }
    if (NO_PORT_ERRORS.has(error.code ?? ''))
      this.#session.closeChannel(this, wire.CHANNEL_NO_PORT, 'no_udp_port');
    else this.#session.closeChannel(this, wire.CHANNEL_UNREACHABLE, 'unreachable');
  }
}

/** What the client is told of a datagram that did not pass, unless it is that one more did not: kind and value. */
const EVENTS: Readonly<Partial<Record<DropReason, readonly [kind: number, value: number]>>> = {
  shape: [wire.EVENT_BAD_SHAPE, 1],
  bad_mac1: [wire.EVENT_BAD_SHAPE, 1],
  no_handshake: [wire.EVENT_NEED_HANDSHAKE, 0],
  expired_key: [wire.EVENT_NEED_HANDSHAKE, 0],
  endpoint_silent: [wire.EVENT_ENDPOINT_SILENT, 0],
};

const NO_PORT_ERRORS = new Set(['EADDRINUSE', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EACCES']);
