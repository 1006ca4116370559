// Datagrams through somebody's wstunnel server, for those who have one already. It knows less than a relay of ours: no
// resumption, no reasons, nobody can call first, and every datagram is a message of its own.
import type { Clock } from '../core/clock.ts';
import { DropCounters } from '../core/counters.ts';
import { type Endpoint, printEndpoint } from '../core/endpoint.ts';
import { TunnelError } from '../core/errors.ts';
import { type EngineMemory, PacketBuffer } from '../core/packet-buffer.ts';
import type { Instant } from '../core/time.ts';
import type {
  DatagramReceiver,
  DatagramTransport,
  EndpointProblem,
  TransportDropReason,
  TransportState,
} from '../core/transport.ts';
import { carriesPacket, INITIATION } from '../core/wire/wireguard.ts';
import { platformHost, type RelayTransportHost } from './relay-host.ts';
import type { RelayTransportOptions } from './relay-transport.ts';
import { type PipeOwner, WstunnelPipe } from './wstunnel-pipe.ts';
import { MAX_WSTUNNEL_DATAGRAM, readWstunnelUrl, type WstunnelServer } from './wstunnel-protocol.ts';

/** How often a way out that is full is looked at: WebSockets do not tell when they have room. */
const LOOK_AGAIN = 4;

export class WstunnelTransport implements DatagramTransport, PipeOwner {
  receiver: DatagramReceiver | undefined;
  readonly drops = new DropCounters<TransportDropReason>();
  readonly host: RelayTransportHost;
  readonly servers: readonly WstunnelServer[];
  readonly #clock: Clock;
  readonly #memory: EngineMemory;
  readonly #packet: PacketBuffer;
  readonly #listens: boolean;
  readonly #pipes = new Map<string, WstunnelPipe>();
  #looking: unknown;

  /** Throws TunnelError ERR_CONFIG for what is no such URL, and for what such a server cannot do. */
  constructor({ urls, memory, clock, listens, token, host }: RelayTransportOptions) {
    this.servers = urls.map(readWstunnelUrl);
    if (token !== undefined)
      throw new TunnelError('ERR_CONFIG', 'wstunnel servers take no tokens: leave `token` out.');
    this.host = { ...platformHost(), ...host };
    this.#memory = memory;
    this.#clock = clock;
    this.#packet = new PacketBuffer(memory, memory.ingress);
    this.#listens = listens ?? false;
  }

  endpointFor(host: string, port: number): Endpoint {
    const plain = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
    const key = `${plain} ${port}`;
    const pipe = this.#pipes.get(key) ?? new WstunnelPipe(plain, port, this);
    this.#pipes.set(key, pipe);
    return pipe;
  }

  release(endpoint: Endpoint): void {
    (endpoint as WstunnelPipe).close();
    this.#pipes.delete(`${endpoint.host} ${endpoint.port}`);
    this.changed();
  }

  // ---- the way out

  send(datagram: PacketBuffer, to: Endpoint): void {
    const pipe = to as WstunnelPipe;
    const { memory, start, end, length } = datagram;
    if (length > MAX_WSTUNNEL_DATAGRAM) this.drops.count('too_big');
    else if (pipe.phase !== 'open') this.#sendLater(pipe, memory, start, end);
    else if (carriesPacket(memory, start, end) && pipe.isFull) this.drops.count('congested');
    else pipe.send(memory.slice(start, end));
  }

  flush(): void {
    if (this.congested) this.#lookAgain();
  }

  get congested(): boolean {
    for (const { isFull } of this.#pipes.values()) if (isFull) return true;
    return false;
  }

  get queuedBytes(): number {
    let bytes = 0;
    for (const pipe of this.#pipes.values()) bytes += pipe.queuedBytes;
    return bytes;
  }

  #sendLater(pipe: WstunnelPipe, memory: Uint8Array, start: number, end: number): void {
    const isInitiation = memory[start] === INITIATION;
    if (!isInitiation || pipe.held !== undefined || pipe.phase === 'closed')
      this.drops.count('not_connected');
    if (isInitiation && pipe.phase !== 'closed') pipe.held = memory.slice(start, end);
    if (pipe.phase === 'idle') pipe.connect();
  }

  #lookAgain(): void {
    this.#looking ??= this.host.setTimer(() => {
      this.#looking = undefined;
      if (this.congested) this.#lookAgain();
      else this.receiver?.uncongested();
    }, LOOK_AGAIN);
  }

  // ---- what pipes tell

  now(): Instant {
    return this.#clock.now();
  }

  opened(pipe: WstunnelPipe): void {
    if (pipe.hasBeenOpen) this.receiver?.reconnected();
    this.receiver?.uncongested();
  }

  received(pipe: WstunnelPipe, data: unknown): void {
    const { bytes, ingress } = this.#memory;
    if (!(data instanceof ArrayBuffer) || data.byteLength > ingress.end - ingress.start) {
      this.drops.count('bad_message');
      return;
    }
    bytes.set(new Uint8Array(data), ingress.start);
    this.#packet.place(ingress.start, ingress.start + data.byteLength);
    this.receiver?.receiveDatagram(this.#packet, pipe);
    this.receiver?.endBatch();
  }

  changed(): void {
    this.receiver?.transportState(this.#state());
  }

  // ---- connections

  /** The network is back, or someone is impatient. */
  retryNow(): void {
    for (const pipe of this.#pipes.values()) if (pipe.phase === 'waiting') pipe.connect();
  }

  close(): void {
    this.receiver = undefined;
    this.host.clearTimer(this.#looking);
    for (const pipe of this.#pipes.values()) pipe.close();
  }

  #state(): TransportState {
    const pipes = [...this.#pipes.values()];
    const waiting = pipes.filter(({ phase }) => phase === 'waiting');
    const open = pipes.find(({ phase }) => phase === 'open');
    const via = (open ?? pipes[0])?.server.shown ?? this.servers[0]!.shown;
    const notices = this.#listens ? pipes.map((pipe) => cannotListen(pipe)) : [];
    const facts = {
      via,
      problems: open ? waiting.map((endpoint) => ({ endpoint, error: endpoint.error! })) : [],
      ...(notices.length > 0 && { notices }),
    };
    if (open) return { ...facts, state: 'open', rtt: undefined, localPorts: new Map() };
    if (pipes.some(({ phase }) => phase === 'connecting')) return { ...facts, state: 'connecting' };
    const [next] = waiting.sort((a, b) => a.retryAt - b.retryAt);
    if (next) return { ...facts, state: 'waiting', error: next.error!, retryAt: next.retryAt };
    return { ...facts, state: 'idle' };
  }
}

function cannotListen(endpoint: WstunnelPipe): EndpointProblem {
  const error = new TunnelError(
    'ERR_UNSUPPORTED',
    `${printEndpoint(endpoint)} cannot call first through a wstunnel server, which sends where we have sent and hears nothing else; a Tabwire relay with --allow-listen can do that.`,
    { leg: 'relay' },
  );
  return { endpoint, error };
}
