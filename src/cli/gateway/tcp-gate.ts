// TCP: a peer's SYN waits until there is a connection to where it wants to go; then both are one.
import { connect, type Socket } from 'node:net';
import type { SocketAddress } from '../../core/address.ts';
import type { ForeignConnection, ForeignPacket, ForeignVerdict } from '../../node/gateway-tunnel.ts';
import { reset, splice } from '../connect/splice.ts';
import { flowKey } from './flow-key.ts';
import { Shares } from './shares.ts';

/** Connections at a time: in all, and of one peer's address. */
export const TCP_LIMITS = { all: 4096, each: 1024 };
/** Milliseconds until a host that says nothing is given up, and until a peer whose SYN we answered is. */
const PATIENCE = 30_000;
/** Milliseconds of silence after which a host is asked whether it is still there. */
const KEEP_ALIVE_DELAY = 120_000;

/** A connection that is being made, or is and has not been taken by its peer. */
interface Waiting {
  readonly socket: Socket;
  isOpen: boolean;
}

export class TcpGate {
  readonly #shares: Shares;
  readonly #patience: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #sockets = new Set<Socket>();

  constructor(limits = TCP_LIMITS, patience = PATIENCE) {
    this.#shares = new Shares(limits);
    this.#patience = patience;
  }

  /** Connections out here. */
  get size(): number {
    return this.#sockets.size;
  }

  judge(packet: ForeignPacket): ForeignVerdict {
    const key = flowKey(packet.from, packet.to);
    const there = this.#waiting.get(key);
    // It came again: either we still wait ourselves, or our answer was lost.
    if (there) return there.isOpen ? 'deliver' : 'taken';
    const share = this.#shares.take(String(packet.from.address));
    // It comes again, when there may be room.
    if (!share) return 'taken';
    const answer = packet.hold();
    const socket = this.#connect(packet.to);
    const waiting = { socket, isOpen: false };
    this.#waiting.set(key, waiting);
    socket.once('close', () => {
      share();
      if (this.#waiting.get(key) === waiting) this.#waiting.delete(key);
    });
    socket.once('connect', () => {
      waiting.isOpen = true;
      answer('deliver');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!waiting.isOpen) answer(error.code === 'ECONNREFUSED' ? 'refuse' : 'unreachable');
    });
    return 'taken';
  }

  accepted({ from, to, stream }: ForeignConnection): void {
    const key = flowKey(from, to);
    const socket = this.#waiting.get(key)?.socket;
    this.#waiting.delete(key);
    if (!socket) {
      stream.on('error', () => {});
      reset(stream);
      return;
    }
    socket.setTimeout(0);
    splice(socket, stream);
  }

  close(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Not yet read from: nothing is lost while its peer is not there. */
  #connect({ address, port }: SocketAddress): Socket {
    const socket = connect({ host: String(address), port, allowHalfOpen: true, noDelay: true });
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY);
    socket.setTimeout(this.#patience, () => {
      if (socket.connecting) socket.destroy(new Error('no answer'));
      else socket.resetAndDestroy();
    });
    return socket;
  }
}
