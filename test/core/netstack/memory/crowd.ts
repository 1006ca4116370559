import { IpAddress } from '../../../../src/core/address.ts';
import { WasmSuite } from '../../../../src/core/crypto/wasm-suite.ts';
import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../../../src/core/netstack/tcp/listener.ts';
import type { ListenOptions } from '../../../../src/core/netstack/tcp/state.ts';
import { TcpLayer } from '../../../../src/core/netstack/tcp/tcp-layer.ts';
import { PacketBuffer, plainMemory } from '../../../../src/core/packet-buffer.ts';
import { sum16 } from '../../../../src/core/wire/checksum.ts';
import {
  ACK,
  FIN,
  PSH,
  RST,
  readTcp,
  SYN,
  type SynOptions,
  synOptionsLength,
  TCP_HEADER_LENGTH,
  TcpSegment,
  TIMESTAMPS_LENGTH,
  writeSynOptions,
  writeTcpHeader,
  writeTimestamps,
} from '../../../../src/core/wire/tcp.ts';
import { loadAssembly } from '../../../../src/node/assembly.ts';
import { address, FakeIp, hashEnvironment } from '../tcp/fake-ip.ts';

/** The engine's own: a hash for each connection counts where there are many. */
const suite = new WasmSuite(await loadAssembly());

/** Clients begin at sequence number 0. */
const CLIENT_ISN = 0;
const WINDOW = 65_535;
const SERVER_PORT = 80;

/** What a client offers in its SYN. */
const OFFER: SynOptions = {
  mss: 1380,
  windowScale: 7,
  sackPermitted: true,
  timestamps: true,
  tsVal: 0,
  tsEcr: 0,
};

/**
 * Any number of clients before one TCP layer that listens. A client is a number: its address and port follow from it,
 * and what has to be kept for it lies in arrays made beforehand, so that what memory grows by is the layer's.
 */
export class Crowd {
  readonly layer: TcpLayer;
  readonly listener: TcpListener;
  now = 1_000;
  /** Segments that the layer sent. */
  sent = 0;
  resets = 0;
  /** What the layer last sent. */
  readonly last: TcpSegment = new TcpSegment();
  readonly ip: FakeIp;
  readonly version: 4 | 6;
  readonly #memory = plainMemory(1 << 16, 16);
  readonly #packet: PacketBuffer;
  readonly #own: Uint8Array;
  readonly #sndNxt: Int32Array;
  readonly #rcvNxt: Int32Array;
  readonly #tsRecent: Int32Array;
  /** Our end; the client's, where it connected. */
  readonly #localPort: Uint16Array;

  constructor(options: { clients: number; version?: 4 | 6; listen?: ListenOptions; seed?: number }) {
    this.version = options.version ?? 4;
    const own = address(this.version === 4 ? '10.0.0.1' : 'fd00::1');
    this.#own = own.bytes;
    this.ip = new FakeIp([own], this.#memory);
    const environment = { ...hashEnvironment(options.seed ?? 1, this.#memory), crypto: suite };
    this.layer = new TcpLayer(this.ip, environment);
    const { slots } = this.#memory;
    this.#packet = new PacketBuffer(this.#memory, { start: slots.start + 32_768, end: slots.end });
    this.#sndNxt = new Int32Array(options.clients);
    this.#rcvNxt = new Int32Array(options.clients);
    this.#tsRecent = new Int32Array(options.clients);
    this.#localPort = new Uint16Array(options.clients).fill(SERVER_PORT);
    this.ip.outlet = (packet) => {
      this.sent++;
      readTcp(packet.view, packet.start, packet.end, this.last);
      if (this.last.has(RST)) this.resets++;
    };
    this.listener = this.layer.listen({ port: SERVER_PORT, backlog: 4096, ...options.listen }, this.now);
  }

  /** The handshake; returns what the listener's application accepts. */
  open(client: number, offer: Partial<SynOptions> = {}): TcpConnection {
    this.syn(client, offer);
    this.hear(client);
    this.segment(client, ACK);
    this.poll();
    return this.listener.accept()!;
  }

  /** A connection from us to the client, established. */
  connectTo(client: number): TcpConnection {
    const bytes = new Uint8Array(this.#own.length);
    const port = this.#writeAddress(new DataView(bytes.buffer), 0, client);
    const remote = { address: new IpAddress(bytes), port };
    const connection = this.layer.connect(remote, {}, this.now);
    this.poll();
    this.#localPort[client] = connection.local.port;
    this.hear(client);
    this.#sndNxt[client] = CLIENT_ISN + 1;
    const options = { ...OFFER, tsVal: this.now | 0, tsEcr: this.#tsRecent[client]! };
    this.#inject(client, CLIENT_ISN, SYN | ACK, 0, options);
    this.poll();
    return connection;
  }

  /** One more listener, on another port. */
  listenAlso(port: number): TcpListener {
    return this.layer.listen({ port, backlog: 4096 }, this.now);
  }

  /** The client's segments go to another port of ours. */
  speakTo(client: number, port: number): void {
    this.#localPort[client] = port;
  }

  syn(client: number, offer: Partial<SynOptions> = {}): void {
    this.#sndNxt[client] = CLIENT_ISN + 1;
    this.#rcvNxt[client] = 0;
    const options = { ...OFFER, tsVal: this.now | 0, ...offer };
    this.#inject(client, CLIENT_ISN, SYN, 0, options);
    this.poll();
  }

  /** Takes note of what the layer last sent: it was for this client. */
  hear(client: number): void {
    const { last } = this;
    this.#rcvNxt[client] = (last.sequence + last.length) | 0;
    if (last.hasTimestamps) this.#tsRecent[client] = last.tsVal;
  }

  /** A segment with `length` bytes; nothing is polled. */
  segment(client: number, flags: number, length = 0): void {
    const sequence = this.#sndNxt[client]!;
    this.#inject(client, sequence, flags, length);
    this.#sndNxt[client] = (sequence + length + (flags & FIN)) | 0;
  }

  /** A segment with text, and what the layer makes of it. */
  say(client: number, length: number): void {
    this.segment(client, ACK | PSH, length);
    this.poll();
  }

  /** The same once more, as if nothing had been acknowledged. */
  sayAgain(client: number, length: number): void {
    this.#sndNxt[client]! -= length;
    this.say(client, length);
  }

  /** An ACK as if the layer's initial sequence number had been `iss`. */
  guess(client: number, iss: number): void {
    this.#sndNxt[client] = CLIENT_ISN + 1;
    this.#rcvNxt[client] = (iss + 1) | 0;
    this.segment(client, ACK);
  }

  poll(): void {
    this.layer.poll(this.now);
  }

  /** Both sides say something that is read and acknowledged, as in a connection that then goes idle. */
  talk(client: number, connection: TcpConnection, bytes: Uint8Array): void {
    this.segment(client, ACK | PSH, bytes.length);
    this.poll();
    connection.readInto(bytes);
    connection.write(bytes);
    this.poll();
    this.hear(client);
    this.segment(client, ACK);
    this.poll();
  }

  /** We close first: what remains is TIME-WAIT, here. */
  closeHere(client: number, connection: TcpConnection): void {
    connection.close();
    this.poll();
    this.hear(client);
    this.segment(client, ACK | FIN);
    this.poll();
  }

  /** The client closes first: nothing remains here. */
  closeThere(client: number, connection: TcpConnection): void {
    this.segment(client, ACK | FIN);
    this.poll();
    connection.close();
    this.poll();
    this.hear(client);
    this.segment(client, ACK);
    this.poll();
  }

  #inject(client: number, sequence: number, flags: number, length: number, options?: SynOptions): void {
    const packet = this.#packet;
    const size = this.#own.length;
    packet.reset(64);
    const optionsLength = options ? synOptionsLength(options) : TIMESTAMPS_LENGTH;
    const headerLength = TCP_HEADER_LENGTH + optionsLength;
    const addresses = packet.append(2 * size + headerLength + length);
    const { view, memory } = packet;
    const port = this.#writeAddress(view, addresses, client);
    memory.set(this.#own, addresses + size);
    packet.trimFront(2 * size);
    const at = packet.start;
    const acknowledgment = flags & ACK ? this.#rcvNxt[client]! : 0;
    writeTcpHeader(
      view,
      at,
      port,
      this.#localPort[client]!,
      sequence,
      acknowledgment,
      headerLength,
      flags,
      options ? WINDOW : WINDOW >> OFFER.windowScale,
    );
    if (options) writeSynOptions(view, at + TCP_HEADER_LENGTH, options);
    else writeTimestamps(view, at + TCP_HEADER_LENGTH, this.now | 0, this.#tsRecent[client]!);
    const sum = sum16(view, addresses, packet.end, 6 + packet.length);
    view.setUint16(at + 16, ~sum & 0xffff);
    const header = { version: this.version, addresses, protocol: 6, ttl: 64, tos: 0 };
    this.layer.receiveSegment(packet, header, this.now);
  }

  /** 16,384 clients to each port, each with an address (in IPv6, a network) of its own. Returns the port. */
  #writeAddress(view: DataView, at: number, client: number): number {
    const host = client & 0x3fff;
    if (this.version === 4) {
      view.setUint32(at, 0x0a010000 + host);
    } else {
      view.setUint32(at, 0xfd000000 + host);
      for (let word = 4; word < 16; word += 4) view.setUint32(at + word, 1);
    }
    return 1024 + (client >>> 14);
  }
}
