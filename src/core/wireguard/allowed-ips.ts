import { IpAddress, IpPrefix } from '../address.ts';

/**
 * Cryptokey routing (WG §2): prefix → owner, longest prefix wins, one table for each family. A prefix has one owner: the
 * last to insert it. Lookups read an address where it lies in a packet and make nothing.
 */
export class AllowedIps<Owner> {
  #ipv4: Node<Owner> | undefined;
  #ipv6: Node<Owner> | undefined;
  /** The nodes of each owner, so that what concerns one of thousands does not cost a walk through all. */
  readonly #owned = new Map<Owner, Set<Node<Owner>>>();

  /** Host bits do not count. */
  insert(prefix: IpPrefix, owner: Owner): void {
    const { address, length } = prefix.masked();
    const root = grow(this.#root(address.version), address.bytes, length);
    this.#setRoot(address.version, root);
    const node = find(root, address.bytes, length)!;
    if (node.owner !== undefined) this.#owned.get(node.owner)!.delete(node);
    node.owner = owner;
    const owned = this.#owned.get(owner);
    if (owned) owned.add(node);
    else this.#owned.set(owner, new Set([node]));
  }

  /** Removes the prefix, if this owner has it. */
  remove(prefix: IpPrefix, owner: Owner): void {
    const { address, length } = prefix.masked();
    const node = find(this.#root(address.version), address.bytes, length);
    if (node?.owner !== owner) return;
    this.#owned.get(owner)!.delete(node);
    this.#release(node);
  }

  removeOwner(owner: Owner): void {
    for (const node of this.#owned.get(owner) ?? []) this.#release(node);
    this.#owned.delete(owner);
  }

  /** Whose is the address at `offset`? */
  lookup(memory: Uint8Array, offset: number, version: 4 | 6): Owner | undefined {
    const bits = version === 4 ? 32 : 128;
    let node = this.#root(version);
    let owner: Owner | undefined;
    while (node?.covers(memory, offset)) {
      if (node.owner !== undefined) owner = node.owner;
      if (node.length === bits) break;
      node = bitAt(memory, offset, node.length) === 0 ? node.zero : node.one;
    }
    return owner;
  }

  /** Whether any prefix of the family has an owner. */
  hasAny(version: 4 | 6): boolean {
    return this.#root(version) !== undefined;
  }

  /** The prefixes that still belong to an owner, IPv4 first, in ascending order. */
  prefixesOf(owner: Owner): IpPrefix[] {
    const nodes = [...(this.#owned.get(owner) ?? [])];
    return nodes
      .map(({ bytes, length }) => new IpPrefix(new IpAddress(bytes), length).masked())
      .sort(compare);
  }

  #root(version: 4 | 6): Node<Owner> | undefined {
    return version === 4 ? this.#ipv4 : this.#ipv6;
  }

  #setRoot(version: 4 | 6, root: Node<Owner> | undefined): void {
    if (version === 4) this.#ipv4 = root;
    else this.#ipv6 = root;
  }

  #release({ bytes, length }: Node<Owner>): void {
    const version = bytes.length === 4 ? 4 : 6;
    this.#setRoot(version, release(this.#root(version), bytes, length));
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

  constructor(bytes: Uint8Array, length: number) {
    this.bytes = bytes;
    this.length = length;
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

/** Makes a node for the prefix, if there is none, and returns the root. */
function grow<Owner>(node: Node<Owner> | undefined, bytes: Uint8Array, length: number): Node<Owner> {
  if (!node) return new Node(bytes, length);
  const common = commonLength(node.bytes, bytes, Math.min(node.length, length));
  if (common === node.length) {
    if (common < length)
      node.adopt(grow(bitAt(bytes, 0, common) === 0 ? node.zero : node.one, bytes, length));
    return node;
  }
  // The new prefix lies above the node, or both lie below a new fork.
  const above = new Node<Owner>(bytes, common);
  above.adopt(node);
  if (common < length) above.adopt(new Node(bytes, length));
  return above;
}

/** The node of exactly this prefix. */
function find<Owner>(
  node: Node<Owner> | undefined,
  bytes: Uint8Array,
  length: number,
): Node<Owner> | undefined {
  while (node && node.length < length && node.covers(bytes, 0))
    node = bitAt(bytes, 0, node.length) === 0 ? node.zero : node.one;
  return node?.length === length && node.covers(bytes, 0) ? node : undefined;
}

function commonLength(a: Uint8Array, b: Uint8Array, limit: number): number {
  let length = 0;
  while (length < limit && bitAt(a, 0, length) === bitAt(b, 0, length)) length++;
  return length;
}

/** Takes the owner from the node of a prefix that is there, and removes nodes that no longer mean anything. */
function release<Owner>(
  node: Node<Owner> | undefined,
  bytes: Uint8Array,
  length: number,
): Node<Owner> | undefined {
  if (!node) return undefined;
  if (node.length === length) node.owner = undefined;
  else if (bitAt(bytes, 0, node.length) === 0) node.zero = release(node.zero, bytes, length);
  else node.one = release(node.one, bytes, length);
  if (node.owner !== undefined || (node.zero && node.one)) return node;
  return node.zero ?? node.one;
}

function compare(a: IpPrefix, b: IpPrefix): number {
  if (a.address.version !== b.address.version) return a.address.version - b.address.version;
  const at = a.address.bytes.findIndex((byte, i) => byte !== b.address.bytes[i]);
  return at < 0 ? a.length - b.length : a.address.bytes[at]! - b.address.bytes[at]!;
}
