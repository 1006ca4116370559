// One of the devices of a world, its reference, and what is around both.
import { IpPrefix } from '../../src/core/address.ts';
import { toBase64 } from '../../src/core/bytes.ts';
import { RawIdentity, type StaticIdentity } from '../../src/core/crypto/identity.ts';
import { type Endpoint, printEndpoint } from '../../src/core/endpoint.ts';
import { type EngineMemory, PacketBuffer, type Region } from '../../src/core/packet-buffer.ts';
import { Device, type DeviceEvent, type Peer, type PeerStatus } from '../../src/core/wireguard/device.ts';
import { SeededRandom } from '../support/random.ts';
import { poolKey, publicKey } from './curve.ts';
import { DeferredIdentity, NoReference } from './deferred.ts';
import { type FastSuite, Ledger } from './ledger.ts';
import { ReferenceDevice } from './reference-device.ts';
import type { Inner, Message } from './reference-message.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** For 128 staged packets of 2 KiB for each of two peers, and the device's scratch. */
export const STAGING_SIZE = 256 * 2048 + 256;
/** Each side has so many static keys; the pool's other keys are ephemeral ones. */
export const KEYS_PER_SIDE = 4;
export const STATIC_KEYS = 3 * KEYS_PER_SIDE;

/** What a side is told about another, and keeps over a restart. */
export interface Relation {
  /** The other's identity as this side knows it. */
  identity: string;
  psk: number;
  endpoint: string | undefined;
  keepalive: number;
}

export class Side {
  readonly number: number;
  readonly name: string;
  readonly world: World;
  /** By number of the other side: those that are peers. */
  readonly peers = new Map<number, Relation>();
  /** Where it is. */
  endpoint: string;
  keyNumber = 0;
  isUp = false;
  device!: Device;
  model!: ReferenceDevice;
  ledger!: Ledger;
  readonly sent: { bytes: Uint8Array; to: Endpoint }[] = [];
  readonly delivered: Uint8Array[] = [];
  readonly events: string[] = [];
  /** When the last initiation to a peer was sent, by identity. */
  readonly initiatedAt = new Map<string, number>();
  greatestTimestamp: Uint8Array | undefined;
  readonly #memory: EngineMemory;
  readonly #suite: FastSuite;
  readonly #datagram: PacketBuffer;
  readonly #packet: PacketBuffer;
  #lives = 0;
  #moves = 0;

  constructor(number: number, world: World, suite: FastSuite) {
    this.number = number;
    this.name = 'ABC'[number]!;
    this.world = world;
    this.endpoint = '';
    const { bytes, view, ingress, egress, slots } = suite.memory;
    const start = slots.start + number * STAGING_SIZE;
    const own: Region = { start, end: start + STAGING_SIZE };
    this.#memory = { bytes, view, ingress, egress, slots: own };
    this.#suite = suite;
    this.#datagram = new PacketBuffer(this.#memory, ingress);
    this.#packet = new PacketBuffer(this.#memory, egress);
    this.move();
  }

  get identity(): string {
    return identityName(this.number, this.keyNumber);
  }

  get address(): number {
    return this.number + 1;
  }

  /** Its NAT or its relay gives it another port. */
  move(): void {
    this.endpoint = printEndpoint(this.world.endpointAt(this.number, this.#moves++));
  }

  makeIdentity(): StaticIdentity {
    const raw = new RawIdentity(poolKey(this.number * KEYS_PER_SIDE + this.keyNumber), this.ledger);
    return this.world.options.isDeferred ? new DeferredIdentity(raw, this.world) : raw;
  }

  /** A new process with the same configuration, and the greatest timestamp if it was kept. */
  begin(keepsTimestamp: boolean): void {
    const { world } = this;
    const last = keepsTimestamp ? this.device?.lastTimestamp : undefined;
    const lastInModel = keepsTimestamp ? this.model?.lastTimestamp : undefined;
    this.end();
    const seed = world.seed * 16 + this.number * 5 + this.#lives++ * 1000;
    const twins = () => ({ jitter: new SeededRandom(seed + 1), index: new SeededRandom(seed + 2) });
    const [real, model] = [twins(), twins()];
    this.ledger = new Ledger(this.#suite, this.#memory, () => world.now);
    if (!keepsTimestamp) this.greatestTimestamp = undefined;
    const Reference = world.options.isDeferred ? NoReference : ReferenceDevice;
    this.model = new Reference(
      this.identity,
      {
        jitter: () => model.jitter.below(334),
        index: () => world.indexFrom(model.index),
        messageId: world.messageId,
        wall: () => world.wall,
      },
      lastInModel,
    );
    this.device = new Device(
      {
        identity: this.makeIdentity(),
        mtu: 1420,
        staging: this.#memory.slots,
        ...(last && { lastTimestamp: last }),
      },
      {
        crypto: this.ledger,
        memory: this.#memory,
        fillRandom: this.#randomSource(real.jitter, real.index, new SeededRandom(seed + 3)),
        wallClock: () => world.wall,
      },
      {
        sendDatagram: (datagram, to) => this.#take(datagram, to),
        deliverPacket: (packet) => this.delivered.push(packet.memory.slice(packet.start, packet.end)),
        notify: (event) => this.events.push(eventText(event, world)),
      },
    );
    for (const [other, relation] of this.peers) this.#introduce(other, relation);
    this.up();
  }

  /** What the device asks for shows in the length: an index, a lot of jitters, a key. */
  #randomSource(jitter: SeededRandom, index: SeededRandom, other: SeededRandom): (bytes: Uint8Array) => void {
    return (bytes) => {
      if (bytes.length === 4)
        new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, this.world.indexFrom(index));
      else if (bytes.length === 256)
        for (let i = 0; i < 128; i++) new DataView(bytes.buffer).setUint16(2 * i, jitter.below(334), true);
      else if (bytes.length === 32) bytes.set(this.world.ephemeral());
      else other.fill(bytes);
    };
  }

  #take(datagram: PacketBuffer, to: Endpoint): void {
    const bytes = datagram.memory.slice(datagram.start, datagram.end);
    if (bytes[0] === 2) this.ledger.lastPair!.isResponder = true;
    this.sent.push({ bytes, to });
  }

  // ---- configuration

  addPeer(other: number, relation: Relation): void {
    if (this.peers.has(other)) return;
    this.peers.set(other, relation);
    this.#introduce(other, relation);
  }

  #introduce(other: number, { identity, psk, endpoint, keepalive }: Relation): void {
    const { world, device, model } = this;
    const address = other + 1;
    // The network is routed to one of the peers, which has what is not another's.
    const hasNetwork = other === (this.number + 1) % 3;
    const prefixes = [`10.0.0.${address}/32`, ...(hasNetwork ? ['10.0.0.0/24'] : [])];
    this.initiatedAt.delete(identity);
    device.addPeer(
      {
        publicKey: publicKeyOf(identity),
        allowedIps: prefixes.map((prefix) => IpPrefix.parse(prefix)!),
        persistentKeepalive: keepalive,
        presharedKey: pskBytes(psk),
        ...(endpoint && { endpoint: world.endpoint(endpoint) }),
      },
      world.now,
    );
    const routes = [address, ...(hasNetwork ? [0] : [])];
    model.addPeer(identity, { psk: String(psk), endpoint, keepalive }, routes, world.now);
  }

  removePeer(other: number): void {
    const relation = this.peers.get(other);
    if (!relation) return;
    this.peers.delete(other);
    this.device.removePeer(publicKeyOf(relation.identity));
    this.model.removePeer(relation.identity);
  }

  setPsk(other: number, psk: number): void {
    const relation = this.peers.get(other);
    const peer = this.#peer(other);
    if (!relation || !peer) return;
    relation.psk = psk;
    peer.setPresharedKey(pskBytes(psk));
    const model = this.model.peers.get(relation.identity);
    if (model) model.psk = String(psk);
  }

  setEndpoint(other: number, endpoint: string): void {
    const relation = this.peers.get(other);
    const peer = this.#peer(other);
    if (!relation || !peer) return;
    relation.endpoint = endpoint;
    peer.setEndpoint(this.world.endpoint(endpoint));
    const model = this.model.peers.get(relation.identity);
    if (model) model.endpoint = endpoint;
  }

  setKeepalive(other: number, seconds: number): void {
    const relation = this.peers.get(other);
    const peer = this.#peer(other);
    if (!relation || !peer) return;
    relation.keepalive = seconds;
    peer.setPersistentKeepalive(seconds, this.world.now);
    this.model.peers.get(relation.identity)?.setKeepalive(seconds, this.world.now);
  }

  setKey(keyNumber: number): void {
    this.keyNumber = keyNumber;
    this.initiatedAt.clear();
    this.device.setIdentity(this.makeIdentity(), this.world.now);
    this.model.setIdentity(this.identity, this.world.now);
  }

  /** The other side as our device knows it; undefined if it is no peer, or our own key. */
  #peer(other: number): Peer | undefined {
    const relation = this.peers.get(other);
    return relation && this.device.getPeer(publicKeyOf(relation.identity));
  }

  // ---- life

  up(): void {
    if (!this.isUp) this.initiatedAt.clear();
    this.isUp = true;
    this.device.up(this.world.now);
    this.model.up(this.world.now);
  }

  down(): void {
    this.isUp = false;
    this.device.down();
    this.model.down();
    if (this.ledger.liveKeys > 0) throw new Violation('1: session keys exist while the device is down');
    if (this.device.pollAt() < Number.POSITIVE_INFINITY) throw new Violation('11: a timer after stop');
  }

  end(): void {
    if (!this.device) return;
    this.isUp = false;
    this.device.close();
    if (this.ledger.liveKeys > 0) throw new Violation('1: session keys outlive the device');
    if (this.device.pollAt() < Number.POSITIVE_INFINITY)
      throw new Violation('11: a timer of a closed device');
  }

  // ---- inputs: the same to both

  receive(bytes: Uint8Array, message: Message, from: string): void {
    const { now } = this.world;
    this.#datagram.copyFrom(bytes, 0, bytes.length, 4);
    this.device.receiveDatagram(this.#datagram, this.world.endpoint(from), now);
    this.model.receive(message, from, now);
  }

  /** Both verdicts. */
  send(packet: Uint8Array, inner: Inner): [string, string] {
    this.#packet.copyFrom(packet, 0, packet.length, 32);
    const verdict = this.device.sendPacket(this.#packet, this.world.now);
    return [verdict, this.model.send(inner, this.world.now)];
  }

  reconnected(): void {
    this.device.reconnected(this.world.now);
    this.model.reconnected(this.world.now);
  }

  handshakeNeeded(endpoint: string): void {
    this.device.handshakeNeeded(this.world.endpoint(endpoint), this.world.now);
    this.model.handshakeNeeded(endpoint, this.world.now);
  }

  poll(): void {
    this.device.poll(this.world.now);
    this.model.poll(this.world.now);
  }

  status(): { drops: Record<string, number>; peers: PeerStatus[] } {
    return this.device.status(this.world.now);
  }
}

export function identityName(side: number, key: number): string {
  return `${'ABC'[side]}${key}`;
}

const publicKeys = new Map<string, Uint8Array>();

export function publicKeyOf(identity: string): Uint8Array {
  let key = publicKeys.get(identity);
  if (!key) {
    key = publicKey(poolKey('ABC'.indexOf(identity[0]!) * KEYS_PER_SIDE + Number(identity[1])));
    publicKeys.set(identity, key);
    names.set(toBase64(key), identity);
  }
  return key;
}

const names = new Map<string, string>();

/** The identity whose public key this is, in base64. */
export function nameOf(key: string): string {
  return names.get(key) ?? key;
}

/** Preshared keys have numbers; 0 is none. */
function pskBytes(psk: number): Uint8Array {
  return new Uint8Array(32).fill(psk);
}

/** As the reference says it. */
function eventText(event: DeviceEvent, world: World): string {
  if (!('publicKey' in event)) return event.type;
  const { type, publicKey, ...rest } = event;
  const values = Object.values(rest).map((value) =>
    typeof value === 'object' ? world.nameOfEndpoint(value) : String(value),
  );
  return [type, nameOf(toBase64(publicKey)), ...values].join(' ');
}
