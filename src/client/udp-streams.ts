import type { SocketName, UdpMessagePortMessage, UdpTuning } from '../bridge/api.ts';
import type { Port } from '../bridge/channel.ts';
import { fromPlainAnswer, fromPlainError } from '../bridge/errors.ts';
import type { TunnelError } from '../core/errors.ts';
import type { EngineClient, Mourner } from './engine-client.ts';
import { closedError, failureOf, networkError } from './errors.ts';
import type { LazyStreams } from './open-info.ts';
import { datagramOf, messageOf, type ReceivedUDPMessage, type UDPMessage } from './udp-message.ts';

/** Datagrams that may wait unread on the page's side; more wait in the engine's queue, which drops the newest. */
const READ_AHEAD = 64;

interface Waiting {
  resolve: () => void;
  reject: (reason: unknown) => void;
}

/**
 * The two streams of a UDP socket over one port to the engine, each made when it is first asked for. Until then what comes
 * waits in the engine's queue.
 */
export class UdpStreams implements LazyStreams, Mourner {
  /** Settles when both directions are over. It never counts as unhandled. */
  readonly closed: Promise<undefined>;
  readonly #engine: EngineClient;
  readonly #port: Port;
  readonly #isConnected: boolean;
  /** What the engine was asked for and has not answered yet. */
  readonly #asked = new Map<number, Waiting>();
  #nextId = 1;
  #creditGiven = 0;
  #told: ((error: DOMException) => void) | undefined;
  #readable: ReadableStream<ReceivedUDPMessage> | undefined;
  #writable: WritableStream<UDPMessage> | undefined;
  #readController: ReadableStreamDefaultController<ReceivedUDPMessage> | undefined;
  #writeController: WritableStreamDefaultController | undefined;
  #isReadDone = false;
  #isWriteDone = false;
  /** What a stream that is made later begins with. An error may be anything, also undefined. */
  #failure: { readonly reason: unknown } | undefined;
  /** A message that could not be sent: the writable has ended by it, and the socket will have failed when all has. */
  #writeFailure: { readonly reason: unknown } | undefined;
  #settleClosed!: { resolve: (value: undefined) => void; reject: (reason: unknown) => void };

  constructor(engine: EngineClient, port: Port, { isConnected }: { isConnected: boolean }) {
    this.#engine = engine;
    this.#port = port;
    this.#isConnected = isConnected;
    this.closed = new Promise((resolve, reject) => {
      this.#settleClosed = { resolve, reject };
    });
    this.closed.catch(() => {});
    port.onmessage = ({ data }: MessageEvent<UdpMessagePortMessage>) => this.#receive(data);
    engine.addMourner(this);
  }

  get readable(): ReadableStream<ReceivedUDPMessage> {
    this.#readable ??= new ReadableStream<ReceivedUDPMessage>(
      {
        start: (controller) => {
          this.#readController = controller;
          if (this.#failure) controller.error(this.#failure.reason);
          else if (this.#isReadDone) controller.close();
        },
        pull: () => this.#giveCredit(),
        cancel: () => this.#readDone(),
      },
      { highWaterMark: READ_AHEAD },
    );
    return this.#readable;
  }

  get writable(): WritableStream<UDPMessage> {
    this.#writable ??= new WritableStream<UDPMessage>({
      start: (controller) => {
        this.#writeController = controller;
        if (this.#failure) controller.error(this.#failure.reason);
        else if (this.#isWriteDone) controller.error(undefined);
      },
      write: (message) => this.#write(message),
      close: () => this.#writeDone(),
      abort: () => this.#writeDone(),
    });
    return this.#writable;
  }

  get isLocked(): boolean {
    return Boolean(this.#readable?.locked || this.#writable?.locked);
  }

  /** Both directions are over. */
  get isOver(): boolean {
    return this.#isReadDone && this.#isWriteDone;
  }

  /** Ends both directions at once, for `socket.close()`. */
  async finish(): Promise<void> {
    await Promise.allSettled([this.#readable?.cancel(), this.#writable?.abort()]);
    if (!this.#isReadDone) this.#readDone();
    if (!this.#isWriteDone) this.#writeDone();
  }

  /** Closes the socket and errors both streams. */
  fail(reason: unknown): void {
    if (!this.isOver) {
      this.#failure = { reason };
      if (!this.#isReadDone) this.#readController?.error(reason);
      if (!this.#isWriteDone) this.#writeController?.error(reason);
      this.#isReadDone = this.#isWriteDone = true;
      this.#letGo();
    }
    for (const waiting of this.#asked.values()) waiting.reject(reason);
    this.#asked.clear();
    this.#port.close();
    this.#settleClosed.reject(reason);
  }

  engineEnded(error: TunnelError): void {
    this.fail(networkError(error));
  }

  changeGroup(action: 'join' | 'leave', address: string, source: string | undefined): Promise<void> {
    return this.#ask((id) => this.#post({ type: 'group', id, action, address, source }));
  }

  tune(options: UdpTuning): Promise<void> {
    return this.#ask((id) => this.#post({ type: 'tune', id, options }));
  }

  /** From now on `told` hears that this one cannot be reached; nobody: of none. */
  heed(remote: SocketName | undefined, told: (error: DOMException) => void): void {
    this.#told = told;
    this.#post({ type: 'heed', remote });
  }

  #giveCredit(): void {
    const room = Math.max(this.#readController?.desiredSize ?? 0, 1) - this.#creditGiven;
    if (room <= 0) return;
    this.#creditGiven += room;
    this.#post({ type: 'credit', count: room });
  }

  /** Resolves when the datagram has left; a failure ends nothing. */
  async send(message: UDPMessage): Promise<void> {
    const datagram = datagramOf(message, this.#isConnected);
    await this.#ask((id) => this.#post({ type: 'send', id, datagram }, [datagram.data.buffer]));
  }

  async #write(message: UDPMessage): Promise<void> {
    try {
      await this.send(message);
    } catch (error) {
      this.#writeFailure = { reason: error };
      if (!this.#isWriteDone) this.#writeDone();
      throw error;
    }
  }

  /** Asks the engine for something and waits until it is done. */
  #ask(ask: (id: number) => void): Promise<void> {
    const id = this.#nextId++;
    const done = new Promise<void>((resolve, reject) => this.#asked.set(id, { resolve, reject }));
    ask(id);
    return done;
  }

  #receive(message: UdpMessagePortMessage): void {
    switch (message.type) {
      case 'datagrams':
        this.#creditGiven -= message.datagrams.length;
        if (this.#isReadDone) return;
        for (const datagram of message.datagrams)
          this.#readController?.enqueue(messageOf(datagram, this.#isConnected));
        break;
      case 'sent': {
        const waiting = this.#asked.get(message.id);
        this.#asked.delete(message.id);
        if (message.error) waiting?.reject(failureOf(fromPlainAnswer(message.error)));
        else waiting?.resolve();
        break;
      }
      case 'unreachable':
        this.#told?.(networkError(fromPlainError(message.error)));
        break;
      case 'error':
        this.fail(networkError(fromPlainError(message.error)));
        break;
      case 'close':
        this.#ended();
        break;
      default:
        break;
    }
  }

  #readDone(): void {
    this.#isReadDone = true;
    if (this.isOver) this.#letGo();
  }

  #writeDone(): void {
    this.#isWriteDone = true;
    if (this.isOver) this.#letGo();
  }

  #letGo(): void {
    this.#engine.removeMourner(this);
    this.#post({ type: 'close' });
  }

  /** The engine has let the port go: because we asked, or because the tunnel is closing. */
  #ended(): void {
    if (!this.isOver) this.fail(networkError(closedError()));
    this.#port.close();
    if (this.#writeFailure) this.#settleClosed.reject(this.#writeFailure.reason);
    else this.#settleClosed.resolve(undefined);
  }

  #post(message: UdpMessagePortMessage, moved: Transferable[] = []): void {
    this.#port.postMessage(message, moved);
  }
}
