import type { EngineApi } from '../../src/bridge/api.ts';
import { outcomeOf } from '../../src/bridge/errors.ts';
import { EngineClient } from '../../src/client/engine-client.ts';
import { TCPServerSocket, type TCPServerSocketOptions } from '../../src/client/tcp-server-socket.ts';
import { connectTcpSocket, type TCPSocket, type TCPSocketOptions } from '../../src/client/tcp-socket.ts';
import { UDPSocket, type UDPSocketOptions } from '../../src/client/udp-socket.ts';
import type { Driver } from '../../src/core/driver.ts';
import type { Pollable } from '../../src/core/time.ts';
import { openLocalChannel } from '../../src/node/local-channel.ts';
import { Noted } from '../../src/service/noted.ts';
import { Sockets } from '../../src/service/sockets.ts';
import { LoneStack } from './lone-stack.ts';

/** An engine without WireGuard, whose stack reaches itself only, and the sockets of the page on it. Time is the test's. */
export class LoneEngine {
  readonly lone = new LoneStack();
  readonly sockets: Sockets;
  readonly client: EngineClient;
  readonly #noted = new Noted();
  readonly #others = new Set<Pollable>();
  #isSettling = false;

  constructor() {
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
