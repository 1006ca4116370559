import type { DnsQueryType, EngineApi } from '../../src/bridge/api.ts';
import { outcomeOf } from '../../src/bridge/errors.ts';
import { EngineClient } from '../../src/client/engine-client.ts';
import { TCPServerSocket, type TCPServerSocketOptions } from '../../src/client/tcp-server-socket.ts';
import { connectTcpSocket, type TCPSocket, type TCPSocketOptions } from '../../src/client/tcp-socket.ts';
import { UDPSocket, type UDPSocketOptions } from '../../src/client/udp-socket.ts';
import { IpAddress } from '../../src/core/address.ts';
import type { Driver } from '../../src/core/driver.ts';
import type { Pollable } from '../../src/core/time.ts';
import { openLocalChannel } from '../../src/node/local-channel.ts';
import { Noted } from '../../src/service/noted.ts';
import { Sockets } from '../../src/service/sockets.ts';
import { asReply, readQuery, type SeenQuery, type Serve } from './dns-lab.ts';
import { LoneStack, OUR_V4 } from './lone-stack.ts';

/** An engine without WireGuard, whose stack reaches itself only, and the sockets of the page on it. Time is the test's. */
export class LoneEngine {
  readonly lone: LoneStack;
  readonly sockets: Sockets;
  readonly client: EngineClient;
  readonly #noted = new Noted();
  readonly #others = new Set<Pollable>();
  #isSettling = false;

  constructor(options: ConstructorParameters<typeof LoneStack>[0] = {}) {
    this.lone = new LoneStack(options);
    const driver = {
      now: () => this.lone.now,
      add: (other: Pollable) => this.#others.add(other),
      remove: (other: Pollable) => this.#others.delete(other),
      settle: this.settle,
    };
    const sockets = new Sockets(this.lone.stack, driver as unknown as Driver, this.#noted, openLocalChannel);
    this.sockets = sockets;
    const api: Partial<EngineApi> = {
      connectTcp: (options, port) => outcomeOf(() => sockets.connectTcp(options, port)),
      listenTcp: (options, port) => outcomeOf(() => sockets.listenTcp(options, port)),
      bindUdp: (options, port) => outcomeOf(() => sockets.bindUdp(options, port)),
      resolve: (name, type) => outcomeOf(() => sockets.resolve(name, type)),
      lookUp: (host, family) => outcomeOf(() => sockets.lookUp(host, family)),
      tuneTcp: async (id, options) => outcomeOf(() => sockets.tuneTcp(id, options)),
      tcpInfo: async (id) => outcomeOf(() => sockets.tcpInfo(id)),
    };
    this.client = new EngineClient(api as EngineApi, () => {}, openLocalChannel);
  }

  connect(address: string, port: number, options?: TCPSocketOptions): TCPSocket {
    return connectTcpSocket(this.client, address, port, options);
  }

  listen(address: string, options?: TCPServerSocketOptions): TCPServerSocket {
    return new TCPServerSocket(this.client, address, options);
  }

  bind(options: UDPSocketOptions): UDPSocket {
    return new UDPSocket(this.client, options);
  }

  /** From now on names are asked of a server on our own address, which answers over UDP. Queries that it saw, in order. */
  serveNames(serve: Serve): SeenQuery[] {
    const seen: SeenQuery[] = [];
    const { stack, now } = this.lone;
    const address = IpAddress.parse(OUR_V4)!;
    const binding = stack.bindUdp({ address, port: 53 });
    binding.observer = {
      readable: () => {
        for (let message = binding.receive(); message; message = binding.receive()) {
          const { data, remote } = message;
          const from = { server: OUR_V4, port: remote.port, over: 'udp' as const, at: this.lone.now };
          const query = readQuery(data, from);
          seen.push(query);
          for (const reply of [serve(query) ?? []].flat()) binding.send(asReply(query, reply).bytes, remote);
        }
      },
      failed: () => {},
    };
    stack.names.configure({ servers: [address], searchDomains: [] }, now);
    return seen;
  }

  /** Of a tunnel, what sockets need. */
  asTunnel() {
    const engine = this;
    // A constructor may give back another object: what `new` makes is the engine's.
    class Connection {
      constructor(...args: Parameters<LoneEngine['connect']>) {
        // biome-ignore lint/correctness/noConstructorReturn: what `new` gives is the socket
        return engine.connect(...args);
      }
    }
    class Listener {
      constructor(...args: Parameters<LoneEngine['listen']>) {
        // biome-ignore lint/correctness/noConstructorReturn: likewise
        return engine.listen(...args);
      }
    }
    class Binding {
      constructor(options: UDPSocketOptions) {
        // biome-ignore lint/correctness/noConstructorReturn: likewise
        return engine.bind(options);
      }
    }
    return {
      TCPSocket: Connection,
      TCPServerSocket: Listener,
      UDPSocket: Binding,
      resolve: (name: string, type: DnsQueryType) => engine.client.call((api) => api.resolve(name, type)),
      lookUp: (host: string, family?: 'ipv4' | 'ipv6') =>
        engine.client.call((api) => api.lookUp(host, family)),
    };
  }

  /** As the driver does it. */
  readonly settle = (): void => {
    if (this.#isSettling) return;
    this.#isSettling = true;
    do {
      this.lone.poll();
      for (const other of this.#others) if (other.pollAt() <= this.lone.now) other.poll(this.lone.now);
      this.#noted.drain(this.lone.now);
    } while (this.lone.stack.pollAt() <= this.lone.now);
    this.#isSettling = false;
  };

  /** So many milliseconds later. */
  advance(by: number): void {
    this.lone.now += by;
    this.settle();
  }
}
