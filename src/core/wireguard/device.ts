// WireGuard's device: inner packets on one side, datagrams on the other. Two routes cross it (WG §3).
//
//   out   sendPacket: destination → allowed IPs → peer → current session, sealed in place → sink.sendDatagram
//   in    receiveDatagram: type → index → session, opened in place → source allowed? → sink.deliverPacket
//
// This file finds out whom something concerns; what then happens to a peer is in peer.ts.
import type { IpAddress, IpPrefix } from '../address.ts';
import { toBase64 } from '../bytes.ts';
import { DropCounters } from '../counters.ts';
import type { StaticIdentity } from '../crypto/identity.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Environment } from '../environment.ts';
import { type EngineMemory, PacketBuffer, type Region } from '../packet-buffer.ts';
import type { Instant, Millis, Pollable } from '../time.ts';
import { TokenBucket } from '../token-bucket.ts';
import { Alarm } from './alarm.ts';
import { AllowedIps } from './allowed-ips.ts';
import { CALLS_AT_ONCE, CALLS_PER_SECOND, MAX_PEERS, REJECT_AFTER_TIME } from './constants.ts';
import type { DeviceDrop } from './drops.ts';
import { HandshakeInbox } from './handshake-inbox.ts';
import { IndexTable } from './index-table.ts';
import { innerDestination, innerVersion } from './inner-packet.ts';
import { Jitter } from './jitter.ts';
import { COOKIE_REPLY, RECEIVER_INDEX, readMessageType, TRANSPORT } from './messages.ts';
import { OwnIdentity } from './own-identity.ts';
import { Peer } from './peer.ts';
import type { PeerHost } from './peer-host.ts';
import type { PeerConfig, PeerStatus } from './peer-status.ts';
import { StagingArea } from './staging-area.ts';
import { TimestampClock } from './tai64n.ts';

export type { DeviceDrop, Peer, PeerConfig, PeerStatus };

/** What a device tells its host. Peers are named by their public keys. */
export type DeviceEvent =
  /** A session began: as initiator with the response, as responder with the first packet on it. */
  | { type: 'handshake'; publicKey: Uint8Array; isInitiator: boolean }
  /** The n-th initiation since the last session was sent; `isRetry`: because the one before met silence. */
  | { type: 'handshake-attempt'; publicKey: Uint8Array; attempt: number; isRetry: boolean }
  /** Twenty initiations in a row met silence. New packets make it try again. */
  | { type: 'gave-up'; publicKey: Uint8Array }
  /** A response to our initiation does not open: the preshared keys differ. */
  | { type: 'psk-mismatch'; publicKey: Uint8Array }
  /**
   * Data went unanswered for 15 s on a session that was not old enough to be renewed: the peer has forgotten it or is
   * out of reach. A new handshake follows. `unanswered`: how many packets.
   */
  | { type: 'stopped-hearing'; publicKey: Uint8Array; sessionAge: Millis; unanswered: number }
  /** No new session for so long that all keys were zeroed. */
  | { type: 'keys-zeroed'; publicKey: Uint8Array }
  | { type: 'roamed'; publicKey: Uint8Array; endpoint: Endpoint }
  /**
   * The wall clock says a time that cannot be: before this program was written, or twenty years after. Timestamps do
   * not follow it. Told once.
   */
  | { type: 'clock-suspect'; wall: Millis };

/** Where a device's output goes. It never calls back in: it writes or it takes note. */
export interface DeviceSink {
  /** Lent for the call. */
  sendDatagram(datagram: PacketBuffer, endpoint: Endpoint): void;
  /** An authentic inner packet from an allowed source, trimmed to its IP length. Lent for the call. */
  deliverPacket(packet: PacketBuffer): void;
  notify(event: DeviceEvent): void;
}

/** What became of a packet; what was not sent or staged is counted as a drop. */
export type SendVerdict = 'sent' | 'staged' | 'no_peer' | 'no_endpoint' | 'bad_inner' | 'too_large';

export interface DeviceOptions {
  identity: StaticIdentity;
  /** Of inner packets, in bytes. */
  mtu: number;
  /** `lastTimestamp` of an earlier device with the same key. */
  lastTimestamp?: Uint8Array;
  /** The part of the packet slots where packets wait for a session; by default all but what the IP stack keeps. */
  staging?: Region;
}

/** What `wg show` tells. */
export interface DeviceStatus {
  publicKey: string;
  drops: Record<string, number>;
  peers: PeerStatus[];
}

/** For the datagrams that begin here: at most an initiation. */
const SCRATCH_SIZE = 256;
/** At the end of the slots, for the IP stack's outgoing packet. */
const STACK_ROOM = 16_384;

export class Device implements Pollable {
  readonly #environment: Environment;
  readonly #sink: DeviceSink;
  readonly #host: PeerHost;
  readonly #identity: OwnIdentity;
  readonly #slots: Region;
  readonly #indices: IndexTable<Peer>;
  readonly #allowedIps = new AllowedIps<Peer>();
  readonly #timestamps: TimestampClock;
  readonly #drops = new DropCounters<DeviceDrop>();
  /** By public key in base64. */
  readonly #peers = new Map<string, Peer>();
  readonly #inbox: HandshakeInbox;
  readonly #alarm = new Alarm();
  #isClosed = false;
  #lastNow: Instant | undefined;

  constructor(options: DeviceOptions, environment: Environment, sink: DeviceSink) {
    const { crypto, memory, fillRandom, wallClock } = environment;
    this.#environment = environment;
    this.#sink = sink;
    this.#identity = new OwnIdentity(options.identity, crypto);
    this.#slots = options.staging ?? { start: memory.slots.start, end: memory.slots.end - STACK_ROOM };
    this.#indices = new IndexTable(fillRandom);
    this.#timestamps = new TimestampClock(wallClock, options.lastTimestamp, (wall) =>
      sink.notify({ type: 'clock-suspect', wall }),
    );
    this.#host = this.#makeHost(options.mtu, memory);
    this.#inbox = new HandshakeInbox(this.#host, this.#peers);
  }

  #makeHost(mtu: number, memory: EngineMemory): PeerHost {
    const { start, end } = this.#slots;
    return {
      environment: this.#environment,
      identity: this.#identity,
      sink: this.#sink,
      mtu,
      isUp: false,
      indices: this.#indices,
      allowedIps: this.#allowedIps,
      timestamps: this.#timestamps,
      jitter: new Jitter(this.#environment.fillRandom),
      alarm: this.#alarm,
      calls: new TokenBucket(CALLS_PER_SECOND, CALLS_AT_ONCE),
      staging: new StagingArea(memory, { start: start + SCRATCH_SIZE, end }, mtu),
      scratch: new PacketBuffer(memory, { start, end: start + SCRATCH_SIZE }),
      drops: this.#drops,
    };
  }

  // ---- Peers

  /** Undefined when the key is our own or has a peer already, or when there are too many peers. */
  addPeer(config: PeerConfig, now: Instant): Peer | undefined {
    if (config.publicKey.length !== 32)
      throw new RangeError(`peer's public key: expected 32 bytes, got ${config.publicKey.length}`);
    const key = toBase64(config.publicKey);
    const isOurs = this.#identity.is(config.publicKey);
    if (isOurs || this.#isClosed || this.#peers.has(key) || this.#peers.size >= MAX_PEERS) return undefined;
    const peer = new Peer(config, this.#host, now);
    this.#peers.set(key, peer);
    for (const prefix of config.allowedIps) this.#allowedIps.insert(prefix, peer);
    peer.prepare(now);
    if (this.#host.isUp) peer.start(now);
    return peer;
  }

  removePeer(publicKey: Uint8Array): void {
    const key = toBase64(publicKey);
    const peer = this.#peers.get(key);
    if (!peer) return;
    // First of all nothing is routed to it any more.
    this.#allowedIps.removeOwner(peer);
    this.#peers.delete(key);
    peer.remove();
    if (this.#peers.size === 0) this.#alarm.clear();
  }

  /**
   * Makes these the peer's allowed IPs, all of them: a prefix that another peer has moves, and the peer loses what is
   * not listed. Sessions go on.
   */
  setAllowedIps(publicKey: Uint8Array, prefixes: readonly IpPrefix[]): void {
    this.getPeer(publicKey)?.setAllowedIps(prefixes);
  }

  get peers(): Iterable<Peer> {
    return this.#peers.values();
  }

  getPeer(publicKey: Uint8Array): Peer | undefined {
    return this.#peers.get(toBase64(publicKey));
  }

  /** Whether some peer's allowed IPs cover the address. */
  hasRoute(address: IpAddress): boolean {
    return this.#allowedIps.lookup(address.bytes, 0, address.version) !== undefined;
  }

  /** Whether some peer's allowed IPs cover any address of the family. */
  hasRoutes(version: 4 | 6): boolean {
    return this.#allowedIps.hasAny(version);
  }

  // ---- Our own configuration

  /**
   * Makes this our static key pair, and wipes the one before. Sessions under the old key receive until they are too
   * old and send nothing more; the next packet to a peer begins a handshake under the new key. A peer with the new
   * key is removed. If it is the same key, nothing happens but that the new object is wiped.
   *
   * `lastTimestamp`: of an earlier device with the new key.
   */
  setIdentity(identity: StaticIdentity, now: Instant, lastTimestamp?: Uint8Array): void {
    if (this.#isClosed) identity.destroy();
    else if (this.#identity.replace(identity)) {
      this.#inbox.clear('identity_changed');
      if (lastTimestamp) this.#timestamps.goOnFrom(lastTimestamp);
      this.removePeer(identity.publicKey);
      for (const peer of this.#peers.values()) peer.identityChanged(now);
    }
  }

  /** Of inner packets, in bytes. Packets that are staged stay so, unless they are too large to. */
  setMtu(mtu: number): void {
    const { staging } = this.#host;
    this.#host.mtu = mtu;
    if (this.#isClosed || staging.suits(mtu)) return;
    const putBack = [...this.#peers.values()].map((peer) => peer.unstage());
    staging.cutFor(mtu);
    for (const each of putBack) each();
  }

  // ---- Life

  /** Begins: initiates to every peer that has an endpoint, and answers from now on. */
  up(now: Instant): void {
    if (this.#host.isUp || this.#isClosed) return;
    this.#host.isUp = true;
    this.#lastNow = now;
    for (const peer of this.#peers.values()) peer.start(now);
  }

  /** Ends all sessions; configuration, counters and timestamps stay. */
  down(): void {
    this.#host.isUp = false;
    this.#inbox.clear('device_down');
    for (const peer of this.#peers.values()) peer.stop();
    this.#alarm.clear();
  }

  /** Our outer address changed: everyone we have a session with shall hear from us now, not when a timer says so. */
  reconnected(now: Instant): void {
    this.#noticeSleep(now);
    if (this.#host.isUp) for (const peer of this.#peers.values()) peer.reconnected(now);
  }

  /** The way to this endpoint has lost what it knew of our sessions: handshakes are all that it lets through. */
  handshakeNeeded(endpoint: Endpoint, now: Instant): void {
    if (this.#host.isUp) for (const peer of this.#peers.values()) peer.handshakeNeeded(endpoint, now);
  }

  /** Ends everything and zeroes all keys and what was staged. The crypto suite is its maker's to wipe. */
  close(): void {
    if (this.#isClosed) return;
    this.down();
    this.#isClosed = true;
    for (const peer of this.#peers.values()) {
      this.#allowedIps.removeOwner(peer);
      peer.remove();
    }
    this.#peers.clear();
    this.#identity.destroy();
    this.#inbox.wipe();
    this.#environment.memory.bytes.fill(0, this.#slots.start, this.#slots.end);
  }

  /** The greatest timestamp sent, to be kept for the next device with this key. */
  get lastTimestamp(): Uint8Array | undefined {
    return this.#timestamps.last;
  }

  status(now: Instant): DeviceStatus {
    return {
      publicKey: toBase64(this.#identity.publicKey),
      drops: this.#drops.toRecord(),
      peers: [...this.#peers.values()].map((peer) => peer.status(now)),
    };
  }

  pollAt(): Instant {
    return Math.min(this.#inbox.pollAt(), this.#alarm.at);
  }

  poll(now: Instant): void {
    this.#noticeSleep(now);
    this.#inbox.poll(now);
    if (now >= this.#alarm.at) this.#pollPeers(now);
  }

  #pollPeers(now: Instant): void {
    this.#alarm.clear();
    for (const peer of this.#peers.values()) {
      peer.poll(now);
      this.#alarm.set(peer.pollAt());
    }
  }

  /**
   * If nothing was heard of time for 180 s (the machine slept), no session can be alive; and what is overdue comes
   * before all else, or keys that are zeroed late would take a fresh handshake with them.
   */
  #noticeSleep(now: Instant): void {
    const last = this.#lastNow ?? now;
    this.#lastNow = now;
    if (now - last <= REJECT_AFTER_TIME) return;
    for (const peer of this.#peers.values()) peer.dropSessions();
    this.#pollPeers(now);
  }

  // ---- Out

  /**
   * Sends an inner packet. It is changed in place and needs 16 bytes of room before it and 32 after it: for the header,
   * for padding and tag.
   */
  sendPacket(packet: PacketBuffer, now: Instant): SendVerdict {
    this.#noticeSleep(now);
    const version = innerVersion(packet);
    if (version === 0) {
      this.#drops.count('bad_inner');
      return 'bad_inner';
    }
    const peer = this.#allowedIps.lookup(packet.memory, innerDestination(packet, version), version);
    if (peer) return peer.sendPacket(packet, now);
    this.#drops.count('no_peer');
    return 'no_peer';
  }

  // ---- In

  /** The datagram must lie in the engine's memory; it is changed in place. */
  receiveDatagram(datagram: PacketBuffer, from: Endpoint, now: Instant): void {
    this.#noticeSleep(now);
    const type = readMessageType(datagram);
    if (type === undefined) this.#drops.count('malformed');
    else if (!this.#host.isUp) this.#drops.count('device_down');
    else if (type === TRANSPORT) this.#receiveTransport(datagram, from, now);
    else if (type === COOKIE_REPLY) this.#inbox.receiveCookieReply(datagram, now);
    else this.#inbox.receive(datagram, from, now);
  }

  #receiveTransport(datagram: PacketBuffer, from: Endpoint, now: Instant): void {
    const entry = this.#indices.get(datagram.view.getInt32(datagram.start + RECEIVER_INDEX, true));
    if (entry?.keypair) entry.peer.receiveTransport(entry.keypair, datagram, from, now);
    else this.#drops.count('unknown_index');
  }
}
