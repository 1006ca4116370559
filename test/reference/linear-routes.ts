import type { IpAddress, IpPrefix } from '../../src/core/address.ts';

/** The slow twin of AllowedIps: a list, searched from end to end. */
export class LinearRoutes<Owner> {
  #routes: { prefix: IpPrefix; owner: Owner }[] = [];

  insert(prefix: IpPrefix, owner: Owner): void {
    const masked = prefix.masked();
    this.#routes = this.#routes.filter((route) => route.prefix.toString() !== masked.toString());
    this.#routes.push({ prefix: masked, owner });
  }

  remove(prefix: IpPrefix, owner: Owner): void {
    const text = prefix.masked().toString();
    this.#routes = this.#routes.filter((route) => route.owner !== owner || route.prefix.toString() !== text);
  }

  removeOwner(owner: Owner): void {
    this.#routes = this.#routes.filter((route) => route.owner !== owner);
  }

  lookup(address: IpAddress): Owner | undefined {
    let best: { prefix: IpPrefix; owner: Owner } | undefined;
    for (const route of this.#routes) {
      if (route.prefix.contains(address) && route.prefix.length >= (best?.prefix.length ?? 0)) best = route;
    }
    return best?.owner;
  }

  prefixesOf(owner: Owner): string[] {
    return this.#routes.filter((route) => route.owner === owner).map((route) => route.prefix.toString());
  }
}
