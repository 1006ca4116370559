// The second opinion on one peer: wireguard-go's rules, and ours where they go beyond, once more and as plainly as
// possible. Nothing is shared with the device under test but the message sizes.
import { INITIATION_SIZE, RESPONSE_SIZE, TRANSPORT_MIN_SIZE } from '../../src/core/wireguard/messages.ts';
import type { ReferenceDevice } from './reference-device.ts';
import type { Inner, Message } from './reference-message.ts';

type Timer = 'RH' | 'SK' | 'NH' | 'ZK' | 'PK';
const TIMERS: Record<string, Partial<Record<Timer, 'arm' | 'arm if idle' | 'cancel'>>> = {
  'initiation sent': { RH: 'arm', SK: 'cancel', PK: 'arm' },
  'response sent': { SK: 'cancel', ZK: 'arm', PK: 'arm' },
  'data sent': { SK: 'cancel', NH: 'arm if idle', PK: 'arm' },
  'keepalive sent': { SK: 'cancel', PK: 'arm' },
  'initiation received': { NH: 'cancel', PK: 'arm' },
  'response received': { RH: 'cancel', NH: 'cancel', ZK: 'arm', PK: 'arm' },
  'session confirmed': { RH: 'cancel', NH: 'cancel', PK: 'arm' },
  'data received': { SK: 'arm if idle', NH: 'cancel', PK: 'arm' },
  'keepalive received': { NH: 'cancel', PK: 'arm' },
};
const NEVER = Number.POSITIVE_INFINITY;
const MTU = 1420;

interface Session {
  id: number;
  isInitiator: boolean;
  local: number;
  remote: number;
  created: number;
  /** The next to send with; infinite when it may not send any more. */
  counter: number;
  greatest: number;
  seen: Set<number>;
}

export interface ReferenceConfig {
  psk: string;
  endpoint: string | undefined;
  keepalive: number;
}

export class ReferencePeer {
  readonly name: string;
  psk: string;
  endpoint: string | undefined;
  keepalive: number;
  previous: Session | undefined;
  current: Session | undefined;
  next: Session | undefined;
  inFlight: { id: number; index: number } | undefined;
  readonly staged: (Inner | undefined)[] = [];
  readonly drops: Record<string, number> = {};
  latestHandshake: number | undefined;
  rx = 0;
  tx = 0;
  attemptsShown = 0;
  readonly #device: ReferenceDevice;
  readonly #at: Record<Timer, number> = { RH: NEVER, SK: NEVER, NH: NEVER, ZK: NEVER, PK: NEVER };
  #attempts = 0;
  #needsAnother = false;
  #unanswered = 0;
  #renewedOnReceive = false;
  #lastSent = -NEVER;
  /** How much longer than 5 s new reasons to initiate wait, because our initiation crossed the peer's. */
  #deference = 0;
  #lastConsumed = -NEVER;
  #greatestTimestamp = 0;
  #cookie: { value: string; at: number } | undefined;
  #lastMac1: number | undefined;

  constructor(name: string, config: ReferenceConfig, device: ReferenceDevice) {
    this.name = name;
    this.psk = config.psk;
    this.endpoint = config.endpoint;
    this.keepalive = config.keepalive;
    this.#device = device;
  }

  get sessions(): Session[] {
    return [this.previous, this.current, this.next].filter((session) => session !== undefined);
  }

  get deadline(): number {
    return Math.min(...Object.values(this.#at));
  }

  canSend(now: number): boolean {
    return this.current !== undefined && now - this.current.created < 180_000 && this.current.counter < NEVER;
  }

  refuse(reason: string, times = 1): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + times;
    this.#device.count(reason, times);
  }

  // ---- timers

  #event(name: string, now: number): void {
    if (name === 'data sent') this.#unanswered = this.#at.NH === NEVER ? 1 : this.#unanswered + 1;
    for (const [timer, what] of Object.entries(TIMERS[name]!) as [Timer, string][])
      if (what === 'cancel') this.#at[timer] = NEVER;
      else if (what === 'arm' || this.#at[timer] === NEVER) this.#arm(timer, now);
      else if (timer === 'SK') this.#needsAnother = true;
  }

  #arm(timer: Timer, now: number): void {
    if (timer === 'PK') this.#at.PK = this.keepalive > 0 ? now + this.keepalive * 1000 : NEVER;
    else if (timer === 'RH') this.#at.RH = now + 5000 + this.#device.jitter();
    else if (timer === 'NH') this.#at.NH = now + 15_000 + this.#device.jitter();
    else this.#at[timer] = now + (timer === 'SK' ? 10_000 : 540_000);
  }

  poll(now: number): void {
    const isDue = (timer: Timer) => now >= this.#at[timer] && (this.#at[timer] = NEVER) === NEVER;
    if (isDue('ZK')) this.#zeroKeys();
    if (isDue('RH')) {
      if (this.#attempts > 18) this.#giveUp(now);
      else if (this.initiate(true, now)) this.#attempts++;
      else this.#at.RH = Math.max(this.#lastSent + 5000, now + 1) + this.#device.jitter();
    }
    if (isDue('NH')) {
      if (this.canSend(now) && now - this.current!.created < 120_000)
        this.#device.event(`stopped-hearing ${this.name} ${now - this.current!.created} ${this.#unanswered}`);
      this.initiate(false, now);
    }
    if (isDue('PK')) {
      this.sendKeepalive(now);
      if (this.#at.PK === NEVER) this.#arm('PK', now);
    }
    if (isDue('SK')) {
      this.sendKeepalive(now);
      if (this.#needsAnother) this.#at.SK = now + 10_000;
      this.#needsAnother = false;
    }
  }

  #giveUp(now: number): void {
    this.#at.SK = NEVER;
    if (this.#at.ZK === NEVER) this.#arm('ZK', now);
    this.#flushOut('handshake_gave_up');
    this.#device.event(`gave-up ${this.name}`);
  }

  #zeroKeys(): void {
    this.#forgetKeys();
    this.#flushOut('keys_zeroed');
    this.#device.event(`keys-zeroed ${this.name}`);
  }

  #flushOut(reason: string): void {
    if (this.staged.length > 0) this.refuse(reason, this.staged.splice(0).length);
  }

  // ---- life

  start(now: number): void {
    this.#lastSent = -NEVER;
    this.#arm('PK', now);
    this.#call(now);
  }

  /** When many peers are called at once, the later ones wait for their turn. */
  #call(now: number): void {
    const at = this.endpoint ? this.#device.turn(now) : NEVER;
    if (at <= now) this.initiate(false, now);
    else if (at < NEVER) this.#at.NH = at;
  }

  stop(): void {
    this.#forgetKeys();
    for (const timer of Object.keys(this.#at) as Timer[]) this.#at[timer] = NEVER;
    this.#attempts = 0;
    this.#needsAnother = false;
    this.#flushOut('peer_stopped');
  }

  #forgetKeys(): void {
    this.inFlight = undefined;
    this.dropSessions();
  }

  dropSessions(): void {
    this.previous = this.current = this.next = undefined;
  }

  identityChanged(now: number): void {
    const isWanted = this.staged.length > 0 || this.#at.RH < NEVER;
    this.inFlight = undefined;
    this.#lastSent = -NEVER;
    if (this.current) this.current.counter = NEVER;
    if (this.next) this.next.counter = NEVER;
    if (isWanted) this.#call(now);
  }

  reconnected(now: number): void {
    this.#cookie = undefined;
    if (this.canSend(now)) this.sendKeepalive(now);
    else if (this.staged.length > 0 || this.#at.RH < NEVER || this.keepalive > 0) this.#call(now);
  }

  handshakeNeeded(now: number): void {
    if (!this.initiate(false, now))
      this.#at.RH = Math.min(this.#at.RH, Math.max(this.#lastSent + 5000, now + 1));
  }

  setKeepalive(seconds: number, now: number): void {
    const before = this.keepalive;
    if (seconds === before) return;
    this.keepalive = seconds;
    this.#at.PK = NEVER;
    if (this.#device.isUp) this.#arm('PK', now);
    if (before === 0) this.sendKeepalive(now);
  }

  // ---- sending

  send(inner: Inner, now: number): string {
    if (!this.endpoint) {
      this.refuse('no_endpoint');
      return 'no_endpoint';
    }
    if (this.staged.length === 0 && this.#device.isUp && this.canSend(now)) {
      this.#transmit(inner, now);
      return 'sent';
    }
    this.#stage(inner);
    this.#flush(now);
    return 'staged';
  }

  sendKeepalive(now: number): void {
    if (!this.endpoint || !this.#device.isUp) return;
    if (this.staged.length === 0) this.#stage(undefined);
    this.#flush(now);
  }

  #stage(inner: Inner | undefined): void {
    if (this.staged.push(inner) <= 128) return;
    this.staged.shift();
    this.refuse('staged_overflow');
  }

  #flush(now: number): void {
    while (this.#device.isUp && this.staged.length > 0)
      if (this.canSend(now)) this.#transmit(this.staged.shift(), now);
      else return void this.initiate(false, now);
  }

  #transmit(inner: Inner | undefined, now: number): void {
    const { id, isInitiator, remote, created } = this.current!;
    const counter = this.current!.counter++;
    const common = { receiver: remote, session: id, fromInitiator: isInitiator, counter };
    const size = TRANSPORT_MIN_SIZE + padded(inner?.size ?? 0);
    this.#put({ kind: 'transport', ...common, ...(inner && { inner }), size });
    this.#event(inner ? 'data sent' : 'keepalive sent', now);
    if (isInitiator && now - created > 120_000) this.initiate(false, now);
  }

  #put(message: Record<string, unknown> & { size: number }): number {
    this.tx += message.size;
    return this.#device.put({ ...message, to: this.name } as Omit<Message, 'id' | 'by'>, this.endpoint!);
  }

  /** mac2 with a cookie that is fresh, and the mac1 that a cookie reply may be about. */
  #stamped(message: Record<string, unknown> & { size: number }, now: number): number {
    if (this.#cookie && now - this.#cookie.at > 115_000) this.#cookie = undefined;
    this.#lastSent = now;
    this.#lastMac1 = this.#put({ ...message, ...(this.#cookie && { mac2: this.#cookie.value }) });
    return this.#lastMac1;
  }

  initiate(isRetry: boolean, now: number): boolean {
    if (!isRetry) this.#attempts = 0;
    const hold = 5000 + (isRetry ? 0 : this.#deference);
    if (!this.#device.isUp || !this.endpoint || now - this.#lastSent < hold) return false;
    this.#deference = 0;
    this.inFlight = undefined;
    const index = this.#device.newIndex();
    const timestamp = this.#device.newTimestamp();
    const message = { kind: 'initiation', sender: index, timestamp, size: INITIATION_SIZE };
    this.inFlight = { id: this.#stamped(message, now), index };
    this.#event('initiation sent', now);
    this.#device.event(`handshake-attempt ${this.name} ${++this.attemptsShown} ${isRetry}`);
    return true;
  }

  // ---- receiving: each returns why it is refused

  initiation(message: Message & { kind: 'initiation' }, from: string, now: number): string | undefined {
    if (message.broken === 'timestamp') return 'bad_timestamp';
    if (message.timestamp <= this.#greatestTimestamp) return 'replayed_initiation';
    if (now - this.#lastConsumed <= 20) return 'initiation_flood';
    this.#greatestTimestamp = message.timestamp;
    this.#lastConsumed = now;
    this.#authentic(message, from);
    this.#event('initiation received', now);
    this.#deference = this.inFlight ? this.#device.jitter() : 0;
    this.inFlight = undefined;
    const local = this.#device.newIndex();
    const common = { sender: local, receiver: message.sender, answers: message.id, psk: this.psk };
    const id = this.#stamped({ kind: 'response', ...common, size: RESPONSE_SIZE }, now);
    this.previous = undefined;
    this.next = session(id, false, local, message.sender, now);
    this.#event('response sent', now);
    return undefined;
  }

  response(message: Message & { kind: 'response' }, from: string, now: number): string | undefined {
    if (message.broken || message.answers !== this.inFlight?.id || message.psk !== this.psk) {
      this.#device.event(`psk-mismatch ${this.name}`);
      return 'bad_response';
    }
    this.previous = this.next ?? this.current;
    this.current = session(message.id, true, this.inFlight.index, message.sender, now);
    this.next = this.inFlight = undefined;
    this.#authentic(message, from);
    this.#event('response received', now);
    this.#sessionBegan(true);
    this.sendKeepalive(now);
    return undefined;
  }

  cookieReply(message: Message & { kind: 'cookie' }, now: number): string | undefined {
    if (this.#lastMac1 === undefined) return 'unexpected_cookie';
    if (message.broken || message.about !== this.#lastMac1 || message.by !== this.name) return 'bad_cookie';
    this.#cookie = { value: message.cookie, at: now };
    this.#lastMac1 = undefined;
    return undefined;
  }

  transport(
    on: Session,
    message: Message & { kind: 'transport' },
    from: string,
    now: number,
  ): string | undefined {
    if (now - on.created > 180_000) return 'expired_session';
    if (message.broken || message.session !== on.id || message.fromInitiator === on.isInitiator)
      return 'bad_tag';
    if (on.greatest - message.counter > 8128 || on.seen.has(message.counter)) return 'replay';
    on.seen.add(message.counter);
    on.greatest = Math.max(on.greatest, message.counter);
    this.#authentic(message, from);
    const confirms = on === this.next;
    if (confirms) {
      this.previous = this.current;
      this.current = on;
      this.next = undefined;
      this.#event('session confirmed', now);
      this.#sessionBegan(false);
    }
    const { current } = this;
    if (!this.#renewedOnReceive && current?.isInitiator && now - current.created > 165_000) {
      this.#renewedOnReceive = true;
      this.initiate(false, now);
    }
    this.#event(message.inner ? 'data received' : 'keepalive received', now);
    if (confirms && this.staged.length > 0) this.#flush(now);
    if (message.inner) this.#device.deliver(message.inner, this);
    return undefined;
  }

  #authentic(message: Message, from: string): void {
    this.rx += message.size;
    if (from !== this.endpoint) this.#device.event(`roamed ${this.name} ${from}`);
    this.endpoint = from;
  }

  #sessionBegan(isInitiator: boolean): void {
    this.#attempts = this.attemptsShown = 0;
    this.#renewedOnReceive = false;
    this.latestHandshake = this.#device.wall();
    this.#device.event(`handshake ${this.name} ${isInitiator}`);
  }
}

function session(id: number, isInitiator: boolean, local: number, remote: number, created: number): Session {
  return { id, isInitiator, local, remote, created, counter: 0, greatest: 0, seen: new Set() };
}

/** A multiple of 16, but never past the MTU. */
function padded(size: number): number {
  const last = size > MTU ? size % MTU : size;
  return size - last + Math.min(MTU, Math.ceil(last / 16) * 16);
}
