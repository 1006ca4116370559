import { IpAddress } from '../../../../src/core/address.ts';
import type { Instant, Pollable } from '../../../../src/core/time.ts';
import { LoneStack, OUR_V4, OUR_V6 } from '../../../support/lone-stack.ts';
import { icmpPacket, ipPacket } from '../../../support/packets.ts';

export interface FakePathOptions {
  /** Routers, the nearest first; undefined is one that says nothing. A TTL that ends there is answered. */
  routers: readonly (string | undefined)[];
  host: string;
  /** What the link behind each router takes, by the router's place; a missing one takes everything. */
  mtus?: readonly (number | undefined)[];
  /** Routers do not say which packets were too big: "black holes". */
  isSilent?: boolean;
  /** Routers say that, but not what would fit. */
  isVague?: boolean;
  /** The host answers echo requests, and says that UDP ports are closed. */
  isAlive?: boolean;
  /** The first so many packets get lost. */
  lost?: number;
  /** Instead of passing on: the type and code with which the last router refuses. */
  refusal?: readonly [type: number, code: number];
}

/** Routers and a host behind a stack, by the book, and time: each hop takes one millisecond there and one back. */
export class FakePath {
  readonly lone = new LoneStack();
  readonly #options: FakePathOptions;
  readonly #answers: { at: Instant; packet: Uint8Array }[] = [];
  /** Every packet that was sent. */
  readonly sent: Uint8Array[] = [];

  constructor(options: FakePathOptions) {
    this.#options = options;
  }

  get #isIpv4(): boolean {
    return !this.#options.host.includes(':');
  }

  get us(): string {
    return this.#isIpv4 ? OUR_V4 : OUR_V6;
  }

  get host(): IpAddress {
    return IpAddress.parse(this.#options.host)!;
  }

  /** Lets time pass until there is nothing to wait for, or for at most `most` ms. */
  run(pollable: Pollable, most = 100_000): void {
    const { lone } = this;
    const end = lone.now + most;
    for (;;) {
      lone.poll();
      if (pollable.pollAt() <= lone.now) {
        pollable.poll(lone.now);
        continue;
      }
      for (const packet of lone.take()) this.#travel(packet);
      this.#answers.sort((a, b) => a.at - b.at);
      const at = Math.min(pollable.pollAt(), this.#answers[0]?.at ?? Infinity);
      if (at > end) return;
      lone.now = Math.max(lone.now, at);
      while (this.#answers[0] && this.#answers[0].at <= lone.now) lone.receive(this.#answers.shift()!.packet);
    }
  }

  #travel(packet: Uint8Array): void {
    this.sent.push(packet);
    const { routers, mtus = [], isSilent, isVague, lost = 0, refusal } = this.#options;
    if (this.sent.length <= lost) return;
    const ttl = packet[this.#isIpv4 ? 8 : 7]!;
    for (const [index, router] of routers.entries()) {
      const back = (type: number, code: number, rest = 0) => {
        if (!router) return;
        const data = packet.slice(0, this.#isIpv4 ? 28 : 1200);
        const answer = icmpPacket({ source: router, destination: this.us, type, code, rest, data });
        this.#answers.push({ at: this.lone.now + 2 * (index + 1), packet: answer });
      };
      if (ttl === index + 1) {
        back(this.#isIpv4 ? 11 : 3, 0);
        return;
      }
      const mtu = mtus[index];
      if (mtu !== undefined && packet.length > mtu) {
        if (!isSilent) back(this.#isIpv4 ? 3 : 2, this.#isIpv4 ? 4 : 0, isVague ? 0 : mtu);
        return;
      }
      if (refusal && index === routers.length - 1) {
        back(...refusal);
        return;
      }
    }
    if (this.#options.isAlive ?? true) this.#answer(packet);
  }

  #answer(packet: Uint8Array): void {
    const { host } = this.#options;
    const header = this.#isIpv4 ? 20 : 40;
    const at = this.lone.now + 2 * (this.#options.routers.length + 1);
    const common = { source: host, destination: this.us };
    if (packet[this.#isIpv4 ? 9 : 6] === 17) {
      const [type, code] = this.#isIpv4 ? [3, 3] : [1, 4];
      const data = packet.slice(0, this.#isIpv4 ? 28 : 1200);
      this.#answers.push({ at, packet: icmpPacket({ ...common, type, code, data }) });
      return;
    }
    const view = new DataView(packet.buffer, packet.byteOffset);
    const type = this.#isIpv4 ? 0 : 129;
    const rest = view.getUint32(header + 4);
    this.#answers.push({ at, packet: icmpPacket({ ...common, type, rest, data: packet.slice(header + 8) }) });
  }

  /** A UDP message from the host. */
  say(sourcePort: number, destinationPort: number, at: Instant): void {
    const { host } = this.#options;
    const message = new Uint8Array(8);
    new DataView(message.buffer).setUint32(0, (sourcePort << 16) | destinationPort);
    message[5] = 8;
    this.#answers.push({ at, packet: ipPacket(host, this.us, 17, message) });
  }
}
