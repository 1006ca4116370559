import type { IpAddress, SocketAddress } from '../../address.ts';
import type { Environment } from '../../environment.ts';

/**
 * The hash of a connection's two ends: HalfSipHash-1-3 (Aumasson, Bernstein) with a secret key, so that nobody outside
 * can choose addresses and ports that fall into one bucket. One key serves all tables of a layer, so that a segment is
 * hashed once. The lowest bit tells IPv4 from IPv6: two ends with equal hashes are of one family.
 */
export class TupleHash {
  readonly #key = new Int32Array(2);
  /** Both addresses as they lie in a packet that comes from the remote end. */
  readonly #view = new DataView(new ArrayBuffer(32));

  constructor(environment: Environment) {
    environment.fillRandom(new Uint8Array(this.#key.buffer));
  }

  /** Of a received segment: the source, which is our remote end, lies at `addresses`, the destination behind it. */
  at(view: DataView, addresses: number, version: 4 | 6, remotePort: number, localPort: number): number {
    const hash = this.#hash(view, addresses, version === 4 ? 2 : 8, (remotePort << 16) | localPort);
    return (hash & ~1) | (version === 6 ? 1 : 0);
  }

  of(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): number {
    remote.writeTo(this.#view, 0);
    local.writeTo(this.#view, remote.size);
    return this.at(this.#view, 0, remote.version, remotePort, localPort);
  }

  ofEnds(local: SocketAddress, remote: SocketAddress): number {
    return this.of(local.address, local.port, remote.address, remote.port);
  }

  /** Of a host's address, or, in IPv6, of its /64, together with a number. */
  ofSource(address: IpAddress, salt: number): number {
    address.writeTo(this.#view, 0);
    return this.#hash(this.#view, 0, address.version === 4 ? 1 : 2, (salt << 3) | address.version);
  }

  /** One round for each of `words` words and for `last`, three to end with. */
  #hash(view: DataView, at: number, words: number, last: number): number {
    let a = this.#key[0]!;
    let b = this.#key[1]!;
    let c = a ^ 0x6c796765;
    let d = b ^ 0x74656462;
    for (let i = 0; i < words + 4; i++) {
      const word = i < words ? view.getInt32(at + 4 * i) : i === words ? last : 0;
      if (i === words + 1) c ^= 0xff;
      d ^= word;
      a = (a + b) | 0;
      b = rotate(b, 5) ^ a;
      a = rotate(a, 16);
      c = (c + d) | 0;
      d = rotate(d, 8) ^ c;
      a = (a + d) | 0;
      d = rotate(d, 7) ^ a;
      c = (c + b) | 0;
      b = rotate(b, 13) ^ c;
      c = rotate(c, 16);
      a ^= word;
    }
    return b ^ d;
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Both addresses as they lie in a packet that comes from the remote end. */
export function joined(local: SocketAddress, remote: SocketAddress): DataView {
  const { size } = remote.address;
  const both = new DataView(new ArrayBuffer(2 * size));
  remote.address.writeTo(both, 0);
  local.address.writeTo(both, size);
  return both;
}
