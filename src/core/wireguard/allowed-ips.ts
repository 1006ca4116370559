import { IpAddress, IpPrefix } from '../address.ts';

/**
 * Cryptokey routing (WG §2): prefix → owner, longest prefix wins, one table for each family. A prefix has one owner: the
 * last to insert it. Lookups read an address where it lies in a packet and make nothing.
 */
export class AllowedIps<Owner> {
  #ipv4: Node<Owner> | undefined;
  #ipv6: Node<Owner> | undefined;

  /** Host bits do not count. */
  insert(prefix: IpPrefix, owner: Owner): void {
    const masked = prefix.masked();
    if (masked.address.version === 4) this.#ipv4 = insert(this.#ipv4, masked, owner);
    else this.#ipv6 = insert(this.#ipv6, masked, owner);
  }

  /** Removes the prefix, if this owner has it. */
  remove(prefix: IpPrefix, owner: Owner): void {
    const masked = prefix.masked();
    const gives = (node: Node<Owner>) =>
      node.owner === owner && node.length === masked.length && node.covers(masked.address.bytes, 0);
    if (masked.address.version === 4) this.#ipv4 = prune(this.#ipv4, gives);
    else this.#ipv6 = prune(this.#ipv6, gives);
  }

  removeOwner(owner: Owner): void {
    const gives = (node: Node<Owner>) => node.owner === owner;
    this.#ipv4 = prune(this.#ipv4, gives);
    this.#ipv6 = prune(this.#ipv6, gives);
  }

  /** Whose is the address at `offset`? */
  lookup(memory: Uint8Array, offset: number, version: 4 | 6): Owner | undefined {
    const bits = version === 4 ? 32 : 128;
    let node = version === 4 ? this.#ipv4 : this.#ipv6;
    let owner: Owner | undefined;
    while (node?.covers(memory, offset)) {
      if (node.owner !== undefined) owner = node.owner;
      if (node.length === bits) break;
      node = bitAt(memory, offset, node.length) === 0 ? node.zero : node.one;
    }
    return owner;
  }

  /** The prefixes that still belong to an owner, IPv4 first, in ascending order. */
  prefixesOf(owner: Owner): IpPrefix[] {
    const found: IpPrefix[] = [];
    collect(this.#ipv4, owner, found);
    collect(this.#ipv6, owner, found);
    return found;
  }
}

/** A node of a path-compressed binary trie: a prefix that somebody owns, or where two ways part. */
class Node<Owner> {
  /** 4 or 16 bytes; bits from `length` on are not looked at. */
  readonly bytes: Uint8Array;
  readonly length: number;
  owner: Owner | undefined;
  zero: Node<Owner> | undefined;
  one: Node<Owner> | undefined;

  constructor(bytes: Uint8Array, length: number, owner: Owner | undefined) {
    this.bytes = bytes;
    this.length = length;
    this.owner = owner;
  }

  /** Whether the address at `offset` lies in this prefix. */
  covers(memory: Uint8Array, offset: number): boolean {
    const { bytes, length } = this;
    const whole = length >>> 3;
    for (let i = 0; i < whole; i++) if (bytes[i] !== memory[offset + i]) return false;
    const rest = length & 7;
    return rest === 0 || (bytes[whole]! ^ memory[offset + whole]!) >>> (8 - rest) === 0;
  }

  adopt(child: Node<Owner>): void {
    if (bitAt(child.bytes, 0, this.length) === 0) this.zero = child;
    else this.one = child;
  }
}

function bitAt(memory: Uint8Array, offset: number, bit: number): number {
  return (memory[offset + (bit >>> 3)]! >>> (7 - (bit & 7))) & 1;
}

function insert<Owner>(node: Node<Owner> | undefined, prefix: IpPrefix, owner: Owner): Node<Owner> {
  const { bytes } = prefix.address;
  if (!node) return new Node(bytes, prefix.length, owner);
  const common = commonLength(node.bytes, bytes, Math.min(node.length, prefix.length));
  if (common === node.length) {
    if (common === prefix.length) node.owner = owner;
    else node.adopt(insert(bitAt(bytes, 0, common) === 0 ? node.zero : node.one, prefix, owner));
    return node;
  }
  // The new prefix lies above the node, or both lie below a new fork.
  const above = new Node(bytes, common, common === prefix.length ? owner : undefined);
  above.adopt(node);
  if (common < prefix.length) above.adopt(new Node(bytes, prefix.length, owner));
  return above;
}

function commonLength(a: Uint8Array, b: Uint8Array, limit: number): number {
  let length = 0;
  while (length < limit && bitAt(a, 0, length) === bitAt(b, 0, length)) length++;
  return length;
}

/** Takes the owner from every node that `gives` it up, and removes nodes that no longer mean anything. */
function prune<Owner>(
  node: Node<Owner> | undefined,
  gives: (node: Node<Owner>) => boolean,
): Node<Owner> | undefined {
  if (!node) return undefined;
  node.zero = prune(node.zero, gives);
  node.one = prune(node.one, gives);
  if (gives(node)) node.owner = undefined;
  if (node.owner !== undefined || (node.zero && node.one)) return node;
  return node.zero ?? node.one;
}

function collect<Owner>(node: Node<Owner> | undefined, owner: Owner, found: IpPrefix[]): void {
  if (!node) return;
  if (node.owner === owner) found.push(new IpPrefix(new IpAddress(node.bytes), node.length).masked());
  collect(node.zero, owner, found);
  collect(node.one, owner, found);
}
