// What leaves for one peer (WG §3): packets at once on the current session as long as it may send (§6.2), or staged until
// there is one (§6.4); keepalives (§6.5); handshake messages, which are made elsewhere.
import { wipe } from '../bytes.ts';
import type { Endpoint } from '../endpoint.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import type { Instant } from '../time.ts';
import type { SendVerdict } from './device.ts';
import type { PacketDrop } from './drops.ts';
import type { Keypair, Keypairs } from './keypair.ts';
import { TRANSPORT_HEADER_SIZE } from './messages.ts';
import type { PeerHost } from './peer-host.ts';
import { StagedPackets } from './staged-packets.ts';
import type { Timers } from './timers.ts';
import { sealTransport } from './transport.ts';

/** What the outbox needs of its peer. */
export interface OutboxOwner {
  refuse(reason: PacketDrop, times?: number): void;
  sendInitiation(isRetry: boolean, now: Instant): boolean;
  /** Initiates when it is this peer's turn. */
  call(now: Instant): void;
}

export class Outbox {
  /** Where the peer is; undefined: it has not called yet, and no configuration says so. */
  endpoint: Endpoint | undefined;
  /** A double from the first byte on: a field that outgrows 31 bits makes V8 compile anew what touches it. */
  readonly #txBytes = new Float64Array(1);
  readonly #owner: OutboxOwner;
  readonly #host: PeerHost;
  readonly #keypairs: Keypairs;
  readonly #timers: Timers;
  readonly #staged: StagedPackets;

  constructor(owner: OutboxOwner, host: PeerHost, keypairs: Keypairs, timers: Timers) {
    this.#owner = owner;
    this.#host = host;
    this.#keypairs = keypairs;
    this.#timers = timers;
    this.#staged = new StagedPackets(host.staging);
  }

  /** Of UDP payloads. */
  get txBytes(): number {
    return this.#txBytes[0]!;
  }

  get hasStaged(): boolean {
    return this.#staged.length > 0;
  }

  sendPacket(packet: PacketBuffer, now: Instant): SendVerdict {
    if (!this.endpoint) {
      this.#owner.refuse('no_endpoint');
      return 'no_endpoint';
    }
    const { current } = this.#keypairs;
    if (this.#staged.length === 0 && this.#host.isUp && current?.canSend(now)) {
      this.#sendTransport(current, packet, now);
      return 'sent';
    }
    const fits = this.#stage(packet.memory, packet.start, packet.end);
    this.flush(now);
    return fits ? 'staged' : 'too_large';
  }

  /** Sends an empty packet, or what is staged instead. */
  sendKeepalive(now: Instant): void {
    if (!this.endpoint || !this.#host.isUp) return;
    const { current } = this.#keypairs;
    if (!current?.canSend(now)) {
      if (this.#staged.length === 0) this.#staged.push(this.#host.scratch.memory, 0, 0);
      this.#owner.call(now);
      return;
    }
    if (this.#staged.length > 0) {
      this.flush(now);
      return;
    }
    this.#host.scratch.reset(TRANSPORT_HEADER_SIZE);
    this.#sendTransport(current, this.#host.scratch, now);
  }

  /** Sends what is staged, or asks for a session to send it on. */
  flush(now: Instant): void {
    if (!this.#host.isUp) return;
    for (;;) {
      const { current } = this.#keypairs;
      if (!current?.canSend(now)) {
        this.#owner.sendInitiation(false, now);
        return;
      }
      const packet = this.#staged.shift();
      if (!packet) return;
      this.#sendTransport(current, packet, now);
      this.#staged.release(packet);
    }
  }

  #sendTransport(keypair: Keypair, packet: PacketBuffer, now: Instant): void {
    const isKeepalive = packet.length === 0;
    sealTransport(this.#host.environment.crypto, keypair, packet, this.#host.mtu);
    this.#sendDatagram(packet);
    if (isKeepalive) this.#timers.keepaliveSent(now);
    else this.#timers.dataSent(now);
    if (keypair.needsRenewal(now)) this.#owner.sendInitiation(false, now);
  }

  sendHandshakeMessage(message: Uint8Array): void {
    this.#host.scratch.copyFrom(message);
    this.#sendDatagram(this.#host.scratch);
  }

  #sendDatagram(datagram: PacketBuffer): void {
    this.#txBytes[0]! += datagram.length;
    this.#host.sink.sendDatagram(datagram, this.endpoint!);
  }

  // ---- What waits

  /** Keeps a copy of memory[start, end) for the next session; false when it is too large for that. */
  #stage(memory: Uint8Array, start: number, end: number): boolean {
    const fits = end - start <= this.#host.staging.capacity;
    const lost = fits ? this.#staged.push(memory, start, end) : 1;
    if (lost > 0) this.#owner.refuse(fits ? 'staged_overflow' : 'too_large_to_stage', lost);
    return fits;
  }

  dropStaged(reason: PacketDrop): void {
    const count = this.#staged.clear();
    if (count > 0) this.#owner.refuse(reason, count);
  }

  /** Clears the staging area, which is about to be cut anew; returns what puts everything back. */
  unstage(): () => void {
    const packets = this.#staged.takeOut();
    return () => {
      for (const packet of packets) {
        this.#stage(packet, 0, packet.length);
        wipe(packet);
      }
    };
  }
}
