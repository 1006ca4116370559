// Path MTU discovery (RFC 1191, RFC 8201): what routers said of single destinations, believed for a while.

import type { IpAddress } from '../address.ts';
import type { Environment } from '../environment.ts';
import { type Instant, MINUTE, NEVER, type Pollable } from '../time.ts';
import { IPV6_MINIMUM_MTU } from '../wire/ipv6.ts';

/** Destinations of which something is known; of more, the one longest not used is forgotten. */
export const MAX_PATHS = 1024;
/** Afterwards a larger packet is tried again (RFC 1191 §6.3, RFC 8201 §4: not sooner than five minutes). */
export const PATH_MTU_LIFETIME = 10 * MINUTE;
/** No link carries less (RFC 791): who claims it is no router. */
const IPV4_LEAST_CLAIM = 68;
/** As in Linux: below this, routers may fragment instead, so that nobody can make us send crumbs. */
export const IPV4_LEAST_PATH_MTU = 552;
/** What links carry, for routers that do not say which (RFC 1191 §7). */
const PLATEAUS = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, IPV4_LEAST_CLAIM];

interface Path {
  readonly destination: IpAddress;
  mtu: number;
  expiresAt: Instant;
  /** Its links carry less than we are ready to send: routers must fragment. */
  isTiny: boolean;
}

/** The path MTUs that are smaller than the tunnel's. */
export class PathMtus implements Pollable {
  readonly #seed = new Uint32Array(1);
  /** By a hash of the destination; the one used last is last. Two that meet in one hash displace each other. */
  readonly #paths = new Map<number, Path>();
  #expiresAt: Instant = NEVER;
  readonly #changed: (destination: IpAddress) => void;

  /** `changed` is told of destinations whose path MTU has become another: only takes note. */
  constructor(environment: Environment, changed: (destination: IpAddress) => void) {
    environment.fillRandom(new Uint8Array(this.#seed.buffer));
    this.#changed = changed;
  }

  get size(): number {
    return this.#paths.size;
  }

  /** In bytes of whole packet, at most `mtu`, the tunnel's. */
  of(destination: IpAddress, mtu: number): number {
    return Math.min(mtu, this.#find(destination)?.mtu ?? mtu);
  }

  /** Whether routers on the way may have to fragment what we send there (IPv4 only). */
  isTiny(destination: IpAddress): boolean {
    return this.#find(destination)?.isTiny ?? false;
  }

  /**
   * A router claims that its next link takes `claimed` bytes and not the `sent` that we sent; 0 is from an old one that
   * does not know. The caller has made sure that we did send that. True if it is news: it never raises.
   */
  lower(destination: IpAddress, claimed: number, sent: number, mtu: number, now: Instant): boolean {
    const known = this.of(destination, mtu);
    const isIpv4 = destination.version === 4;
    const said = isIpv4 && claimed === 0 ? plateauBelow(Math.min(sent, known)) : claimed;
    if (said < (isIpv4 ? IPV4_LEAST_CLAIM : IPV6_MINIMUM_MTU) || said >= sent || said >= known) return false;
    const isTiny = isIpv4 && said < IPV4_LEAST_PATH_MTU;
    if (isTiny && this.isTiny(destination)) return false;
    const value = isTiny ? Math.min(known, IPV4_LEAST_PATH_MTU) : said;
    const hash = this.#hash(destination);
    this.#paths.delete(hash);
    if (this.#paths.size >= MAX_PATHS) this.#paths.delete(this.#paths.keys().next().value!);
    const expiresAt = now + PATH_MTU_LIFETIME;
    this.#paths.set(hash, { destination, mtu: value, expiresAt, isTiny });
    this.#expiresAt = Math.min(this.#expiresAt, expiresAt);
    this.#changed(destination);
    return true;
  }

  /** The tunnel has another MTU: what is not smaller is not worth knowing. */
  mtuChanged(mtu: number): void {
    for (const [hash, path] of this.#paths) if (path.mtu >= mtu) this.#paths.delete(hash);
  }

  pollAt(): Instant {
    return this.#expiresAt;
  }

  poll(now: Instant): void {
    if (now < this.#expiresAt) return;
    this.#expiresAt = NEVER;
    for (const [hash, path] of this.#paths) {
      if (path.expiresAt > now) {
        this.#expiresAt = Math.min(this.#expiresAt, path.expiresAt);
        continue;
      }
      this.#paths.delete(hash);
      this.#changed(path.destination);
    }
  }

  #find(destination: IpAddress): Path | undefined {
    if (this.#paths.size === 0) return undefined;
    const hash = this.#hash(destination);
    const path = this.#paths.get(hash);
    if (!path?.destination.equals(destination)) return undefined;
    // Used: to the end of the line.
    this.#paths.delete(hash);
    this.#paths.set(hash, path);
    return path;
  }

  /** From a secret start, in 30 bits, which no engine needs an object for. */
  #hash({ word0, word1, word2, word3 }: IpAddress): number {
    let hash = stir(this.#seed[0]! ^ word0);
    hash = stir(hash ^ word1);
    hash = stir(hash ^ word2);
    return stir(hash ^ word3) >>> 2;
  }
}

function stir(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function plateauBelow(length: number): number {
  return PLATEAUS.find((plateau) => plateau < length) ?? 0;
}
