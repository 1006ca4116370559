import { IpAddress, IpPrefix } from '../core/address.ts';
import { codedError } from './errors.ts';
import { SocketAddress } from './socket-address.ts';

/** Of an address, as BlockList takes it. */
export type Family = 'ipv4' | 'ipv6';

interface Rule {
  matches(address: IpAddress): boolean;
  /** As Node prints it. */
  text: string;
}

/** Node's net.BlockList: which addresses are meant, by single ones, ranges and subnets. */
export class BlockList {
  readonly #rules: Rule[] = [];

  /** Whether it is one of ours. */
  static isBlockList(value: unknown): value is BlockList {
    return value instanceof BlockList;
  }

  /** One address. Throws for what is none, as the next two do. */
  addAddress(address: string | SocketAddress, family: Family = 'ipv4'): void {
    const one = parsed(address, family);
    this.#add(`Address: ${nameOf(one)} ${one}`, (other) => other.equals(one));
  }

  /** All from `start` to `end`, both of them too. Throws ERR_INVALID_ARG_VALUE if they are the other way round. */
  addRange(start: string | SocketAddress, end: string | SocketAddress, family: Family = 'ipv4'): void {
    const [first, last] = [parsed(start, family), parsed(end, family)];
    if (compared(first, last) > 0)
      throw codedError(
        TypeError,
        'ERR_INVALID_ARG_VALUE',
        `The argument 'start' must come before end. Received '${first}'`,
      );
    this.#add(
      `Range: ${nameOf(first)} ${first}-${last}`,
      (other) => other.version === first.version && compared(first, other) <= 0 && compared(other, last) <= 0,
    );
  }

  /** All whose first `prefix` bits are those of `network`. Throws ERR_OUT_OF_RANGE. */
  addSubnet(network: string | SocketAddress, prefix: number, family: Family = 'ipv4'): void {
    const address = parsed(network, family);
    const most = address.version === 4 ? 32 : 128;
    if (!Number.isInteger(prefix) || prefix < 0 || prefix > most)
      throw codedError(
        RangeError,
        'ERR_OUT_OF_RANGE',
        `The value of "prefix" is out of range. It must be >= 0 and <= ${most}. Received ${prefix}`,
      );
    const subnet = new IpPrefix(address, prefix).masked();
    this.#add(`Subnet: ${nameOf(address)} ${address}/${prefix}`, (other) => subnet.contains(other));
  }

  /** False also for what is no address. An IPv4-mapped IPv6 address is the IPv4 address. */
  check(address: string | SocketAddress, family: Family = 'ipv4'): boolean {
    const text = typeof address === 'string' ? address : address.address;
    const wanted = typeof address === 'string' ? family : address.family;
    const one = IpAddress.parse(text);
    if (!one || `ipv${one.version}` !== wanted) return false;
    const mapped = one.version === 6 ? mappedOf(one) : undefined;
    return this.#rules.some((rule) => rule.matches(one) || (mapped !== undefined && rule.matches(mapped)));
  }

  /** The newest first. */
  get rules(): readonly string[] {
    return this.#rules.map(({ text }) => text);
  }

  #add(text: string, matches: (address: IpAddress) => boolean): void {
    this.#rules.unshift({ text, matches });
  }
}

function parsed(address: string | SocketAddress, family: Family): IpAddress {
  if (address instanceof SocketAddress) return IpAddress.parse(address.address)!;
  return IpAddress.parse(new SocketAddress({ address, family }).address)!;
}

function nameOf(address: IpAddress): string {
  return `IPv${address.version}`;
}

function compared(a: IpAddress, b: IpAddress): number {
  const [left, right] = [a.bytes, b.bytes];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return left[i]! - right[i]!;
  return 0;
}

function mappedOf(address: IpAddress): IpAddress | undefined {
  const { bytes } = address;
  const isMapped =
    bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
  return isMapped ? new IpAddress(bytes.slice(12)) : undefined;
}
