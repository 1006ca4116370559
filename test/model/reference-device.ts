// The device around reference peers: whom a message concerns, by index, identity and route.
import { TokenBucket } from '../../src/core/token-bucket.ts';
import { COOKIE_REPLY_SIZE } from '../../src/core/wireguard/messages.ts';
import { type Handshake, ReferenceGate } from './reference-gate.ts';
import type { Inner, Message } from './reference-message.ts';
import { type ReferenceConfig, ReferencePeer } from './reference-peer.ts';

/** What the world gives: the same numbers that the device under test draws, in the same order. */
export interface Chance {
  jitter(): number;
  index(): number;
  messageId(): number;
  /** Unix time, milliseconds. */
  wall(): number;
}

export class ReferenceDevice {
  identity: string;
  isUp = false;
  readonly peers = new Map<string, ReferencePeer>();
  readonly drops: Record<string, number> = {};
  /** What came out since the last look. */
  readonly sent: { message: Message; to: string }[] = [];
  readonly delivered: number[] = [];
  readonly events: string[] = [];
  /** Of the last initiation, in whitened steps: sixty to a second. */
  lastTimestamp: number | undefined;
  /** Whose an address of the inner network is; 0: whose the rest of it is. Negative addresses are elsewhere. */
  readonly #routes = new Map<number, ReferencePeer>();
  readonly #chance: Chance;
  readonly #gate = new ReferenceGate({
    count: (reason, times) => this.count(reason, times),
    secret: () => this.#chance.messageId(),
    refuseWithCookie: (message, cookie, to) => this.#refuseWithCookie(message, cookie, to),
    consume: (message, from, now) => this.#consume(message, from, now),
  });
  readonly #calls = new TokenBucket(400, 16);
  #lastNow: number | undefined;

  constructor(identity: string, chance: Chance, lastTimestamp: number | undefined) {
    this.identity = identity;
    this.#chance = chance;
    this.lastTimestamp = lastTimestamp;
  }

  // ---- what peers ask for

  jitter(): number {
    return this.#chance.jitter();
  }

  wall(): number {
    return this.#chance.wall();
  }

  newIndex(): number {
    for (;;) {
      const index = this.#chance.index();
      if (index !== 0 && !this.#owner(index)) return index;
    }
  }

  /** When a peer may be called: 16 at once, 400 in a second. */
  turn(now: number): number {
    const at = this.#calls.has(1, now) ? now : this.#calls.availableAt(1);
    this.#calls.charge(1);
    return at;
  }

  /** Whitened to 2^24 ns, of which there are sixty in a second, and greater than the last. */
  newTimestamp(): number {
    const wall = this.wall();
    const seconds = Math.floor(wall / 1000);
    const step = Math.floor(((wall - seconds * 1000) * 1e6) / 2 ** 24);
    this.lastTimestamp = Math.max(seconds * 60 + step, (this.lastTimestamp ?? 0) + 1);
    return this.lastTimestamp;
  }

  put(message: Omit<Message, 'id' | 'by'>, to: string): number {
    const id = this.#chance.messageId();
    this.sent.push({ message: { ...message, id, by: this.identity } as Message, to });
    return id;
  }

  event(text: string): void {
    this.events.push(text);
  }

  count(reason: string, times = 1): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + times;
  }

  deliver(inner: Inner, by: ReferencePeer): void {
    if (!inner.isSound) by.refuse('bad_inner');
    else if (this.#route(inner.source) !== by) by.refuse('disallowed_source');
    else this.delivered.push(inner.id);
  }

  // ---- configuration

  addPeer(name: string, config: ReferenceConfig, routes: number[], now: number): void {
    if (name === this.identity || this.peers.has(name)) return;
    const peer = new ReferencePeer(name, config, this);
    this.peers.set(name, peer);
    for (const route of routes) this.#routes.set(route, peer);
    if (this.isUp) peer.start(now);
  }

  removePeer(name: string): void {
    const peer = this.peers.get(name);
    if (!peer) return;
    for (const [route, owner] of this.#routes) if (owner === peer) this.#routes.delete(route);
    this.peers.delete(name);
    peer.stop();
  }

  setIdentity(name: string, now: number): void {
    if (name === this.identity) return;
    this.identity = name;
    this.#gate.clear('identity_changed');
    this.removePeer(name);
    for (const peer of this.peers.values()) peer.identityChanged(now);
  }

  up(now: number): void {
    if (this.isUp) return;
    this.isUp = true;
    this.#lastNow = now;
    for (const peer of this.peers.values()) peer.start(now);
  }

  down(): void {
    this.isUp = false;
    this.#gate.clear('device_down');
    for (const peer of this.peers.values()) peer.stop();
  }

  // ---- inputs

  get deadline(): number {
    return Math.min(this.#gate.deadline, this.peersDeadline);
  }

  get peersDeadline(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.peers.values()].map((peer) => peer.deadline));
  }

  /** After more than 180 s without any input no session can be alive; and what is overdue comes first. */
  #notice(now: number): void {
    const last = this.#lastNow ?? now;
    this.#lastNow = now;
    if (now - last <= 180_000) return;
    for (const peer of this.peers.values()) peer.dropSessions();
    for (const peer of this.peers.values()) peer.poll(now);
  }

  poll(now: number): void {
    this.#notice(now);
    this.#gate.poll(now);
    for (const peer of this.peers.values()) peer.poll(now);
  }

  reconnected(now: number): void {
    this.#notice(now);
    if (this.isUp) for (const peer of this.peers.values()) peer.reconnected(now);
  }

  handshakeNeeded(endpoint: string, now: number): void {
    if (!this.isUp) return;
    for (const peer of this.peers.values()) if (peer.endpoint === endpoint) peer.handshakeNeeded(now);
  }

  send(inner: Inner, now: number): string {
    this.#notice(now);
    const peer = this.#route(inner.destination);
    if (peer) return peer.send(inner, now);
    this.count('no_peer');
    return 'no_peer';
  }

  receive(message: Message, from: string, now: number): void {
    this.#notice(now);
    if (message.broken === 'type') this.count('malformed');
    else if (!this.isUp) this.count('device_down');
    else if (message.kind === 'transport') this.#transport(message, from, now);
    else if (message.kind === 'cookie') this.#cookie(message, now);
    else if (message.broken === 'mac1' || message.to !== this.identity) this.count('bad_mac1');
    else this.#gate.receive(message, from, now);
  }

  #refuseWithCookie(message: Handshake, cookie: string, to: string): void {
    const about = message.mac1 ?? message.id;
    const reply = {
      kind: 'cookie',
      receiver: message.sender,
      about,
      cookie,
      to: message.by,
      size: COOKIE_REPLY_SIZE,
    };
    this.put(reply as Omit<Message, 'id' | 'by'>, to);
  }

  #transport(message: Message & { kind: 'transport' }, from: string, now: number): void {
    const session = this.#owner(message.receiver)?.sessions.find(({ local }) => local === message.receiver);
    const peer = session && this.#owner(message.receiver);
    this.#conclude(peer, session ? peer!.transport(session, message, from, now) : 'unknown_index');
  }

  #cookie(message: Message & { kind: 'cookie' }, now: number): void {
    const peer = this.#owner(message.receiver);
    this.#conclude(peer, peer ? peer.cookieReply(message, now) : 'unexpected_cookie');
  }

  /** Returns how many DHs it cost: one finds out who it is, three more answer. */
  #consume(message: Handshake, from: string, now: number): number {
    const peer = message.kind === 'initiation' ? this.peers.get(message.by) : this.#owner(message.receiver);
    if (message.kind === 'response') {
      if (peer?.inFlight?.index !== message.receiver) {
        this.count('unexpected_response');
        return 0;
      }
      this.#conclude(peer, peer.response(message, from, now));
      return 2;
    }
    if (message.broken === 'static') {
      this.count('bad_static');
      return 1;
    }
    const reason = peer ? peer.initiation(message, from, now) : 'unknown_peer';
    this.#conclude(peer, reason);
    return reason ? 1 : 4;
  }

  #conclude(peer: ReferencePeer | undefined, reason: string | undefined): void {
    if (reason && peer) peer.refuse(reason);
    else if (reason) this.count(reason);
  }

  #owner(index: number): ReferencePeer | undefined {
    for (const peer of this.peers.values())
      if (peer.inFlight?.index === index || peer.sessions.some(({ local }) => local === index)) return peer;
    return undefined;
  }

  #route(address: number): ReferencePeer | undefined {
    return address < 0 ? undefined : (this.#routes.get(address) ?? this.#routes.get(0));
  }
}
