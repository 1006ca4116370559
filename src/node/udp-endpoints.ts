import { IpAddress } from '../core/address.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { TunnelError } from '../core/errors.ts';

/** A place on the network: an address and a port, or a name that is yet to become one. */
export class UdpEndpoint implements Endpoint {
  readonly port: number;
  /** What the user wrote, if it was a name. */
  readonly name: string | undefined;
  address: IpAddress | undefined;
  resolving = false;
  problem: TunnelError | undefined;
  /** The newest handshake message, while there is no address to send it to. */
  held: Uint8Array | undefined;
  /** Whether we sent there since the table last looked: someone we talk to is not forgotten. */
  inUse = false;

  constructor(address: IpAddress | undefined, name: string | undefined, port: number) {
    this.address = address;
    this.name = name;
    this.port = port;
  }

  get host(): string {
    return this.address?.toString() ?? this.name!;
  }
}

/**
 * The same object for the same place, as long as it is of interest. Anyone can send us datagrams from anywhere, so
 * the table has a bound, and forgets first those to whom we never sent.
 */
export class UdpEndpoints {
  readonly #places = new Map<string, UdpEndpoint>();
  readonly #names = new Map<string, UdpEndpoint>();
  readonly #limit: number;
  #last: { readonly text: string; readonly endpoint: UdpEndpoint } | undefined;

  constructor(limit = 4096) {
    this.#limit = limit;
  }

  /** Where to send for `host` and `port`. Its address is missing if `host` is a name seen for the first time. */
  endpointFor(host: string, port: number): UdpEndpoint {
    const address = IpAddress.parse(host.replace(/^\[(.*)\]$/, '$1'));
    if (address !== undefined) return this.#intern(`${address} ${port}`, address, port);
    const key = `${host.toLowerCase()} ${port}`;
    let endpoint = this.#names.get(key);
    if (endpoint === undefined) {
      endpoint = new UdpEndpoint(undefined, host, port);
      this.#names.set(key, endpoint);
      if (this.#names.size > this.#limit) this.#names.delete(this.#names.keys().next().value!);
    }
    return endpoint;
  }

  /** Nobody is there any more. What still comes from there comes from a new endpoint. */
  remove(endpoint: UdpEndpoint): void {
    for (const table of [this.#names, this.#places])
      for (const [key, known] of table) if (known === endpoint) table.delete(key);
    this.#last = undefined;
  }

  /** Where a datagram came from, as the system prints it; undefined for what is no address. */
  sourceOf(text: string, port: number): UdpEndpoint | undefined {
    if (this.#last?.text === text && this.#last.endpoint.port === port) return this.#last.endpoint;
    const address = IpAddress.parse(text.replace(/%.*$/, ''));
    if (address === undefined) return undefined;
    const endpoint = this.#intern(`${address} ${port}`, address, port);
    this.#last = { text, endpoint };
    return endpoint;
  }

  /** The name has an address now: what comes from there comes from this endpoint. */
  resolved(endpoint: UdpEndpoint, address: IpAddress): void {
    endpoint.address = address;
    this.#last = undefined;
    this.#places.set(`${address} ${endpoint.port}`, endpoint);
    this.#makeRoom();
  }

  get size(): number {
    return this.#places.size;
  }

  /** Those that someone asked for by name, and those that we send to. */
  *wanted(): Iterable<UdpEndpoint> {
    yield* this.#names.values();
    for (const endpoint of this.#places.values())
      if (endpoint.name === undefined && endpoint.inUse) yield endpoint;
  }

  #intern(key: string, address: IpAddress, port: number): UdpEndpoint {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const endpoint = new UdpEndpoint(address, undefined, port);
    this.#places.set(key, endpoint);
    this.#makeRoom();
    return endpoint;
  }

  #makeRoom(): void {
    for (const [key, endpoint] of this.#places) {
      if (this.#places.size <= this.#limit) return;
      this.#places.delete(key);
      if (!endpoint.inUse) continue;
      // A second chance, at the end of the queue.
      endpoint.inUse = false;
      this.#places.set(key, endpoint);
    }
  }
}
