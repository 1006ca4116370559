import type { Endpoint } from '../core/endpoint.ts';
import type { TunnelError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import { MAX_CHANNEL } from '../core/wire/relay.ts';

/** An endpoint behind the relay: one channel of the connection, which *is* the source of what comes through it. */
export class RelayEndpoint implements Endpoint {
  readonly host: string;
  readonly port: number;
  /** 1–63, or 0 for one endpoint too many: nothing can be sent there. */
  readonly channel: number;
  /** The relay was asked to open the channel, on this connection, and has not closed it. */
  isOpen = false;
  /** When the relay closed it. */
  closedAt = Number.NEGATIVE_INFINITY;
  problem: TunnelError | undefined;
  /** Whether, on this connection, the endpoint may call first; undefined when we have not asked. */
  listening: 'asked' | 'granted' | 'refused' | undefined;
  /** The relay's last word was that we may not. */
  isListenRefused = false;
  /** It was told a port to call, on this connection or an earlier one. */
  hasListened = false;
  /** The relay's UDP port towards this endpoint. */
  localPort: number | undefined;
  /** When the first initiation left that nothing has followed yet. */
  callingSince: Instant | undefined;
  /** The newest handshake initiation, while there is no connection, the relay stands still, or has not said whether we may listen. */
  held: Uint8Array | undefined;

  constructor(host: string, port: number, channel: number) {
    this.host = host;
    this.port = port;
    this.channel = channel;
  }
}

/** At most 63 endpoints at a time, each with its channel; further ones exist, but lead nowhere. */
export class RelayEndpoints {
  readonly #byPlace = new Map<string, RelayEndpoint>();
  readonly #byChannel: (RelayEndpoint | undefined)[] = [undefined];
  /** Channels of endpoints that are gone. They are used again when all others are, the one that is free longest first. */
  readonly #free: number[] = [];

  endpointFor(host: string, port: number): RelayEndpoint {
    const plain = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
    const key = `${plain} ${port}`;
    const known = this.#byPlace.get(key);
    if (known !== undefined) return known;
    const isFresh = this.#byChannel.length <= MAX_CHANNEL;
    const channel = isFresh ? this.#byChannel.length : this.#free.shift();
    if (channel === undefined) return new RelayEndpoint(plain, port, 0);
    const endpoint = new RelayEndpoint(plain, port, channel);
    this.#byPlace.set(key, endpoint);
    this.#byChannel[channel] = endpoint;
    return endpoint;
  }

  remove(endpoint: RelayEndpoint): void {
    if (this.#byChannel[endpoint.channel] !== endpoint) return;
    this.#byPlace.delete(`${endpoint.host} ${endpoint.port}`);
    this.#byChannel[endpoint.channel] = undefined;
    this.#free.push(endpoint.channel);
  }

  get size(): number {
    return this.#byPlace.size;
  }

  atChannel(channel: number): RelayEndpoint | undefined {
    return this.#byChannel[channel];
  }

  [Symbol.iterator](): Iterator<RelayEndpoint> {
    return this.#byPlace.values();
  }
}
