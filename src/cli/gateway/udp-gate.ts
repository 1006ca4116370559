// UDP: a peer's first datagram to some place opens a socket of its own, which is closed when nothing has passed for a while.
import { createSocket, type Socket } from 'node:dgram';
import type { SocketAddress } from '../../core/address.ts';
import type { ForeignPacket, ForeignVerdict } from '../../node/gateway-tunnel.ts';
import { flowKey } from './flow-key.ts';
import { Shares } from './shares.ts';

/** Flows at a time: in all, and of one peer's address. */
export const UDP_LIMITS = { all: 2048, each: 512 };
/** Milliseconds that a flow lives without a datagram (RFC 4787 §4.3: two minutes at least). */
const IDLE_TIME = 120_000;
/** Datagrams that wait for a socket that is being made. */
const MAX_EARLY = 16;
const RECEIVE_BUFFER = 256 << 10;

/** Hands what came back to the tunnel. */
export type SendDatagram = (from: SocketAddress, to: SocketAddress, data: Uint8Array) => void;

export class UdpGate {
  readonly #send: SendDatagram;
  readonly #shares: Shares;
  readonly #now: () => number;
  /** The one that was used last is the last. */
  readonly #flows = new Map<string, UdpFlow>();

  constructor(send: SendDatagram, limits = UDP_LIMITS, now = () => performance.now()) {
    this.#send = send;
    this.#shares = new Shares(limits);
    this.#now = now;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Sends it on its way, if there is a flow that it belongs to. */
  forwards(packet: ForeignPacket): boolean {
    const key = flowKey(packet.from, packet.to);
    const flow = this.#flows.get(key);
    if (!flow) return false;
    this.#used(key, flow);
    flow.send(packet);
    return true;
  }

  /** Of the first datagram of a flow. */
  judge(packet: ForeignPacket): ForeignVerdict {
    this.#open(packet);
    this.forwards(packet);
    return 'taken';
  }

  /** Closes what nothing has passed for a while. To be called now and then. */
  sweep(): void {
    const before = this.#now() - IDLE_TIME;
    for (const flow of this.#flows.values()) {
      if (flow.usedAt > before) return;
      flow.close();
    }
  }

  close(): void {
    for (const flow of this.#flows.values()) flow.close();
  }

  /** Where a peer has all its places, its flow that was used least of late makes room; else there is none. */
  #open({ from, to }: ForeignPacket): void {
    const key = flowKey(from, to);
    const who = String(from.address);
    const share = this.#shares.take(who) ?? (this.#makeRoom(who) ? this.#shares.take(who) : undefined);
    if (!share) return;
    const flow = new UdpFlow(from, to, {
      received: (data) => {
        this.#used(key, flow);
        this.#send(to, from, data);
      },
      closed: () => {
        share();
        this.#flows.delete(key);
      },
    });
    this.#flows.set(key, flow);
  }

  #makeRoom(who: string): boolean {
    for (const flow of this.#flows.values()) {
      if (String(flow.from.address) !== who) continue;
      flow.close();
      return true;
    }
    return false;
  }

  #used(key: string, flow: UdpFlow): void {
    flow.usedAt = this.#now();
    this.#flows.delete(key);
    this.#flows.set(key, flow);
  }
}

interface FlowHost {
  received(data: Uint8Array): void;
  /** Once. */
  closed(): void;
}

/** One peer's port and one place out here. Its socket is connected: nobody else is heard, and refusals are. */
class UdpFlow {
  usedAt = 0;
  readonly from: SocketAddress;
  readonly #socket: Socket;
  readonly #host: FlowHost;
  /** Until the socket is connected. */
  #early: Buffer[] | undefined = [];
  /** Says what became of the last datagram, until something has come back. */
  #answer: ReturnType<ForeignPacket['hold']> | undefined;
  #isHeard = false;
  #isClosed = false;

  constructor(from: SocketAddress, { address, port }: SocketAddress, host: FlowHost) {
    this.from = from;
    this.#host = host;
    const { version } = address;
    const socket = createSocket({
      type: version === 4 ? 'udp4' : 'udp6',
      recvBufferSize: RECEIVE_BUFFER,
      // Only addresses come here.
      lookup: (name, _options, done) => done(null, name, version),
    });
    this.#socket = socket;
    socket.on('message', (data) => {
      this.#isHeard = true;
      this.#answer = undefined;
      host.received(data);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#failed(error));
    socket.once('connect', () => {
      for (const data of this.#early ?? []) socket.send(data, this.#sent);
      this.#early = undefined;
    });
    socket.connect(port, String(address));
  }

  send(packet: ForeignPacket): void {
    if (this.#isClosed) return;
    if (!this.#isHeard) this.#answer = packet.hold();
    const data = Buffer.from(packet.data);
    if (!this.#early) this.#socket.send(data, this.#sent);
    else if (this.#early.length < MAX_EARLY) this.#early.push(data);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#early = [];
    this.#socket.close();
    this.#host.closed();
  }

  readonly #sent = (error: NodeJS.ErrnoException | null): void => {
    // What is too large is lost, as on any path.
    if (error && error.code !== 'EMSGSIZE') this.#failed(error);
  };

  #failed({ code }: NodeJS.ErrnoException): void {
    const answer = this.#answer;
    this.#answer = undefined;
    this.close();
    answer?.(code === 'ECONNREFUSED' ? 'refuse' : 'unreachable');
  }
}
