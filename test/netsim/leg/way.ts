// How the client's program reaches the services: through our tunnel, or through the kernel's interface.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { Tunnel } from '../../../src/node/index.ts';

export interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** At once, whatever is still on its way. */
  abort(): Promise<void>;
}

export interface Datagrams {
  send(datagram: Uint8Array): void;
}

export interface Way {
  connect(port: number): Promise<ByteStreams>;
  datagrams(port: number, receive: (datagram: Uint8Array) => void): Promise<Datagrams>;
}

export interface TunnelWish {
  config: string;
  relay: string;
  token: string;
}

export class TunnelWay implements Way {
  readonly #tunnel: Tunnel;
  readonly #host: string;

  private constructor(tunnel: Tunnel, host: string) {
    this.#tunnel = tunnel;
    this.#host = host;
  }

  static async open({ config, relay, token }: TunnelWish, host: string): Promise<TunnelWay> {
    const tunnel = await Tunnel.open(config, { relay, token });
    await tunnel.ready;
    return new TunnelWay(tunnel, host);
  }

  async connect(port: number): Promise<ByteStreams> {
    const abort = new AbortController();
    const socket = new this.#tunnel.TCPSocket(this.#host, port, { noDelay: true, signal: abort.signal });
    socket.closed.catch(() => {});
    const { readable, writable } = await socket.opened;
    return { readable, writable: writable as WritableStream<Uint8Array>, abort: async () => abort.abort() };
  }

  async datagrams(port: number, receive: (datagram: Uint8Array) => void): Promise<Datagrams> {
    const socket = new this.#tunnel.UDPSocket({ remoteAddress: this.#host, remotePort: port });
    const { readable, writable } = await socket.opened;
    const writer = writable.getWriter();
    void readable.pipeTo(new WritableStream({ write: ({ data }) => receive(data) }));
    return { send: (data) => void writer.write({ data: data as Uint8Array<ArrayBuffer> }) };
  }
}

export class KernelWay implements Way {
  readonly #host: string;

  constructor(host: string) {
    this.#host = host;
  }

  async connect(port: number): Promise<ByteStreams> {
    const socket = connect({ host: this.#host, port, noDelay: true });
    await once(socket, 'connect');
    socket.on('error', () => {});
    const { readable, writable } = Duplex.toWeb(socket) as ByteStreams;
    return {
      readable,
      writable,
      abort: async () => {
        socket.resetAndDestroy();
      },
    };
  }

  async datagrams(port: number, receive: (datagram: Uint8Array) => void): Promise<Datagrams> {
    const socket = createSocket('udp4', receive);
    socket.connect(port, this.#host);
    await once(socket, 'connect');
    return { send: (datagram) => socket.send(datagram) };
  }
}
