const DOT = 46;
const DIGIT_0 = 48;

/**
 * An IPv4 or IPv6 address. Immutable; equal addresses need not be the same object. It is kept as four words, network
 * order, of which IPv4 uses the first: an array would be three times as large, and every connection has an address.
 * The packet path compares an address with bytes inside a packet (`equalsAt`) instead of making new ones.
 */
export class IpAddress {
  readonly version: 4 | 6;
  /** int32. */
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;
  #bytes: Uint8Array | undefined;

  /** Copies `size` bytes from `offset` on: all there are, by default. */
  constructor(bytes: Uint8Array, offset = 0, size: number = bytes.length) {
    if (size !== 4 && size !== 16) throw new RangeError(`address: expected 4 or 16 bytes, got ${size}`);
    const isIpv6 = size === 16;
    this.version = isIpv6 ? 6 : 4;
    this.word0 = wordAt(bytes, offset);
    this.word1 = isIpv6 ? wordAt(bytes, offset + 4) : 0;
    this.word2 = isIpv6 ? wordAt(bytes, offset + 8) : 0;
    this.word3 = isIpv6 ? wordAt(bytes, offset + 12) : 0;
  }

  /** A copy of the address at `offset`. */
  static readFrom(memory: Uint8Array, offset: number, version: 4 | 6): IpAddress {
    return new IpAddress(memory, offset, version === 4 ? 4 : 16);
  }

  /** 4 or 16 bytes, network order, made when first asked for. Not to be written to. */
  get bytes(): Uint8Array {
    return (this.#bytes ??= bytesOf(this));
  }

  /** In bytes: 4 or 16. */
  get size(): number {
    return this.version === 4 ? 4 : 16;
  }

  /** The same address, without the array: for whoever keeps many. */
  compact(): IpAddress {
    return this.#bytes ? new IpAddress(this.#bytes) : this;
  }

  /** The address a user wrote, or undefined. No zone, no brackets, no shorthand such as `127.1`. */
  static parse(text: string): IpAddress | undefined {
    const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
    return bytes && new IpAddress(bytes);
  }

  equals(other: IpAddress): boolean {
    return (
      this.word0 === other.word0 &&
      this.version === other.version &&
      this.word1 === other.word1 &&
      this.word2 === other.word2 &&
      this.word3 === other.word3
    );
  }

  /** Whether the bytes at `offset` are this address. The caller has checked the family. */
  equalsAt(memory: Uint8Array, offset: number): boolean {
    if (this.word0 !== wordAt(memory, offset)) return false;
    return (
      this.version === 4 ||
      (this.word1 === wordAt(memory, offset + 4) &&
        this.word2 === wordAt(memory, offset + 8) &&
        this.word3 === wordAt(memory, offset + 12))
    );
  }

  /** Writes its 4 or 16 bytes. */
  writeTo(view: DataView, offset: number): void {
    view.setInt32(offset, this.word0);
    if (this.version === 4) return;
    view.setInt32(offset + 4, this.word1);
    view.setInt32(offset + 8, this.word2);
    view.setInt32(offset + 12, this.word3);
  }

  /** Dotted quad, or RFC 5952 text. */
  toString(): string {
    const bytes = bytesOf(this);
    return this.version === 4 ? bytes.join('.') : printIpv6(bytes);
  }
}

function bytesOf(address: IpAddress): Uint8Array {
  const bytes = new Uint8Array(address.size);
  address.writeTo(new DataView(bytes.buffer), 0);
  return bytes;
}

function wordAt(memory: Uint8Array, at: number): number {
  return (memory[at]! << 24) | (memory[at + 1]! << 16) | (memory[at + 2]! << 8) | memory[at + 3]!;
}

/** An address with a prefix length; whether host bits are kept is the maker's choice (`masked`). */
export class IpPrefix {
  readonly address: IpAddress;
  readonly length: number;

  constructor(address: IpAddress, length: number) {
    const limit = address.bytes.length * 8;
    if (!Number.isInteger(length) || length < 0 || length > limit)
      throw new RangeError(`prefix length must be 0–${limit}`);
    this.address = address;
    this.length = length;
  }

  /** `address` or `address/length`; without a length, a host prefix (/32 or /128). Host bits are kept. */
  static parse(text: string): IpPrefix | undefined {
    const slash = text.indexOf('/');
    const address = IpAddress.parse(slash < 0 ? text : text.slice(0, slash));
    if (!address) return undefined;
    const limit = address.bytes.length * 8;
    if (slash < 0) return new IpPrefix(address, limit);
    const digits = text.slice(slash + 1);
    if (!/^[0-9]+$/.test(digits) || Number(digits) > limit) return undefined;
    return new IpPrefix(address, Number(digits));
  }

  /** The same prefix with host bits cleared. */
  masked(): IpPrefix {
    if (this.length === this.address.bytes.length * 8) return this;
    const bytes = this.address.bytes.slice();
    for (let i = 0; i < bytes.length; i++) {
      const kept = Math.min(8, Math.max(0, this.length - i * 8));
      bytes[i]! &= (0xff00 >> kept) & 0xff;
    }
    return new IpPrefix(new IpAddress(bytes), this.length);
  }

  contains(address: IpAddress): boolean {
    if (address.version !== this.address.version) return false;
    for (let i = 0; i * 8 < this.length; i++) {
      const mask = (0xff00 >> Math.min(8, this.length - i * 8)) & 0xff;
      if (((address.bytes[i]! ^ this.address.bytes[i]!) & mask) !== 0) return false;
    }
    return true;
  }

  toString(): string {
    return `${this.address}/${this.length}`;
  }
}

/** An address with a port: what TCP and UDP sockets have. */
export interface SocketAddress {
  readonly address: IpAddress;
  readonly port: number;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let part = 0;
  let value = -1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (value < 0 || part === 3) return undefined;
      bytes[part++] = value;
      value = -1;
      continue;
    }
    const digit = code - DIGIT_0;
    // A leading zero means octal to some parsers and decimal to others: refuse it.
    if (digit < 0 || digit > 9 || value === 0) return undefined;
    value = value < 0 ? digit : value * 10 + digit;
    if (value > 255) return undefined;
  }
  if (value < 0 || part !== 3) return undefined;
  bytes[3] = value;
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (!head || !tail) return undefined;
  const missing = 16 - head.length - tail.length;
  // "::" stands for at least one group (RFC 4291 §2.2).
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else {
      const ipv4 = mayEndInIpv4 && index === groups.length - 1 ? parseIpv4(group) : undefined;
      if (!ipv4) return undefined;
      bytes.push(...ipv4);
    }
  }
  return bytes.length <= 16 ? bytes : undefined;
}

/** RFC 5952: lower case, the longest run of two or more zero groups (the first of equals) as "::". */
function printIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > best.length) best = { start: i, length };
  }
  const print = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.start < 0) return print(groups);
  return `${print(groups.slice(0, best.start))}::${print(groups.slice(best.start + best.length))}`;
}

/** 224/4 and ff00::/8. */
export function isMulticastAt(memory: Uint8Array, offset: number, version: 4 | 6): boolean {
  return version === 4 ? memory[offset]! >> 4 === 14 : memory[offset] === 0xff;
}

/** `::ffff:a.b.c.d`, in whatever way it was written, means the IPv4 address (RFC 4291 §2.5.5.2). */
export function unmapped(address: IpAddress): IpAddress {
  return address.version === 6 && isIpv4MappedAt(address.bytes, 0)
    ? new IpAddress(address.bytes.slice(12))
    : address;
}

/** Whether `::ffff:a.b.c.d` is at `offset`. */
export function isIpv4MappedAt(memory: Uint8Array, offset: number): boolean {
  return isZeroAt(memory, offset, 10) && memory[offset + 10] === 255 && memory[offset + 11] === 255;
}

/** Whether nothing but zeros is at `offset`. */
export function isZeroAt(memory: Uint8Array, offset: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (memory[offset + i] !== 0) return false;
  return true;
}
