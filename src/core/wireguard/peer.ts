// One peer: its handshake, its sessions, its timers, its way out. The parts are in files of their own; what happens when,
// and in which order, is here. Read timers.ts and keypair.ts first.
import type { IpPrefix } from '../address.ts';
import { toBase64 } from '../bytes.ts';
import { DropCounters } from '../counters.ts';
import { type Endpoint, printEndpoint } from '../endpoint.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import type { Instant, Millis } from '../time.ts';
import { REKEY_AFTER_TIME, REKEY_ON_RECEIVE_TIME } from './constants.ts';
import type { SendVerdict } from './device.ts';
import type { DatagramDrop, DeviceDrop } from './drops.ts';
import { HandshakeSlot } from './handshake-slot.ts';
import { innerLength, innerSource, innerVersion } from './inner-packet.ts';
import { type Keypair, Keypairs } from './keypair.ts';
import { INITIATION_SIZE, RESPONSE_SIZE } from './messages.ts';
import type { SymmetricState } from './noise.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import type { PeerHost } from './peer-host.ts';
import type { PeerConfig, PeerStatus } from './peer-status.ts';
import { Timers, type TimersOwner } from './timers.ts';
import { openTransport } from './transport.ts';

export class Peer implements TimersOwner, OutboxOwner {
  readonly publicKey: Uint8Array;
  readonly #host: PeerHost;
  readonly #handshake: HandshakeSlot;
  readonly #timers: Timers;
  readonly #keypairs: Keypairs;
  readonly #outbox: Outbox;
  readonly #drops = new DropCounters<DeviceDrop>();
  /** An initiation waits for the identity to answer. */
  #initiationIsOverdue = false;
  #handshakeAttempts = 0;
  /** Whether receiving on a session near its end has led to an initiation already. */
  #renewedOnReceive = false;
  #latestHandshake: Millis | undefined;
  /** As the outbox’s. */
  readonly #rxBytes = new Float64Array(1);

  constructor(config: PeerConfig, host: PeerHost, now: Instant) {
    this.publicKey = config.publicKey.slice();
    this.#host = host;
    this.#handshake = new HandshakeSlot(this, host, config.presharedKey);
    this.#timers = new Timers(this, host.jitter, host.alarm);
    this.#timers.setPersistentKeepalive(config.persistentKeepalive, now);
    this.#keypairs = new Keypairs((keypair) => host.indices.release(keypair.localIndex));
    this.#outbox = new Outbox(this, host, this.#keypairs, this.#timers);
    this.#outbox.endpoint = config.endpoint;
  }

  // ---- Life

  /** Gets ready for handshakes. */
  prepare(now: Instant): void {
    this.#handshake.prepare(now, (later) => {
      if (this.#initiationIsOverdue) this.sendInitiation(false, later);
    });
  }

  /** The device is up: calls the peer, if it is known where it is. */
  start(now: Instant): void {
    this.#handshake.forgetLastSent();
    this.#timers.start(now);
    this.call(now);
  }

  /** Initiates, at once or when it is this peer's turn. */
  call(now: Instant): void {
    const { calls } = this.#host;
    if (!this.#outbox.endpoint) return;
    if (calls.take(1, now)) {
      this.sendInitiation(false, now);
      return;
    }
    this.#timers.callAt(calls.availableAt(1));
    calls.charge(1);
  }

  /** Ends all sessions and forgets all keys but the static ones. Counters and the greatest timestamp stay. */
  stop(): void {
    this.#timers.stop();
    this.#handshake.drop();
    this.#keypairs.dropAll();
    this.#outbox.dropStaged('peer_stopped');
    this.#initiationIsOverdue = false;
  }

  /** The end of this peer. */
  remove(): void {
    this.stop();
    this.#handshake.destroy();
  }

  poll(now: Instant): void {
    this.#timers.poll(now);
  }

  pollAt(): Instant {
    return this.#timers.pollAt();
  }

  /** Nothing happened for so long that every session is too old: its keys need not wait for their timer. */
  dropSessions(): void {
    this.#keypairs.dropAll();
  }

  /**
   * Our static key is another from now on. What is in flight is dropped; sessions receive until they are too old, and
   * the next packet begins a handshake under the new key, or what waits for one does.
   */
  identityChanged(now: Instant): void {
    const isWanted = this.#outbox.hasStaged || this.#timers.isRetransmitting;
    this.#handshake.forgetIdentity();
    this.#keypairs.endSending();
    this.prepare(now);
    if (isWanted) this.call(now);
  }

  /** Our outer address changed: the peer learns of it by hearing from us. */
  reconnected(now: Instant): void {
    this.#handshake.forgetCookie();
    if (this.#keypairs.current?.canSend(now)) this.sendKeepalive(now);
    else if (this.#outbox.hasStaged || this.#timers.isRetransmitting || this.#timers.persistentKeepalive > 0)
      this.call(now);
  }

  /** On the way to this endpoint only handshakes get through. Data cannot ask again, so a held-back one is not forgotten. */
  handshakeNeeded(endpoint: Endpoint, now: Instant): void {
    if (endpoint !== this.#outbox.endpoint) return;
    if (!this.sendInitiation(false, now)) this.#timers.initiationHeldBack(now);
  }

  /** Takes effect with the next handshake. Whether it is another one than before. */
  setPresharedKey(key: Uint8Array | undefined): boolean {
    return this.#handshake.setPresharedKey(key);
  }

  /** Undefined, as in a configuration that names none: what was learned stays. */
  setEndpoint(endpoint: Endpoint | undefined): void {
    this.#outbox.endpoint = endpoint ?? this.#outbox.endpoint;
  }

  /** Seconds; turning it on says something at once. */
  setPersistentKeepalive(seconds: number, now: Instant): void {
    const before = this.#timers.persistentKeepalive;
    if (seconds === before) return;
    this.#timers.setPersistentKeepalive(seconds, now);
    if (before === 0) this.sendKeepalive(now);
  }

  /** A prefix that another peer has moves here; what is not listed is nobody's, unless another peer has it. */
  setAllowedIps(prefixes: readonly IpPrefix[]): void {
    const { allowedIps } = this.#host;
    allowedIps.removeOwner(this);
    for (const prefix of prefixes) allowedIps.insert(prefix, this);
  }

  /** Where it is, as far as we know. */
  get endpoint(): Endpoint | undefined {
    return this.#outbox.endpoint;
  }

  /** Whether data can leave at once. */
  hasSession(now: Instant): boolean {
    return this.#keypairs.current?.canSend(now) ?? false;
  }

  status(now: Instant): PeerStatus {
    return {
      publicKey: toBase64(this.publicKey),
      hasPresharedKey: this.#handshake.hasPresharedKey,
      endpoint: this.#outbox.endpoint && printEndpoint(this.#outbox.endpoint),
      allowedIps: this.#host.allowedIps.prefixesOf(this).map(String),
      latestHandshake: this.#latestHandshake,
      rxBytes: this.#rxBytes[0]!,
      txBytes: this.#outbox.txBytes,
      persistentKeepalive: this.#timers.persistentKeepalive,
      hasSession: this.hasSession(now),
      handshakeAttempts: this.#handshakeAttempts,
      drops: this.#drops.toRecord(),
    };
  }

  /** Counts a datagram or packet of this peer that was refused. */
  refuse(reason: DeviceDrop, times = 1): void {
    this.#drops.count(reason, times);
    this.#host.drops.count(reason, times);
  }

  // ---- Sending

  sendPacket(packet: PacketBuffer, now: Instant): SendVerdict {
    if (!this.#handshake.isHopeless) return this.#outbox.sendPacket(packet, now);
    this.refuse('no_peer');
    return 'no_peer';
  }

  sendKeepalive(now: Instant): void {
    this.#outbox.sendKeepalive(now);
  }

  /** Clears the staging area, which is about to be cut anew; returns what puts everything back. */
  unstage(): () => void {
    return this.#outbox.unstage();
  }

  // ---- Receiving

  /** A transport message for one of our sessions. */
  receiveTransport(keypair: Keypair, datagram: PacketBuffer, from: Endpoint, now: Instant): void {
    const { length } = datagram;
    const drop = openTransport(this.#host.environment.crypto, keypair, datagram, now);
    if (drop) {
      this.refuse(drop);
      return;
    }
    // From here on it is authentic, whatever is inside.
    this.#rxBytes[0]! += length;
    this.#roam(from);
    const isConfirmation = this.#keypairs.confirm(keypair);
    if (isConfirmation) {
      this.#timers.sessionConfirmed(now);
      this.#sessionBegan(false);
    }
    this.#renewOnReceive(now);
    const isKeepalive = datagram.length === 0;
    if (isKeepalive) this.#timers.keepaliveReceived(now);
    else this.#timers.dataReceived(now);
    if (isConfirmation && this.#outbox.hasStaged) this.#outbox.flush(now);
    if (!isKeepalive) this.#deliver(datagram);
  }

  #deliver(packet: PacketBuffer): void {
    const version = innerVersion(packet);
    const length = version === 0 ? 0 : innerLength(packet, version);
    if (version === 0 || length === 0) {
      this.refuse('bad_inner');
      return;
    }
    packet.trimBack(packet.length - length);
    if (this.#host.allowedIps.lookup(packet.memory, innerSource(packet, version), version) !== this) {
      this.refuse('disallowed_source');
      return;
    }
    this.#host.sink.deliverPacket(packet);
  }

  /** Who only receives would lose the session at 180 s: its initiator renews it before (WG §6.2). */
  #renewOnReceive(now: Instant): void {
    const { current } = this.#keypairs;
    if (this.#renewedOnReceive || !current?.isInitiator) return;
    if (now - current.createdAt <= REKEY_ON_RECEIVE_TIME) return;
    this.#renewedOnReceive = true;
    this.sendInitiation(false, now);
  }

  /** The peer is where its latest authentic datagram came from (WG §2.1). */
  #roam(from: Endpoint): void {
    if (from === this.#outbox.endpoint) return;
    this.#outbox.endpoint = from;
    this.#host.sink.notify({ type: 'roamed', publicKey: this.publicKey, endpoint: from });
  }

  // ---- Handshake

  retransmissionAllowedAt(): Instant {
    return this.#handshake.retransmissionAllowedAt;
  }

  sendInitiation(isRetry: boolean, now: Instant): boolean {
    if (!isRetry) this.#timers.initiationWanted();
    const { retransmissionAllowedAt, initiationAllowedAt } = this.#handshake;
    const allowedAt = isRetry ? retransmissionAllowedAt : initiationAllowedAt;
    if (!this.#host.isUp || !this.#outbox.endpoint || now < allowedAt) return false;
    this.#initiationIsOverdue = !this.#handshake.isReady;
    const message = this.#handshake.isReady ? this.#handshake.createInitiation(now) : undefined;
    if (!message) return false;
    this.#outbox.sendHandshakeMessage(message);
    this.#timers.initiationSent(now);
    const attempt = ++this.#handshakeAttempts;
    this.#host.sink.notify({ type: 'handshake-attempt', publicKey: this.publicKey, attempt, isRetry });
    return true;
  }

  /** An initiation whose static key is this peer's: from here to the answer in one turn. */
  consumeInitiation(
    symmetric: SymmetricState,
    message: Uint8Array,
    from: Endpoint,
    now: Instant,
  ): DatagramDrop | undefined {
    const received = this.#handshake.consumeInitiation(symmetric, message, now);
    if (typeof received === 'string') return received;
    this.#rxBytes[0]! += INITIATION_SIZE;
    this.#roam(from);
    this.#timers.initiationReceived(now);
    const response = this.#handshake.createResponse(received, now);
    if (typeof response === 'string') return response;
    this.#keypairs.installAsResponder(response.keypair);
    this.#host.indices.assign(response.keypair.localIndex, response.keypair);
    this.#outbox.sendHandshakeMessage(response.message);
    this.#timers.responseSent(now);
    return undefined;
  }

  /** Whether the handshake in flight is the one with this index. */
  awaitsResponse(index: number): boolean {
    return this.#handshake.awaitsResponse(index);
  }

  /** `se`: DH of our static key with the response's ephemeral. The caller has asked `awaitsResponse` in this turn. */
  consumeResponse(
    message: Uint8Array,
    se: Uint8Array,
    from: Endpoint,
    now: Instant,
  ): DatagramDrop | undefined {
    const keypair = this.#handshake.consumeResponse(message, se, now);
    if (keypair === 'does-not-open')
      this.#host.sink.notify({ type: 'psk-mismatch', publicKey: this.publicKey });
    if (typeof keypair === 'string') return keypair === 'no_key_slot' ? keypair : 'bad_response';
    this.#keypairs.installAsInitiator(keypair);
    this.#host.indices.assign(keypair.localIndex, keypair);
    this.#rxBytes[0]! += RESPONSE_SIZE;
    this.#roam(from);
    this.#timers.responseReceived(now);
    this.#sessionBegan(true);
    // The peer may not send before it has heard from us on the new session.
    this.sendKeepalive(now);
    return undefined;
  }

  consumeCookieReply(reply: Uint8Array, now: Instant): DatagramDrop | undefined {
    return this.#handshake.consumeCookieReply(reply, now);
  }

  #sessionBegan(isInitiator: boolean): void {
    this.#latestHandshake = this.#host.environment.wallClock();
    this.#handshakeAttempts = 0;
    this.#renewedOnReceive = false;
    this.#host.sink.notify({ type: 'handshake', publicKey: this.publicKey, isInitiator });
  }

  // ---- What the timers ask for, besides initiations and keepalives

  giveUp(): void {
    this.#outbox.dropStaged('handshake_gave_up');
    this.#host.sink.notify({ type: 'gave-up', publicKey: this.publicKey });
  }

  /** A session that is to be renewed anyway may go unnoticed; one that ends early is worth a word. */
  stoppedHearing(unanswered: number, now: Instant): void {
    const { current } = this.#keypairs;
    if (!current?.canSend(now) || current.age(now) >= REKEY_AFTER_TIME) return;
    const sessionAge = current.age(now);
    this.#host.sink.notify({ type: 'stopped-hearing', publicKey: this.publicKey, sessionAge, unanswered });
  }

  zeroKeys(): void {
    this.#handshake.drop();
    this.#keypairs.dropAll();
    this.#outbox.dropStaged('keys_zeroed');
    this.#host.sink.notify({ type: 'keys-zeroed', publicKey: this.publicKey });
  }
}
