// Lets unmodified programs talk through a tunnel of the Node entry point: ports of loopback lead to addresses inside, and
// ports inside lead to loopback. Bytes pass as they come; half-closes, resets and back-pressure are passed on.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { TCPSocketOptions } from '../../src/client/tcp-socket.ts';
import type { ReceivedUDPMessage, UDPMessage } from '../../src/client/udp-message.ts';
import type { Tunnel } from '../../src/node/index.ts';
import { StreamDuplex } from '../../src/node/stream-duplex.ts';
import { freePort } from './free-port.ts';

type InnerSocket = InstanceType<Tunnel['TCPSocket']>;

const LOOPBACK = '127.0.0.1';
/** Datagrams that may wait for the tunnel, for each flow; what comes beyond is dropped, as a network does. */
const WAITING_DATAGRAMS = 2048;
/** Requested for each local UDP socket; the system may grant less. */
const LOCAL_BUFFER = 4 * 1024 * 1024;

/** One direction of one UDP flow into the tunnel. */
class DatagramSink {
  readonly #writer: WritableStreamDefaultWriter<UDPMessage>;
  #waiting = 0;
  dropped = 0;

  constructor(writable: WritableStream<UDPMessage>) {
    this.#writer = writable.getWriter();
    for (const promise of [this.#writer.closed, this.#writer.ready]) promise.catch(() => {});
  }

  send(message: UDPMessage): void {
    if (this.#waiting >= WAITING_DATAGRAMS) {
      this.dropped++;
      return;
    }
    this.#waiting++;
    this.#writer
      .write(message)
      .catch(() => {})
      .finally(() => this.#waiting--);
  }
}

export class Forwarder {
  readonly #tunnel: Tunnel;
  readonly #servers: Server[] = [];
  readonly #locals = new Set<Socket>();
  readonly #datagramSockets: DatagramSocket[] = [];
  readonly #sinks: DatagramSink[] = [];
  /** The sockets inside of every TCP connection so far, in the order in which they came. */
  readonly connections: InnerSocket[] = [];

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
  }

  /** Datagrams that the tunnel did not take in time. */
  get droppedDatagrams(): number {
    return this.#sinks.reduce((sum, sink) => sum + sink.dropped, 0);
  }

  /** TCP and UDP of one port of 127.0.0.1, which is the result, lead to `port` of `host` inside. */
  async outward(host: string, port: number, options: TCPSocketOptions = {}): Promise<number> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (local) => {
      const broken = new AbortController();
      // A reset, not an end: bytes that the local program never sent to its end must not look complete.
      local.once('error', () => broken.abort());
      this.#keep(local);
      this.#join(local, new this.#tunnel.TCPSocket(host, port, { ...options, signal: broken.signal }));
    });
    // One that the system would choose for TCP may be somebody's for UDP.
    const localPort = await freePort();
    server.listen(localPort, LOOPBACK);
    await once(server, 'listening');
    this.#servers.push(server);
    await this.#datagramsOutward(localPort, host, port);
    return localPort;
  }

  /** TCP and UDP of `port` of both our inner addresses lead to `localPort` of 127.0.0.1. */
  async inward(port: number, localPort: number): Promise<void> {
    const { readable } = await new this.#tunnel.TCPServerSocket('::', { localPort: port }).opened;
    void (async () => {
      for await (const inner of readable as unknown as AsyncIterable<InnerSocket>) {
        const local = connect({ host: LOOPBACK, port: localPort, allowHalfOpen: true });
        this.#keep(local);
        this.#join(local, inner);
      }
    })().catch(() => {});
    await this.#datagramsInward(port, localPort);
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const local of this.#locals) local.destroy();
    for (const socket of this.#datagramSockets) socket.close();
  }

  #keep(local: Socket): void {
    local.setNoDelay();
    this.#locals.add(local);
    local.once('close', () => this.#locals.delete(local));
  }

  #join(local: Socket, inner: InnerSocket): void {
    this.connections.push(inner);
    local.on('error', () => {});
    inner.opened.then(
      (streams) => {
        const duplex = new StreamDuplex(streams);
        // Each end that breaks breaks the other; `pipe` passes on the ends that are regular.
        local.on('error', () => duplex.destroy());
        duplex.on('error', () => local.resetAndDestroy());
        if (local.destroyed) duplex.destroy();
        local.pipe(duplex).pipe(local);
      },
      () => local.resetAndDestroy(),
    );
  }

  async #datagramsOutward(localPort: number, host: string, port: number): Promise<void> {
    const local = await this.#datagramSocket(localPort);
    const flows = new Map<number, Promise<DatagramSink>>();
    local.on('message', (data, from) => {
      const flow =
        flows.get(from.port) ??
        this.#flow(host, port, (answer) => void local.send(answer, from.port, from.address));
      flows.set(from.port, flow);
      flow.then(
        (sink) => sink.send({ data: new Uint8Array(data) }),
        () => flows.delete(from.port),
      );
    });
  }

  async #flow(host: string, port: number, answer: (data: Uint8Array) => void): Promise<DatagramSink> {
    const socket = new this.#tunnel.UDPSocket({ remoteAddress: host, remotePort: port });
    const { readable, writable } = await socket.opened;
    void readDatagrams(readable, ({ data }) => answer(data));
    return this.#sink(writable);
  }

  async #datagramsInward(port: number, localPort: number): Promise<void> {
    for (const localAddress of ['0.0.0.0', '::']) {
      const { readable, writable } = await new this.#tunnel.UDPSocket({
        localAddress,
        localPort: port,
        ...(localAddress === '::' && { ipv6Only: true }),
      }).opened;
      const sink = this.#sink(writable);
      const flows = new Map<string, Promise<DatagramSocket>>();
      void readDatagrams(readable, ({ data, remoteAddress, remotePort }) => {
        const remote = { remoteAddress: remoteAddress!, remotePort: remotePort! };
        const name = `${remoteAddress} ${remotePort}`;
        const flow = flows.get(name) ?? this.#localFlow((answer) => sink.send({ data: answer, ...remote }));
        flows.set(name, flow);
        void flow.then((local) => local.send(data, localPort, LOOPBACK));
      });
    }
  }

  async #localFlow(answer: (data: Uint8Array<ArrayBuffer>) => void): Promise<DatagramSocket> {
    const local = await this.#datagramSocket(0);
    local.on('message', (data) => answer(new Uint8Array(data)));
    return local;
  }

  #sink(writable: WritableStream<UDPMessage>): DatagramSink {
    const sink = new DatagramSink(writable);
    this.#sinks.push(sink);
    return sink;
  }

  async #datagramSocket(port: number): Promise<DatagramSocket> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: LOCAL_BUFFER });
    // What nobody listens to comes back as an error of the socket; to the flow it is a loss.
    socket.on('error', () => {});
    socket.bind(port, LOOPBACK);
    await once(socket, 'listening');
    this.#datagramSockets.push(socket);
    return socket;
  }
}

/** Until the socket is closed or breaks. */
async function readDatagrams(
  readable: ReadableStream<ReceivedUDPMessage>,
  take: (message: ReceivedUDPMessage) => void,
): Promise<void> {
  try {
    for await (const message of readable as unknown as AsyncIterable<ReceivedUDPMessage>) take(message);
  } catch {
    // The tunnel closed.
  }
}
