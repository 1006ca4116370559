import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { DownQueue } from '../src/core/queue/down-queue.ts';
import { TokenBucket } from '../src/core/token-bucket.ts';
import * as wire from '../src/core/wire/relay.ts';
import { Channel } from './channel.ts';
import type { Limits } from './config.ts';
import type { Ending, LogFields, RelayContext } from './context.ts';
import { Downlink } from './downlink.ts';
import { type Grant, narrowed } from './grant.ts';
import { RatePair } from './limits.ts';
import type { Verdict } from './policy.ts';
import { Resumption } from './resumption.ts';
import { SessionWatch } from './session-watch.ts';
import type { Ticket, TicketChannel } from './tickets.ts';

/** Who is closed with one of these is not listened to any more, and is gone this many ms later. */
const OFFENCES = new Set([
  ...[wire.CLOSE_TEXT_FRAME, wire.CLOSE_BAD_RECORD, wire.CLOSE_NOT_WIREGUARD, wire.CLOSE_LIMIT],
]);
const OFFENDER_TIME = 1000;
/** Of what arrives for a parked session, so much of the newest is kept. */
const PARKED_BYTES = 16 * 1024;

type Open = Extract<wire.Control, { type: typeof wire.OPEN }>;

/** Whose session it is. */
export interface SessionOwner {
  /** What counts as one client address. */
  readonly client: string;
  /** Who shares what one may have: all sessions of a subject, or of an address where nobody has to say who they are. */
  readonly party: string;
  /** By which turns are taken: the subject, or the networks that the address is in. */
  readonly path: readonly string[];
  readonly origin: string | undefined;
  /** What the client's token gives; undefined where none is needed. */
  readonly grant: Grant | undefined;
  /** By which it came. */
  readonly connection: Duplex;
}

/** One WebSocket and its channels. */
export class Session {
  /** Its name in the log, in hexadecimal. */
  readonly sid: string;
  readonly owner: SessionOwner;
  readonly limits: Readonly<Limits>;
  readonly context: RelayContext;
  readonly watch: SessionWatch;
  readonly resumption: Resumption;
  readonly #socket: WebSocket;
  readonly #channels = new Map<number, Channel>();
  /** Channels whose end the client was told: what is still on its way for them needs no second answer. */
  readonly #closedChannels = new Set<number>();
  readonly #reader = new wire.RecordReader();
  readonly #queue: DownQueue;
  readonly #downlink: Downlink;
  readonly #controls: TokenBucket;
  readonly #up: RatePair;
  readonly #down: RatePair;
  #state: 'open' | 'parked' | 'closing' | 'closed' = 'open';
  #hasSpoken = false;
  #unknownChannelAt = Number.NEGATIVE_INFINITY;
  /** For the log: datagrams of the client, bytes each way, and what did not pass, either way. */
  readonly traffic = { up: 0, bytesUp: 0, bytesDown: 0, drops: 0 };
  #closeCode = 0;

  constructor(socket: WebSocket, owner: SessionOwner, context: RelayContext) {
    const { limits } = context.config;
    const id = randomBytes(8);
    this.sid = id.toString('hex');
    this.owner = owner;
    this.limits = owner.grant === undefined ? limits : narrowed(limits, owner.grant);
    this.context = context;
    this.watch = new SessionWatch(this.limits, context.now());
    this.resumption = new Resumption(this);
    this.#socket = socket;
    this.#queue = new DownQueue(context.budget, this.limits.queueBytes, this.limits.channels);
    this.#downlink = new Downlink(socket, this.#queue, context, this.limits.maxMessage);
    const { controlsPerSecond } = this.limits;
    const burst = Math.max(wire.MAX_CHANNEL + 2, 2 * controlsPerSecond);
    this.#controls = new TokenBucket(controlsPerSecond, burst);
    this.#up = new RatePair(this.limits);
    this.#down = new RatePair(this.limits);
    socket.on('message', (data, isBinary) => this.receiveMessage(data as Buffer, isBinary));
    socket.on('ping', () => this.#end(this.watch.pinged(context.now())));
    socket.on('pong', (payload) => {
      this.#end(this.watch.answered(context.now()));
      this.#downlink.receivePong(payload);
    });
    // ws closes by itself after a protocol error; without a listener the error would end the process.
    socket.on('error', () => {});
    this.#welcome(id);
  }

  get channels(): number {
    return this.#channels.size;
  }

  /** Whether there is anything that another session could go on with. */
  get isReplaceable(): boolean {
    return this.#isOpen || this.#state === 'parked';
  }

  /** Called once a second. */
  tick(now: number): void {
    if (!this.#isOpen) return;
    const listens = [...this.#channels.values()].some((channel) => channel.listens);
    if (this.#end(this.watch.tick(now, listens))) return;
    const due = this.watch.pulse(now);
    if (due === 'ping') this.#socket.ping();
    if (due === 'dead') this.terminate();
    this.resumption.tick(now);
    if (this.#isEstablished) this.context.unproven.leave(this.owner.connection);
    for (const channel of this.#channels.values()) channel.tick(now);
  }

  /** The configuration has changed: what it does not allow any more ends. */
  recheck(): void {
    const { policy, config } = this.context;
    const { grant } = this.owner;
    if (grant !== undefined && config.tokens?.isDenied(grant.subject)) {
      this.close(wire.CLOSE_SESSION_OVER, 'session: revoked');
      return;
    }
    for (const channel of this.#channels.values()) {
      const verdict = channel.destination && policy.review(channel.destination);
      if (verdict === undefined) continue;
      if ('destination' in verdict) channel.permitted(verdict.destination);
      else this.closeChannel(channel, wire.CHANNEL_DENIED, 'not_allowed');
    }
  }

  /** The client should be gone within so many ms, with a fresh ticket, and may come back after so many. */
  goAway(reconnectWithin: number, retryAfter: number): void {
    if (!this.#isOpen) return;
    if (this.#isEstablished) this.resumption.giveTicket(this.context.now());
    this.sendControl({ type: wire.GOAWAY, reconnectWithin, retryAfter, code: wire.CLOSE_RESTARTING });
  }

  /** Says goodbye. The socket is gone within ws's close timeout, whether the client answers or not. */
  close(code: number, reason: string): void {
    if (!this.#isOpen) return;
    this.#downlink.flush();
    this.#state = 'closing';
    this.#closeCode = code;
    this.#release();
    this.#socket.close(code, reason.slice(0, 120));
    if (!OFFENCES.has(code)) return;
    // What a flood brings until the client has gone would cost as much as before.
    this.#socket.pause();
    setTimeout(() => this.terminate(), OFFENDER_TIME);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** The socket is gone. Returns what the log says about the session. */
  ended(code: number): { code: number; [amount: string]: number } {
    this.#state = 'closed';
    this.#closeCode ||= code;
    this.#release();
    const ms = Math.round(this.context.now() - this.watch.since);
    return { ms, ...this.traffic, down: this.#downlink.records, code: this.#closeCode };
  }

  // ---- what channels ask for

  sendControl(control: wire.Control): void {
    this.sendFirst(wire.CONTROL_CHANNEL, wire.writeControl(control));
  }

  /** Handshake messages and control bodies, ahead of data. */
  sendFirst(channel: number, body: Uint8Array): void {
    // What is said of a parked session's channels will be old when its client comes.
    if (!this.#isOpen && (this.#state !== 'parked' || channel === wire.CONTROL_CHANNEL)) return;
    if (!this.#queue.pushFirst(channel, body)) this.context.counters.down.drop('queue');
    this.#downlink.schedule();
  }

  /** Data; false if the session's rate is spent. Returns how many older datagrams had to go, otherwise. */
  sendData(channel: number, datagram: Uint8Array, now: number): number | false {
    if (!this.isReplaceable) return 0;
    if (!this.#down.take(now, datagram.length)) return false;
    const dropped = this.#queue.pushData(channel, datagram, now);
    this.traffic.bytesDown += datagram.length;
    this.#downlink.schedule();
    return dropped;
  }

  shapeFailed(now: number): void {
    this.#end(this.watch.shapeFailed(now));
  }

  closeChannel(channel: Channel, code: number, reason: string): void {
    if (this.#channels.get(channel.number) !== channel) return;
    this.#removeChannel(channel.number);
    this.#sendClosed(channel.number, code, reason);
  }

  // ---- what the client sends

  receiveMessage(data: Buffer, isBinary: boolean): void {
    // After our close, messages still arrive until the client's own close frame.
    if (!this.#isOpen) return;
    if (!isBinary) {
      this.close(wire.CLOSE_TEXT_FRAME, 'text: binary messages only');
      return;
    }
    this.context.counters.up.messages++;
    this.#downlink.received(data.length);
    const now = this.context.now();
    const reader = this.#reader;
    reader.begin(data);
    if (data.length === 0) this.context.counters.up.drop('empty_message');
    let isVoid = true;
    while (reader.next()) {
      isVoid = false;
      if (reader.channel === wire.CONTROL_CHANNEL) this.#receiveControl(data, reader.start, reader.end, now);
      else this.#receiveDatagram(reader.channel, data, reader.start, reader.end, now);
      this.#hasSpoken = true;
      if (!this.#isOpen) return;
    }
    this.resumption.tick(now);
    if (reader.malformed) this.close(wire.CLOSE_BAD_RECORD, 'record: malformed');
    // What says nothing costs as much as what does.
    else if (isVoid && !this.#controls.take(1, now))
      this.close(wire.CLOSE_LIMIT, 'rate: too many messages without a record');
  }

  #receiveDatagram(number: number, data: Buffer, start: number, end: number, now: number): void {
    this.watch.datagram();
    const channel = this.#channels.get(number);
    if (channel === undefined) {
      this.context.counters.up.drop('unknown_channel');
      if (this.#closedChannels.has(number) || now - this.#unknownChannelAt < 1000) return;
      this.#unknownChannelAt = now;
      this.#sendClosed(number, wire.CHANNEL_UNKNOWN, 'not_open');
      return;
    }
    if (!this.#up.take(now, end - start)) {
      channel.rateLimited(now);
      return;
    }
    this.traffic.up++;
    this.traffic.bytesUp += end - start;
    channel.receiveFromClient(data, start, end, now);
  }

  #receiveControl(data: Buffer, start: number, end: number, now: number): void {
    if (!this.#controls.take(1, now)) {
      this.close(wire.CLOSE_LIMIT, 'rate: too many control records');
      return;
    }
    // What only a relay says.
    if ((data[start]! & 0x80) !== 0) return;
    const control = wire.readControl(data, start, end);
    switch (control?.type) {
      case undefined:
        this.close(wire.CLOSE_BAD_RECORD, 'control: malformed');
        return;
      case wire.OPEN:
        this.#open(control);
        return;
      case wire.RESUME:
        if (this.#hasSpoken) this.close(wire.CLOSE_BAD_RECORD, 'resume: not the first record');
        else this.resumption.redeem(control, now);
        return;
      case wire.CLOSE:
        this.#removeChannel(control.channel);
        return;
      case wire.PING:
        this.sendControl({ type: wire.PONG, nonce: control.nonce, queuedBytes: this.#downlink.queuedBytes });
        return;
      default:
      // What later versions add.
    }
  }

  #open({ channel: number, host, port, flags }: Open): void {
    if (number < 1 || number > wire.MAX_CHANNEL) {
      this.close(wire.CLOSE_BAD_RECORD, 'open: no such channel');
      return;
    }
    if (this.#channels.has(number)) return;
    this.#closedChannels.delete(number);
    this.watch.hasOpened = true;
    if (this.#channels.size >= this.limits.channels) {
      this.#sendClosed(number, wire.CHANNEL_TOO_MANY, 'too_many_channels');
      return;
    }
    const { policy } = this.context;
    const asked = { host, port: String(port) };
    const place = policy.meant(host, port);
    const listens = (flags & wire.OPEN_LISTEN) !== 0;
    const kept = this.resumption.take(number, place, listens);
    const decision = policy.decide(host, port, this.owner.grant, kept?.address);
    const goesOn = kept && 'destination' in decision && decision.destination.address === kept.address;
    const channel = goesOn ? kept : new Channel(number, place, listens, this);
    this.#channels.set(number, channel);
    if (goesOn) {
      this.resumption.ticketAt = this.context.now();
      channel.moveTo(this);
    } else kept?.close();
    if ('pending' in decision) void decision.pending.then((late) => this.#decided(channel, asked, late));
    else this.#decided(channel, asked, decision);
  }

  #decided(channel: Channel, asked: LogFields, verdict: Verdict): void {
    if (this.#channels.get(channel.number) !== channel) return;
    if ('destination' in verdict) {
      channel.permitted(verdict.destination);
      return;
    }
    const { code, reason, detail } = verdict.refusal;
    const event = detail.startsWith('dns_policy') ? 'dns_policy' : 'denied';
    this.context.counters.denied.count(detail.replaceAll(/\W+/g, '_'));
    this.context.log.refused(event, detail, { sid: this.sid, ...asked });
    this.closeChannel(channel, code, reason);
  }

  // ---- what outlives the WebSocket

  /** Goes on where another one was, whose ticket the client has in place of a token. */
  resume(ticket: Ticket, now: number): void {
    this.#hasSpoken = true;
    this.resumption.resume(ticket, now);
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
  surrender(to: Session, now: number): Channel[] | undefined {
    if (!this.isReplaceable) return undefined;
    const channels = [...this.#channels.values()].filter((channel) => channel.destination !== undefined);
    for (const { number } of channels) this.#channels.delete(number);
    to.#queue.absorb(this.#queue, now);
    this.close(wire.CLOSE_REPLACED, 'replaced: the client is back');
    this.context.sessions.endParked((session) => session === this);
    return channels;
  }

  /** As a ticket of so many ms ago tells of it. */
  restored(told: TicketChannel, elapsed: number): Channel {
    const channel = new Channel(told.number, told.place, told.listens, this);
    channel.restore(told, elapsed);
    return channel;
  }

  get #isEstablished(): boolean {
    return [...this.#channels.values()].some((channel) => channel.isEstablished);
  }

  /** What a ticket says of its channels. */
  ticketed(now: number): TicketChannel[] {
    return [...this.#channels.values()].flatMap((channel) => channel.ticketed(now) ?? []);
  }

  // ---- what the client is sent

  #welcome(sessionId: Uint8Array): void {
    const { limits } = this;
    this.sendControl({
      type: wire.WELCOME,
      version: 1,
      maxChannels: limits.channels,
      maxDatagram: limits.maxDatagram,
      maxMessage: limits.maxMessage,
      idleSeconds: Math.min(65_535, Math.round(limits.idleTimeout / 1000)),
      graceSeconds: Math.round(this.context.config.parkTime / 1000),
      datagramsPerSecond: limits.datagramsPerSecond,
      bytesPerSecond: limits.bytesPerSecond,
      sessionId,
      secret: this.resumption.secret,
    });
  }

  #sendClosed(channel: number, code: number, reason: string): void {
    this.#closedChannels.add(channel);
    this.context.counters.channelsClosed.count(reason);
    this.sendControl({ type: wire.CLOSED, channel, code, reason });
  }

  // ---- life and death

  get #isOpen(): boolean {
    return this.#state === 'open';
  }

  /** True if there is a reason. */
  #end(ending: Ending | undefined): boolean {
    if (ending !== undefined) this.close(ending.code, ending.reason);
    return ending !== undefined;
  }

  #removeChannel(number: number): void {
    this.#channels.get(number)?.close();
    this.#channels.delete(number);
    this.#queue.dropChannel(number);
  }

  #release(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
    this.resumption.drop();
    this.#downlink.close();
  }
}
