// -L and -R: ports out here that lead to hosts inside the tunnel, and ports inside that lead to hosts out here.
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BreakableDuplex } from '../../node/stream-duplex.ts';
import type { Place } from '../places.ts';
import { printPlace } from '../places.ts';
import { Door, MAX_CONNECTIONS } from './door.ts';
import { connectInside, failureOf, type Inside } from './inside.ts';
import { reset, splice } from './splice.ts';

/** Told why a connection was not made, in one sentence. */
export type Complaint = (sentence: string) => void;

/** Milliseconds until a host out here that says nothing is given up. */
const CONNECT_TIMEOUT = 30_000;

/** A door before one host and port inside. */
export function localForward(inside: Inside, target: Place, complain: Complaint): Door {
  return Door.for((local) => {
    const gone = new AbortController();
    local.once('close', () => gone.abort());
    connectInside(inside, target, gone.signal).then(
      (inner) => splice(local, inner),
      (error: Error) => {
        if (!local.destroyed) complain(`no connection to ${printPlace(target)}: ${error.message}`);
        reset(local);
      },
    );
  });
}

type Accepted = InstanceType<Inside['TCPSocket']>;

/** A listener inside the tunnel before one host and port out here. */
export class RemoteForward {
  readonly #target: Place;
  readonly #complain: Complaint;
  readonly #connections = new Set<Socket>();
  #listening: ReadableStreamDefaultReader<Accepted> | undefined;
  /** Wakes who waits for one connection less. */
  #wake = () => {};

  constructor(target: Place, complain: Complaint) {
    this.#target = target;
    this.#complain = complain;
  }

  /** Rejects with one sentence. */
  async open(inside: Inside, flag: string, { host, port }: Place): Promise<void> {
    try {
      const { readable } = await new inside.TCPServerSocket(host, { localPort: port, noDelay: true }).opened;
      this.#listening = readable.getReader();
    } catch (error) {
      throw new Error(
        `${flag}: cannot listen on ${printPlace({ host, port })} inside: ${failureOf(error).message}`,
      );
    }
    void this.#serve(this.#listening).catch(() => {});
  }

  close(): void {
    this.#listening?.cancel().catch(() => {});
    for (const socket of this.#connections) socket.destroy();
  }

  /** Who finds all places taken waits in the listener's backlog. */
  async #serve(listening: ReadableStreamDefaultReader<Accepted>): Promise<void> {
    for (;;) {
      while (this.#connections.size >= MAX_CONNECTIONS)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      const { done, value: socket } = await listening.read();
      if (done) return;
      this.#join(new BreakableDuplex(await socket.opened, () => socket.reset()));
    }
  }

  #join(inner: Duplex): void {
    const outer = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#connections.add(outer);
    outer.once('close', () => {
      this.#connections.delete(outer);
      this.#wake();
    });
    outer.setTimeout(CONNECT_TIMEOUT, () => outer.destroy(new Error('no answer')));
    outer.once('connect', () => outer.setTimeout(0));
    outer.once('error', (error: NodeJS.ErrnoException) => {
      if (outer.connecting || outer.bytesRead + outer.bytesWritten === 0)
        this.#complain(`no connection to ${printPlace(this.#target)}: ${error.code ?? error.message}`);
    });
    splice(outer, inner);
  }
}
