import type { IpAddress } from '../../address.ts';
import { TunnelError } from '../../errors.ts';
import type { TcpListener } from './listener.ts';
import { printSocketAddress } from './state.ts';

/** All listeners: by port, as segments look for them, and by number, as records remember them. */
export class Listeners {
  readonly #byPort = new Map<number, TcpListener[]>();
  readonly #byNumber = new Map<number, TcpListener>();
  /** Hears connections to hosts for which we stand in. */
  forOthers: TcpListener | undefined;
  /** Closed, and their half-open connections not yet reset. */
  #closed: TcpListener[] = [];
  #lastNumber = 0;

  /** Throws ERR_ADDRESS_IN_USE when a segment could mean both it and another one. */
  add(listener: TcpListener): void {
    const { port } = listener.local;
    const there = this.#byPort.get(port) ?? [];
    if (there.some((other) => other.overlaps(listener))) {
      const where = printSocketAddress(listener.local);
      throw new TunnelError('ERR_ADDRESS_IN_USE', `Something listens on ${where} already.`, {
        leg: 'inside',
      });
    }
    this.#number(listener);
    this.#byPort.set(port, [...there, listener]);
  }

  /** In place of the one before, if there was one. */
  addForOthers(listener: TcpListener): void {
    this.forOthers?.close();
    this.#number(listener);
    this.forOthers = listener;
  }

  remove(listener: TcpListener): void {
    if (!this.#byNumber.delete(listener.number)) return;
    this.#closed.push(listener);
    if (listener === this.forOthers) {
      this.forOthers = undefined;
      return;
    }
    const { port } = listener.local;
    const rest = this.#byPort.get(port)!.filter((other) => other !== listener);
    if (rest.length > 0) this.#byPort.set(port, rest);
    else this.#byPort.delete(port);
  }

  /** In order of their ports. */
  all(): TcpListener[] {
    return [...this.#byPort.values()].flat().sort((a, b) => a.local.port - b.local.port);
  }

  has(port: number): boolean {
    return this.#byPort.has(port);
  }

  byNumber(number: number): TcpListener | undefined {
    return this.#byNumber.get(number);
  }

  /** RFC 9293 §3.9.1: the listener on this address before the one on all addresses. */
  at(address: IpAddress, port: number): TcpListener | undefined {
    const there = this.#byPort.get(port);
    return (
      there?.find((listener) => !listener.isWildcard && listener.takes(address)) ??
      there?.find((listener) => listener.takes(address))
    );
  }

  get hasClosed(): boolean {
    return this.#closed.length > 0;
  }

  takeClosed(): TcpListener | undefined {
    return this.#closed.pop();
  }

  /** Numbers fit into an int32 however many listeners there were. */
  #number(listener: TcpListener): void {
    do this.#lastNumber = (this.#lastNumber + 1) & 0xffffff;
    while (this.#byNumber.has(this.#lastNumber));
    listener.number = this.#lastNumber;
    this.#byNumber.set(listener.number, listener);
  }
}
