import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import {
  CHANNEL_DENIED,
  CHANNEL_LISTEN_DENIED,
  CHANNEL_TOO_MANY,
  CHANNEL_UNKNOWN,
  CLOSE,
  CLOSE_BAD_RECORD,
  CLOSE_LIMIT,
  CLOSE_REPLACED,
  CLOSE_RESTARTING,
  CLOSE_SESSION_OVER,
  CLOSE_TEXT_FRAME,
  CLOSED,
  CONTROL_CHANNEL,
  type Control,
  GOAWAY,
  MAX_CHANNEL,
  OPEN,
  OPEN_LISTEN,
  PING,
  PONG,
  RESUME,
  RecordReader,
  readControl,
  SECRET_LENGTH,
  TICKET,
  WELCOME,
  writeControl,
} from '../src/core/wire/relay.ts';
import { Channel, type ChannelHost } from './channel.ts';
import type { Limits } from './config.ts';
import type { RelayCounters } from './counters.ts';
import { DownQueue } from './down-queue.ts';
import { Downlink } from './downlink.ts';
import { narrowed, placeOf } from './grant.ts';
import { Kept, type KeptChannel } from './kept.ts';
import { RatePair, TokenBucket } from './limits.ts';
import type { Destination, Refusal } from './policy.ts';
import type { SessionContext, SessionOwner } from './session-context.ts';
import { type Ending, SessionWatch } from './session-watch.ts';

const TICKET_INTERVAL = 60_000;
/** What RESUME brought waits so long for OPEN. */
const KEPT_TIME = 2000;
/** Of what arrives for a parked session, so much of the newest is kept. */
const PARKED_BYTES = 16 * 1024;

/** One WebSocket and its channels. */
export class Session implements ChannelHost {
  readonly id = randomBytes(8);
  readonly limits: Readonly<Limits>;
  readonly counters: RelayCounters;
  readonly owner: SessionOwner;
  readonly #context: SessionContext;
  readonly #socket: WebSocket;
  readonly #channels = new Map<number, Channel>();
  /** Channels whose end the client was told: what is still on its way for them needs no second answer. */
  readonly #closedChannels = new Set<number>();
  readonly #reader = new RecordReader();
  readonly #queue: DownQueue;
  readonly #downlink: Downlink;
  readonly #watch: SessionWatch;
  /** What tickets of this session count with. */
  readonly #secret = randomBytes(SECRET_LENGTH);
  #ticketAt = Number.POSITIVE_INFINITY;
  #kept: Kept | undefined;
  #keptUntil = 0;
  readonly #controls: TokenBucket;
  readonly #up: RatePair;
  readonly #down: RatePair;
  #state: 'open' | 'parked' | 'closing' | 'closed' = 'open';
  #hasSpoken = false;
  #unknownChannelAt = Number.NEGATIVE_INFINITY;
  #datagramsUp = 0;
  #closeCode = 0;

  constructor(socket: WebSocket, owner: SessionOwner, context: SessionContext) {
    const now = context.now();
    this.owner = owner;
    this.limits = owner.grant === undefined ? context.limits : narrowed(context.limits, owner.grant);
    this.counters = context.counters;
    this.#context = context;
    this.#socket = socket;
    this.#queue = new DownQueue(context.budget, this.limits.queueBytes);
    this.#downlink = new Downlink(socket, this.#queue, context.counters, this.limits.maxMessage, () =>
      context.now(),
    );
    this.#watch = new SessionWatch(this.limits, now);
    const { controlsPerSecond } = this.limits;
    this.#controls = new TokenBucket(
      controlsPerSecond,
      Math.max(MAX_CHANNEL + 2, 2 * controlsPerSecond),
      now,
    );
    this.#up = new RatePair(this.limits, now);
    this.#down = new RatePair(this.limits, now);
    socket.on('message', (data, isBinary) => this.receiveMessage(data as Buffer, isBinary));
    socket.on('ping', () => this.#end(this.#watch.pinged(context.now())));
    socket.on('pong', (payload) => {
      this.#watch.answered();
      this.#downlink.receivePong(payload);
    });
    // ws closes by itself after a protocol error; without a listener the error would end the process.
    socket.on('error', () => {});
    this.#welcome();
  }

  /** The code with which it ended, as far as known. */
  get closeCode(): number {
    return this.#closeCode;
  }

  get channels(): number {
    return this.#channels.size;
  }

  now(): number {
    return this.#context.now();
  }

  /** Called once a second. */
  tick(now: number): void {
    if (!this.#isOpen) return;
    if (this.#end(this.#watch.tick(now, this.#listens))) return;
    const due = this.#watch.pulse(now);
    if (due === 'ping') this.#socket.ping();
    if (due === 'dead') this.terminate();
    if (now >= this.#ticketAt) this.#sendTicket(now);
    if (now >= this.#keptUntil) this.#dropKept();
    for (const channel of this.#channels.values()) channel.tick(now);
  }

  /** The configuration has changed: what it does not allow any more ends. */
  recheck(): void {
    const { grant } = this.owner;
    if (grant !== undefined && this.#context.isDenied(grant.subject)) {
      this.close(CLOSE_SESSION_OVER, 'session: revoked');
      return;
    }
    for (const channel of this.#channels.values()) {
      const { destination } = channel;
      if (destination !== undefined && !this.#context.policy.permits(destination))
        this.closeChannel(channel, CHANNEL_DENIED, 'not_allowed');
    }
  }

  /** The client should be gone within so many ms, with a fresh ticket, and may come back after so many. */
  goAway(reconnectWithin: number, retryAfter: number): void {
    if (!this.#isOpen) return;
    if (this.#isEstablished) this.#sendTicket(this.now());
    this.sendControl(writeControl({ type: GOAWAY, reconnectWithin, retryAfter, code: CLOSE_RESTARTING }));
  }

  /** Says goodbye. The socket is gone within ws's close timeout, whether the client answers or not. */
  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#downlink.flush();
    this.#state = 'closing';
    this.#closeCode = code;
    this.#release();
    this.#socket.close(code, reason.slice(0, 120));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** The socket is gone. Returns what the log says about the session. */
  ended(code: number): { ms: number; up: number; down: number; code: number } {
    this.#state = 'closed';
    this.#closeCode ||= code;
    this.#release();
    const ms = Math.round(this.now() - this.#watch.since);
    return { ms, up: this.#datagramsUp, down: this.#downlink.records, code: this.#closeCode };
  }

  // ---- what channels ask for

  sendControl(body: Uint8Array): void {
    this.sendFirst(CONTROL_CHANNEL, body);
  }

  sendFirst(channel: number, body: Uint8Array): void {
    // What is said of a parked session's channels will be old when its client comes.
    if (!this.#isOpen && (this.#state !== 'parked' || channel === CONTROL_CHANNEL)) return;
    if (!this.#queue.pushFirst(channel, body)) this.counters.dropDown('queue');
    this.#downlink.schedule();
  }

  sendData(channel: number, datagram: Uint8Array, now: number): number | false {
    if (!this.#isOpen && this.#state !== 'parked') return 0;
    if (!this.#down.take(now, datagram.length)) return false;
    const dropped = this.#queue.pushData(channel, datagram, now);
    this.#downlink.schedule();
    return dropped;
  }

  permitsInitiation(now: number): boolean {
    return this.#context.initiationsOfClient.take(this.owner.client, now);
  }

  takeTurn(channel: Channel, destination: Destination, now: number): boolean {
    return this.#context.initiationTurns.take(
      placeOf(destination.address, destination.port),
      this.#party,
      channel,
      now,
    );
  }

  withdraw(channel: Channel, destination: Destination): void {
    const place = placeOf(destination.address, destination.port);
    this.#context.initiationTurns.withdraw(place, this.#party, channel);
  }

  /** Who shares one turn: all sessions of a subject, or of an address where nobody has to say who they are. */
  get #party(): string {
    const { client, grant } = this.owner;
    return grant === undefined ? client : `=${grant.subject}`;
  }

  shapeFailed(now: number): void {
    this.#end(this.#watch.shapeFailed(now));
  }

  active(now: number): void {
    this.#watch.lastActive = now;
  }

  opened(channel: Channel, localPort: number): void {
    const destination = channel.destination!;
    this.counters.channelsOpened++;
    this.#context.log.info('opened', {
      sid: this.sid,
      channel: channel.number,
      endpoint: `${destination.address} ${destination.port}`,
      localPort,
    });
  }

  closeChannel(channel: Channel, code: number, reason: string): void {
    if (this.#channels.get(channel.number) !== channel) return;
    this.#removeChannel(channel);
    this.#sendClosed(channel.number, code, reason);
  }

  // ---- what the client sends

  receiveMessage(data: Buffer, isBinary: boolean): void {
    // After our close, messages still arrive until the client's own close frame.
    if (!this.#isOpen) return;
    if (!isBinary) {
      this.close(CLOSE_TEXT_FRAME, 'text: binary messages only');
      return;
    }
    this.counters.messagesUp++;
    this.#downlink.received(data.length);
    if (data.length === 0) this.counters.dropUp('empty_message');
    const now = this.now();
    const reader = this.#reader;
    reader.begin(data);
    while (reader.next()) {
      if (reader.channel === CONTROL_CHANNEL) this.#receiveControl(data, reader.start, reader.end, now);
      else this.#receiveDatagram(reader.channel, data, reader.start, reader.end, now);
      this.#hasSpoken = true;
      if (!this.#isOpen) return;
    }
    if (now >= this.#ticketAt) this.#sendTicket(now);
    if (reader.malformed) this.close(CLOSE_BAD_RECORD, 'record: malformed');
  }

  #receiveDatagram(number: number, data: Buffer, start: number, end: number, now: number): void {
    this.#watch.datagram();
    const channel = this.#channels.get(number);
    if (channel === undefined) {
      this.counters.dropUp('unknown_channel');
      if (this.#closedChannels.has(number) || now - this.#unknownChannelAt < 1000) return;
      this.#unknownChannelAt = now;
      this.#sendClosed(number, CHANNEL_UNKNOWN, 'not_open');
      return;
    }
    if (!this.#up.take(now, end - start)) {
      channel.rateLimited(now);
      return;
    }
    this.#datagramsUp++;
    channel.receiveFromClient(data, start, end, now);
  }

  #receiveControl(data: Buffer, start: number, end: number, now: number): void {
    if (!this.#controls.take(now)) {
      this.close(CLOSE_LIMIT, 'rate: too many control records');
      return;
    }
    // What only a relay says.
    if ((data[start]! & 0x80) !== 0) return;
    const control = readControl(data, start, end);
    switch (control?.type) {
      case undefined:
        this.close(CLOSE_BAD_RECORD, 'control: malformed');
        return;
      case OPEN:
        this.#open(control);
        return;
      case RESUME:
        this.#resume(control, now);
        return;
      case CLOSE: {
        const channel = this.#channels.get(control.channel);
        if (channel !== undefined) this.#removeChannel(channel);
        return;
      }
      case PING: {
        const { queuedBytes } = this.#downlink;
        this.sendControl(writeControl({ type: PONG, nonce: control.nonce, queuedBytes }));
        return;
      }
      default:
        // What later versions add.
        return;
    }
  }

  #open(control: Extract<Control, { type: typeof OPEN }>): void {
    const { channel: number, host, port, flags } = control;
    if (number < 1 || number > MAX_CHANNEL) {
      this.close(CLOSE_BAD_RECORD, 'open: no such channel');
      return;
    }
    if (this.#channels.has(number)) return;
    this.#closedChannels.delete(number);
    this.#watch.hasOpened = true;
    if (this.#channels.size >= this.limits.channels) {
      this.#sendClosed(number, CHANNEL_TOO_MANY, 'too_many_channels');
      return;
    }
    const listens = (flags & OPEN_LISTEN) !== 0;
    const kept = this.#kept?.take(number, `${host} ${port}`, listens);
    const decision = this.#context.policy.decide(host, port, this.owner.grant, kept?.address);
    if ('refusal' in decision) {
      kept?.channel?.close();
      this.#deny(number, host, port, decision.refusal);
      return;
    }
    const channel = new Channel(number, `${host} ${port}`, listens, this);
    this.#channels.set(number, channel);
    if ('destination' in decision) {
      if (kept?.address !== decision.destination.address) kept?.channel?.close();
      else if (this.#restore(channel, kept)) return;
      this.#resolved(channel, decision.destination);
      return;
    }
    void decision.pending.then((late) => {
      if (this.#channels.get(number) !== channel) return;
      if ('destination' in late) return this.#resolved(channel, late.destination);
      this.#removeChannel(channel);
      this.#deny(number, host, port, late.refusal);
    });
  }

  /** The client may send there. Whether it may also listen there is another question, with an answer of its own. */
  #resolved(channel: Channel, destination: Destination): void {
    if (!channel.listens || destination.allowsListen) channel.resolved(destination);
    else this.closeChannel(channel, CHANNEL_LISTEN_DENIED, 'listen_not_allowed');
  }

  #deny(number: number, host: string, port: number, refusal: Refusal): void {
    const event = refusal.detail.startsWith('dns_policy') ? 'dns_policy' : 'denied';
    this.counters.count(this.counters.denied, refusal.detail.replaceAll(/\W+/g, '_'));
    this.#context.log.refused(event, refusal.detail, { sid: this.sid, host, port: String(port) });
    this.#sendClosed(number, refusal.code, refusal.reason);
  }

  // ---- what outlives the WebSocket

  /** A ticket that does not count is no offence: the session is a new one then. */
  #resume(control: Extract<Control, { type: typeof RESUME }>, now: number): void {
    if (this.#hasSpoken) {
      this.close(CLOSE_BAD_RECORD, 'resume: not the first record');
      return;
    }
    const { tickets, isDenied, log } = this.#context;
    const wallClock = this.#context.wallClock();
    const ticket = tickets.redeem(control, this.owner, wallClock, isDenied);
    if (typeof ticket === 'string') {
      this.counters.resumed('none', ticket);
      return;
    }
    this.#watch.ends = Math.min(this.#watch.ends, now + ticket.ends - wallClock);
    const channels = this.#context.sessionAt(ticket.session)?.surrender(this.#queue, now);
    this.#kept = new Kept(ticket, channels, wallClock);
    this.#keptUntil = now + KEPT_TIME;
    const level = channels ? 'l1' : 'l2';
    this.counters.resumed(level, 'resumed');
    log.info('resume', { sid: this.sid, from: ticket.session, how: level });
  }

  /** True if the channel itself goes on, and not another in its place. */
  #restore({ number }: Channel, { channel, pairs, elapsed }: KeptChannel): boolean {
    this.#ticketAt = this.now();
    if (channel === undefined) this.#channels.get(number)!.restore(pairs, elapsed);
    else this.#channels.set(number, channel.moveTo(this));
    return channel !== undefined;
  }

  /** The WebSocket broke. False if there is nothing to wait for; otherwise the channels stay as they are. */
  park(): boolean {
    if (!this.#isOpen || !this.#isEstablished) return false;
    this.#state = 'parked';
    this.#downlink.stop();
    this.#queue.hold(PARKED_BYTES);
    return true;
  }

  /** The client is back in another session, which gets all that is here. Undefined if somebody was faster. */
  surrender(queue: DownQueue, now: number): Map<number, Channel> | undefined {
    if (!this.#isOpen && this.#state !== 'parked') return undefined;
    const channels = new Map(this.#channels);
    this.#channels.clear();
    queue.absorb(this.#queue, now);
    this.close(CLOSE_REPLACED, 'replaced: the client is back');
    this.#context.surrendered(this);
    return channels;
  }

  #dropKept(): void {
    this.#kept?.drop();
    this.#kept = undefined;
  }

  get #isEstablished(): boolean {
    for (const channel of this.#channels.values()) if (channel.isEstablished) return true;
    return false;
  }

  pairMade(now: number): void {
    this.#sendTicket(now);
  }

  #sendTicket(now: number): void {
    this.#ticketAt = now + TICKET_INTERVAL;
    const { origin, grant } = this.owner;
    const issued = this.#context.wallClock();
    const ticket = this.#context.tickets.issue({
      issued,
      ends: issued + this.#watch.ends - now,
      session: this.sid,
      secret: this.#secret.toString('hex'),
      origin,
      grant: grant && { ...grant, destinations: [...grant.destinations] },
      channels: [...this.#channels.values()].flatMap((channel) => channel.ticketed(now) ?? []),
    });
    if (ticket === undefined) return;
    this.sendControl(writeControl({ type: TICKET, lifetimeSeconds: this.#context.tickets.ttl, ticket }));
  }

  // ---- what the client is sent

  #welcome(): void {
    const { limits } = this;
    this.sendControl(
      writeControl({
        type: WELCOME,
        version: 1,
        maxChannels: limits.channels,
        maxDatagram: limits.maxDatagram,
        maxMessage: limits.maxMessage,
        idleSeconds: Math.min(65_535, Math.round(limits.idleTimeout / 1000)),
        graceSeconds: Math.round(this.#context.parkTime / 1000),
        datagramsPerSecond: limits.datagramsPerSecond,
        bytesPerSecond: limits.bytesPerSecond,
        sessionId: this.id,
        secret: this.#secret,
      }),
    );
  }

  #sendClosed(channel: number, code: number, reason: string): void {
    this.#closedChannels.add(channel);
    this.sendControl(writeControl({ type: CLOSED, channel, code, reason }));
  }

  // ---- life and death

  get #isOpen(): boolean {
    return this.#state === 'open';
  }

  get #listens(): boolean {
    for (const channel of this.#channels.values()) if (channel.listens) return true;
    return false;
  }

  /** Its name in the log. */
  get sid(): string {
    return this.id.toString('hex');
  }

  /** True if there is a reason. */
  #end(ending: Ending | undefined): boolean {
    if (ending !== undefined) this.close(ending.code, ending.reason);
    return ending !== undefined;
  }

  #removeChannel(channel: Channel): void {
    this.#channels.delete(channel.number);
    channel.close();
    this.#queue.dropChannel(channel.number);
  }

  #release(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
    this.#dropKept();
    this.#downlink.close();
  }
}
