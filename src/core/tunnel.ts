import type { IpPrefix } from './address.ts';
import type { StaticIdentity } from './crypto/identity.ts';
import type { Endpoint } from './endpoint.ts';
import type { Environment } from './environment.ts';
import { netstackRegion } from './netstack/ip-output.ts';
import { NetStack } from './netstack/netstack.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import type { PacketTap } from './packet-tap.ts';
import type { Instant, Pollable } from './time.ts';
import { Device, type DeviceEvent } from './wireguard/device.ts';

export interface TunnelOptions {
  identity: StaticIdentity;
  /** Our addresses inside the tunnel. */
  addresses: IpPrefix[];
  /** Of inner packets, in bytes. */
  mtu: number;
  /** The greatest timestamp sent with this key by an earlier tunnel. */
  lastTimestamp?: Uint8Array;
}

/** The tunnel's outer side. Never calls back in: it writes or it takes note. */
export interface TunnelSink {
  /** The datagram is lent for the call. */
  sendDatagram(datagram: PacketBuffer, endpoint: Endpoint): void;
  notify(event: DeviceEvent): void;
  /** While true, TCP's output waits. */
  readonly congested: boolean;
  /** But not what is short. */
  readonly takesShort?: boolean;
}

/**
 * WireGuard's device and the IP stack, joined: what the one delivers the other receives, what the other sends the one
 * seals. The only file that knows both.
 */
export class TunnelCore implements Pollable {
  readonly device: Device;
  readonly stack: NetStack;
  /** Who looks at the inner packets, while somebody does. */
  tap: PacketTap | undefined;
  /**
   * The instant of the call that is being served, for the hand-over between the two. Undefined at first: a field that
   * only ever held numbers keeps the number, and makes an object of it for each packet; this one keeps the object.
   */
  #now: Instant | undefined;
  /** Public keys of peers that met silence. */
  readonly #silent = new WeakSet<Uint8Array>();
  /** On the way to some peer only handshakes get through at first. */
  #isWayNew = false;
  /** A session has begun that ends such an outage. */
  #isBack = false;

  constructor(options: TunnelOptions, environment: Environment, sink: TunnelSink) {
    const { slots } = environment.memory;
    const staging = { start: slots.start, end: netstackRegion(environment.memory).start };
    const { identity, mtu, lastTimestamp } = options;
    const deviceOptions = { identity, mtu, staging, ...(lastTimestamp && { lastTimestamp }) };
    this.device = new Device(deviceOptions, environment, {
      sendDatagram: (datagram, endpoint) => sink.sendDatagram(datagram, endpoint),
      deliverPacket: (packet) => {
        if (this.tap) this.#deliverWatched(packet, this.tap);
        else this.stack.receivePacket(packet, this.#now!);
      },
      notify: (event) => {
        this.#noteOutage(event);
        sink.notify(event);
      },
    });
    this.stack = new NetStack({ addresses: options.addresses, mtu: options.mtu }, environment, {
      sendPacket: (packet) => {
        if (this.tap) this.tap.packetSent(packet, this.#now!);
        this.device.sendPacket(packet, this.#now!);
      },
      hasRoute: (address) => this.device.hasRoute(address),
      hasRoutes: (version) => this.device.hasRoutes(version),
      get congested() {
        return sink.congested;
      },
      get takesShort() {
        return sink.takesShort ?? false;
      },
    });
  }

  receiveDatagram(datagram: PacketBuffer, from: Endpoint, now: Instant): void {
    this.#now = now;
    this.device.receiveDatagram(datagram, from, now);
    if (!this.#isBack) return;
    this.#isBack = false;
    this.stack.reconnected(now);
  }

  pollAt(): Instant {
    return Math.min(this.device.pollAt(), this.stack.pollAt());
  }

  poll(now: Instant): void {
    this.#now = now;
    // The device first: after a long sleep it drops dead sessions before the stack sends into them.
    this.device.poll(now);
    this.stack.poll(now);
  }

  /** What WireGuard should have done before what comes now came: after sleep, that order matters. */
  catchUp(now: Instant): void {
    this.#now = now;
    if (this.device.pollAt() <= now) this.device.poll(now);
  }

  /** Our outer address changed: sessions survive and move at once. */
  reconnected(now: Instant): void {
    this.catchUp(now);
    this.device.reconnected(now);
    this.stack.reconnected(now);
  }

  /** On the way to `endpoint` nobody knows our session any more: only a new handshake gets through. */
  handshakeNeeded(endpoint: Endpoint, now: Instant): void {
    this.catchUp(now);
    this.#isWayNew = true;
    this.device.handshakeNeeded(endpoint, now);
  }

  /** Stops everything and zeroes all keys. */
  close(): void {
    this.device.close();
  }

  /** The tap first, because the stack changes what it is given. */
  #deliverWatched(packet: PacketBuffer, tap: PacketTap): void {
    const { stack } = this;
    tap.packetReceived(packet, this.#now!);
    stack.drops.last = stack.tcp.drops.last = undefined;
    stack.receivePacket(packet, this.#now!);
    const reason = stack.drops.last ?? stack.tcp.drops.last;
    if (reason !== undefined) tap.packetRefused(reason);
  }

  /** TCP's timers back off while nothing gets through; the session that ends an outage says that waiting is over. */
  #noteOutage(event: DeviceEvent): void {
    if (event.type === 'stopped-hearing') this.#silent.add(event.publicKey);
    else if (event.type === 'handshake-attempt' && event.isRetry) this.#silent.add(event.publicKey);
    else if (event.type === 'handshake') {
      if (this.#silent.delete(event.publicKey) || this.#isWayNew) this.#isBack = true;
      this.#isWayNew = false;
    }
  }
}
