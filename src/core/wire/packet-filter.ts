import { IpAddress, IpPrefix } from '../address.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import { IPV4_ADDRESSES, IPV4_PROTOCOL, ipv4FragmentOffset, ipv4HeaderLength } from './ipv4.ts';
import { ExtensionChain, IPV6_ADDRESSES, IPV6_HEADER_LENGTH, walkExtensionHeaders } from './ipv6.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from './protocols.ts';

const PROTOCOLS: Record<string, readonly number[]> = {
  tcp: [PROTOCOL_TCP],
  udp: [PROTOCOL_UDP],
  icmp: [PROTOCOL_ICMP, PROTOCOL_ICMPV6],
};

/**
 * Which packets count, in a few of tcpdump's words: `tcp`, `udp` or `icmp` (of both versions of IP), `host ADDRESS` (or a
 * prefix), `port NUMBER`; each at most once, all must hold, and `and` between them says nothing. Hosts and ports are those
 * of either end. What has no words lets everything through; of a packet in fragments only the first has ports.
 */
export class PacketFilter {
  readonly #protocols: readonly number[] | undefined;
  readonly #host: IpPrefix | undefined;
  readonly #port: number | undefined;
  readonly #chain = new ExtensionChain();

  private constructor(terms: { protocols?: readonly number[]; host?: IpPrefix; port?: number }) {
    this.#protocols = terms.protocols;
    this.#host = terms.host?.masked();
    this.#port = terms.port;
  }

  /** Undefined for what is none. */
  static parse(text: string): PacketFilter | undefined {
    const terms: { protocols?: readonly number[]; host?: IpPrefix; port?: number } = {};
    const words = text
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '' && word !== 'and');
    while (words.length > 0) {
      const word = words.shift()!;
      if (Object.hasOwn(PROTOCOLS, word) && !terms.protocols) terms.protocols = PROTOCOLS[word]!;
      else if (word === 'host' && !terms.host) {
        const host = IpPrefix.parse(words.shift() ?? '');
        if (!host) return undefined;
        terms.host = host;
      } else if (word === 'port' && terms.port === undefined) {
        const digits = words.shift() ?? '';
        if (!/^\d{1,5}$/.test(digits) || Number(digits) > 65535) return undefined;
        terms.port = Number(digits);
      } else return undefined;
    }
    return new PacketFilter(terms);
  }

  matches(packet: PacketBuffer): boolean {
    const { view, start } = packet;
    const version = packet.length > 0 ? view.getUint8(start) >> 4 : 0;
    const addresses = version === 4 ? IPV4_ADDRESSES : IPV6_ADDRESSES;
    const size = version === 4 ? 4 : 16;
    if ((version !== 4 && version !== 6) || packet.length < addresses + 2 * size)
      return !this.#protocols && !this.#host && this.#port === undefined;
    if (this.#host && !this.#isHostAt(packet, start + addresses, version, size)) return false;
    if (!this.#protocols && this.#port === undefined) return true;
    return this.#matchesUpperLayer(packet, version);
  }

  #isHostAt({ memory }: PacketBuffer, at: number, version: 4 | 6, size: number): boolean {
    const is = (offset: number) => this.#host!.contains(IpAddress.readFrom(memory, offset, version));
    return is(at) || is(at + size);
  }

  #matchesUpperLayer({ view, start, end }: PacketBuffer, version: 4 | 6): boolean {
    const chain = this.#chain;
    if (version === 6) {
      if (start + IPV6_HEADER_LENGTH > end || walkExtensionHeaders(view, start, end, chain)) return false;
    } else {
      chain.protocol = view.getUint8(start + IPV4_PROTOCOL);
      chain.at = start + ipv4HeaderLength(view, start);
    }
    const { protocol, at } = chain;
    if (this.#protocols && !this.#protocols.includes(protocol)) return false;
    if (this.#port === undefined) return true;
    const isLater = version === 4 && ipv4FragmentOffset(view, start) > 0;
    if ((protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) || isLater || at + 4 > end) return false;
    return view.getUint16(at) === this.#port || view.getUint16(at + 2) === this.#port;
  }
}
