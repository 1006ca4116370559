import { IpAddress, type IpPrefix, isIpv4MappedAt, isMulticastAt, isZeroAt } from '../address.ts';

const LOOPBACK_V4 = 127;
/** Multicast groups that all sockets together may join. */
const MAX_GROUPS = 256;
const LOOPBACK_V6 = IpAddress.parse('::1')!;

/** The addresses this host has, and what follows from them. */
export class LocalAddresses {
  #prefixes: readonly IpPrefix[];
  /** Multicast groups that sockets have joined, and how many of them each. */
  readonly #groups: { readonly address: IpAddress; members: number }[] = [];
  /** Whether this host stands in for all others, too: a gateway (foreign.ts). */
  standsIn = false;

  /** Prefixes with their host bits: the address, and how much of it is shared with the neighbours. */
  constructor(prefixes: readonly IpPrefix[]) {
    this.#prefixes = prefixes;
  }

  /** From now on we have these, and no others. */
  replace(prefixes: readonly IpPrefix[]): void {
    this.#prefixes = prefixes;
  }

  /** Whether we have an address of the family that reaches further than the next link. */
  hasFamily(version: 4 | 6): boolean {
    return this.#prefixes.some(({ address }) => address.version === version && !isLinkLocal(address));
  }

  /** Listens to the group from now on; false when there are too many groups. Each join needs a leave. */
  join(address: IpAddress): boolean {
    const group = this.#groups.find((known) => known.address.equals(address));
    if (group) group.members++;
    else if (this.#groups.length >= MAX_GROUPS) return false;
    else this.#groups.push({ address, members: 1 });
    return true;
  }

  leave(address: IpAddress): void {
    const index = this.#groups.findIndex((known) => known.address.equals(address));
    if (index >= 0 && --this.#groups[index]!.members === 0) this.#groups.splice(index, 1);
  }

  /** Whether the address at `offset` is that of several hosts, and we are one of them. */
  isOurGroupAt(memory: Uint8Array, offset: number, version: 4 | 6): boolean {
    const isForAll =
      version === 4
        ? isLimitedBroadcastAt(memory, offset) || this.isBroadcastAt(memory, offset)
        : isAllNodesAt(memory, offset);
    if (isForAll) return true;
    if (!isMulticastAt(memory, offset, version)) return false;
    for (let i = 0; i < this.#groups.length; i++) {
      const { address } = this.#groups[i]!;
      if (address.version === version && address.equalsAt(memory, offset)) return true;
    }
    return false;
  }

  /** Whether a packet to it goes to all hosts of a network (IPv4 only). */
  isBroadcast(address: IpAddress): boolean {
    const { bytes, version } = address;
    return version === 4 && (isLimitedBroadcastAt(bytes, 0) || this.isBroadcastAt(bytes, 0));
  }

  /** The address of ours that lies at `offset`, or undefined. Loopback is not among them. */
  ownAt(memory: Uint8Array, offset: number, version: 4 | 6): IpAddress | undefined {
    for (let i = 0; i < this.#prefixes.length; i++) {
      const { address } = this.#prefixes[i]!;
      if (address.version === version && address.equalsAt(memory, offset)) return address;
    }
    return undefined;
  }

  /** Whether the address at `offset` is that of another host for which we stand in. Groups' and nobody's are not. */
  isForeignAt(memory: Uint8Array, offset: number, version: 4 | 6): boolean {
    if (!this.standsIn || this.ownAt(memory, offset, version) !== undefined) return false;
    const first = memory[offset]!;
    if (version === 4) return first !== 0 && first < 224 && !this.isBroadcastAt(memory, offset);
    return first !== 0xff && !isIpv4MappedAt(memory, offset) && !isZeroAt(memory, offset, 16);
  }

  /** Whether packets to it are answered here: it is our own, or we stand in for its host. */
  answersFor(address: IpAddress): boolean {
    return this.isLocal(address) || this.isForeignAt(address.bytes, 0, address.version);
  }

  /** Whether packets to it stay here: our own addresses, 127/8, ::1. */
  isLocal(address: IpAddress): boolean {
    const isLoopback =
      address.version === 4 ? address.word0 >>> 24 === LOOPBACK_V4 : LOOPBACK_V6.equals(address);
    if (isLoopback) return true;
    for (let i = 0; i < this.#prefixes.length; i++)
      if (this.#prefixes[i]!.address.equals(address)) return true;
    return false;
  }

  isLocalAt(memory: Uint8Array, offset: number, version: 4 | 6): boolean {
    const isLoopback = version === 4 ? memory[offset] === LOOPBACK_V4 : LOOPBACK_V6.equalsAt(memory, offset);
    return isLoopback || this.ownAt(memory, offset, version) !== undefined;
  }

  /**
   * Our address to speak to `destination` from: itself when it is local, otherwise the one of its scope that shares
   * the longest prefix with it (RFC 6724 §5, rules 1, 2 and 8), the first of equals.
   */
  sourceFor(destination: IpAddress): IpAddress | undefined {
    if (this.isLocal(destination)) return destination;
    let best: IpAddress | undefined;
    let bestLength = -1;
    for (const { address, length } of this.#prefixes) {
      if (address.version !== destination.version) continue;
      const scope = isLinkLocal(address) === isLinkLocal(destination) ? 256 : 0;
      const common = scope + Math.min(length, commonPrefixLength(address, destination));
      if (common > bestLength) {
        best = address;
        bestLength = common;
      }
    }
    return best;
  }

  /** Whether it can be the address of one host: neither a group's, nor everybody's, nor nobody's. */
  isUnicast(address: IpAddress): boolean {
    if (this.isLocal(address)) return true;
    const { bytes, version } = address;
    return version === 4
      ? !isIpv4MartianAt(bytes, 0) && !this.isBroadcastAt(bytes, 0)
      : !isIpv6MartianAt(bytes, 0);
  }

  /** Whether the IPv4 address at `offset` is the broadcast address of one of our networks. */
  isBroadcastAt(memory: Uint8Array, offset: number): boolean {
    for (let i = 0; i < this.#prefixes.length; i++) {
      const prefix = this.#prefixes[i]!;
      // A network of one or two addresses has none (RFC 3021).
      if (prefix.address.version === 4 && prefix.length < 31 && isLastAddress(prefix, memory, offset))
        return true;
    }
    return false;
  }
}

export function isUnspecified(address: IpAddress): boolean {
  return isZeroAt(address.bytes, 0, address.bytes.length);
}

/** Whether no host can have the IPv4 address at `offset` on a network: "this", loopback, multicast, reserved. */
export function isIpv4MartianAt(memory: Uint8Array, offset: number): boolean {
  const first = memory[offset]!;
  return first === LOOPBACK_V4 || first >= 224 || (first === 0 && isZeroAt(memory, offset, 4));
}

/** Whether no host can have the IPv6 address at `offset` on a network: multicast, ::, ::1, IPv4-mapped. */
export function isIpv6MartianAt(memory: Uint8Array, offset: number): boolean {
  const first = memory[offset]!;
  if (first === 0xff) return true;
  if (first !== 0) return false;
  return isIpv4MappedAt(memory, offset) || (isZeroAt(memory, offset, 15) && memory[offset + 15]! <= 1);
}

/** A group that only the sender's own interface or host belongs to: it never comes from elsewhere (RFC 4291 §2.7). */
export function isInterfaceLocalAt(memory: Uint8Array, offset: number): boolean {
  return memory[offset] === 0xff && (memory[offset + 1]! & 15) <= 1;
}

function isLimitedBroadcastAt(memory: Uint8Array, offset: number): boolean {
  return (memory[offset]! & memory[offset + 1]! & memory[offset + 2]! & memory[offset + 3]!) === 255;
}

/** ff02::1, to which every node listens (RFC 4291 §2.8). */
export function isAllNodesAt(memory: Uint8Array, offset: number): boolean {
  return (
    memory[offset] === 0xff &&
    memory[offset + 1] === 2 &&
    isZeroAt(memory, offset + 2, 13) &&
    memory[offset + 15] === 1
  );
}

/** 169.254/16 and fe80::/10. */
function isLinkLocal(address: IpAddress): boolean {
  const [first, second] = address.bytes;
  return address.version === 4
    ? first === 169 && second === 254
    : first === 0xfe && (second! & 0xc0) === 0x80;
}

function commonPrefixLength(a: IpAddress, b: IpAddress): number {
  for (let i = 0; i < a.bytes.length; i++) {
    const difference = a.bytes[i]! ^ b.bytes[i]!;
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return a.bytes.length * 8;
}

function isLastAddress(prefix: IpPrefix, memory: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 4; i++) {
    const hostBits = 255 >> Math.min(8, Math.max(0, prefix.length - i * 8));
    if ((prefix.address.bytes[i]! | hostBits) !== memory[offset + i]) return false;
  }
  return true;
}
