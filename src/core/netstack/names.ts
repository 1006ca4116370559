import type { IpAddress } from '../address.ts';
import type { DropCounters } from '../counters.ts';
import type { Environment } from '../environment.ts';
import type { TunnelError } from '../errors.ts';
import { type Instant, type Millis, NEVER, type Pollable, SECOND } from '../time.ts';
import type { RecordType } from '../wire/dns.ts';
import { type AddressFamily, AddressLookup } from './address-lookup.ts';
import { sortDestinations } from './address-selection.ts';
import type { NameNetwork } from './dns/network.ts';
import type { Resolution } from './dns/resolution.ts';
import { Resolver, type ResolverConfig } from './dns/resolver.ts';
import type { NetStackDrop } from './drops.ts';
import { FamilyMemory, HappyEyeballs, type NamedConnectOptions } from './happy-eyeballs.ts';

/** How much longer than for the first family's addresses one waits for the other's, where nothing is raced. */
const OTHER_FAMILY_PATIENCE: Millis = SECOND;

/** Told once that there are addresses or an error. Must only take note. */
export interface HostObserver {
  settled(): void;
}

/** A host's addresses, for whoever can use one only: the best is the first. */
export class HostLookup implements Pollable {
  addresses: readonly IpAddress[] = [];
  error: TunnelError | undefined;
  isSettled = false;
  observer: HostObserver | undefined;
  readonly #network: NameNetwork;
  readonly #lookup: AddressLookup;
  #isNoted = true;
  #patienceEndsAt: Instant = NEVER;

  constructor(
    host: string,
    family: AddressFamily,
    parts: { resolver: Resolver; network: NameNetwork },
    now: Instant,
  ) {
    this.#network = parts.network;
    const noted = () => {
      this.#isNoted = true;
    };
    this.#lookup = new AddressLookup(host, family, parts, noted, now);
  }

  cancel(now: Instant): void {
    this.observer = undefined;
    this.isSettled = true;
    this.#lookup.cancel(now);
  }

  pollAt(): Instant {
    if (this.isSettled) return NEVER;
    return this.#isNoted ? 0 : this.#patienceEndsAt;
  }

  poll(now: Instant): void {
    if (this.isSettled) return;
    this.#isNoted = false;
    const { addresses, isSettled } = this.#lookup;
    if (addresses.length > 0 && this.#patienceEndsAt === NEVER)
      this.#patienceEndsAt = now + OTHER_FAMILY_PATIENCE;
    if (!isSettled && now < this.#patienceEndsAt) return;
    this.isSettled = true;
    if (addresses.length === 0) this.error = this.#lookup.error;
    else this.addresses = sortDestinations(addresses, this.#network);
    this.#lookup.cancel(now);
    this.observer?.settled();
  }
}

/** Everything that has to do with names: the resolver, and who waits for it with a connection in mind. */
export class Names implements Pollable {
  readonly resolver: Resolver;
  readonly #network: NameNetwork;
  readonly #memory = new FamilyMemory();
  readonly #waiting = new Set<HappyEyeballs | HostLookup>();

  constructor(network: NameNetwork, environment: Environment, drops: DropCounters<NetStackDrop>) {
    this.#network = network;
    this.resolver = new Resolver(network, environment, drops);
  }

  /** See Resolver.configure. */
  configure(config: ResolverConfig, now: Instant): void {
    this.#memory.clear();
    this.resolver.configure(config, now);
  }

  /** See Resolver.resolve. */
  resolve(name: string, type: RecordType, now: Instant): Resolution {
    return this.resolver.resolve(name, type, now);
  }

  /** The addresses of a host, which may be an address itself. Its result comes with a later poll. */
  lookUp(host: string, family: AddressFamily, now: Instant): HostLookup {
    const lookup = new HostLookup(host, family, this.#parts, now);
    this.#waiting.add(lookup);
    return lookup;
  }

  /** A connection to a host by its name. Its result comes with a later poll. */
  connectTcp(host: string, port: number, options: NamedConnectOptions, now: Instant): HappyEyeballs {
    const race = new HappyEyeballs(host, port, options, { ...this.#parts, memory: this.#memory }, now);
    this.#waiting.add(race);
    return race;
  }

  pollAt(): Instant {
    let at = this.resolver.pollAt();
    if (this.#waiting.size === 0) return at;
    for (const waiting of this.#waiting) at = Math.min(at, waiting.pollAt());
    return at;
  }

  poll(now: Instant): void {
    if (this.resolver.pollAt() <= now) this.resolver.poll(now);
    if (this.#waiting.size === 0) return;
    for (const waiting of this.#waiting) {
      if (waiting.pollAt() <= now) waiting.poll(now);
      if (waiting.isSettled) this.#waiting.delete(waiting);
    }
  }

  get #parts() {
    return { resolver: this.resolver, network: this.#network };
  }
}
