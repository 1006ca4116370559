// A client of the relay that has no tunnel: datagrams as fast as they go, over the transport that the engine has.
import type { Clock } from '../../../src/core/clock.ts';
import type { Endpoint } from '../../../src/core/endpoint.ts';
import { PacketBuffer, plainMemory } from '../../../src/core/packet-buffer.ts';
import type { DatagramReceiver } from '../../../src/core/transport.ts';
import { RelayTransport, type RelayTransportHost } from '../../../src/transport/relay-transport.ts';

export interface LoadWish {
  relay: string;
  /** Of c/peer.c, on loopback. */
  port: number;
  /** One datagram a message. */
  isUnbatched: boolean;
}

export interface EchoWish {
  count: number;
  interval: number;
}

/** What the place offers. */
export interface LoadPlatform {
  readonly clock: () => Clock;
  readonly host?: Partial<RelayTransportHost>;
  /** Runs it in a turn of its own, soon. */
  readonly soon: (run: () => void) => void;
}

const SIZE = 1452;
/** Of what asks for more. */
const REQUEST = 64;
const INDEX = 0x00c0_0001;
const PEER_INDEX = 0x00e0_0001;
/** In a data message: what it wants of the peer, and a number. */
const WISH = 16;
const NUMBER = 20;
const [COUNT, SEND, ECHO] = [0, 1, 2];
/** Datagrams of one turn, before the socket gets its own. */
const BURST = 180;
/** Datagrams that may be on their way down, fewer than any queue holds; and in which portions they are asked for. */
const WINDOW = 128;
const PORTION = 32;
/** Something was lost, if nothing comes for so long: ms. */
const PATIENCE = 50;

export class LoadClient implements DatagramReceiver {
  readonly #transport: RelayTransport;
  readonly #endpoint: Endpoint;
  readonly #packet: PacketBuffer;
  readonly #platform: LoadPlatform;
  readonly #isUnbatched: boolean;
  #answered: (() => void) | undefined;
  #echoed: ((intact: boolean) => void) | undefined;
  #mode: 'idle' | 'up' | 'down' = 'idle';
  #isWaiting = false;
  #received = 0;
  #sent = 0;
  /** Down: asked for, and not yet there or known to be lost. */
  #asked = 0;
  #next = 0;
  #watch: ReturnType<typeof setInterval> | undefined;

  private constructor({ relay, port, isUnbatched }: LoadWish, platform: LoadPlatform) {
    const memory = plainMemory(1 << 16, 1 << 17);
    const { clock, host } = platform;
    this.#platform = platform;
    this.#isUnbatched = isUnbatched;
    this.#packet = new PacketBuffer(memory, memory.slots);
    this.#transport = new RelayTransport({ urls: [relay], memory, clock: clock(), ...(host && { host }) });
    this.#transport.receiver = this;
    this.#endpoint = this.#transport.endpointFor('127.0.0.1', port);
  }

  /** Connected, and let through by the relay's gate. */
  static async open(wish: LoadWish, platform: LoadPlatform): Promise<LoadClient> {
    const client = new LoadClient(wish, platform);
    await new Promise<void>((resolve) => {
      client.#answered = resolve;
      client.#sendHandshake();
    });
    return client;
  }

  /**
   * How long each of so many datagrams took there and back, in ms, with `interval` ms before each. Throws if one comes
   * back altered.
   */
  async echo({ count, interval }: EchoWish): Promise<number[]> {
    const times: number[] = [];
    for (let n = 0; n < count; n++) {
      if (interval > 0) await new Promise((resolve) => setTimeout(resolve, interval));
      const started = performance.now();
      const isIntact = await new Promise<boolean>((resolve) => {
        this.#echoed = resolve;
        this.#sendData(ECHO, n);
        this.#transport.flush();
      });
      times.push(performance.now() - started);
      if (!isIntact) throw new Error('a datagram came back altered');
    }
    return times;
  }

  start(mode: 'up' | 'down'): void {
    this.#mode = mode;
    this.#received = this.#sent = 0;
    if (mode === 'up') this.#fill();
    else {
      this.#askForMore();
      let before = -1;
      this.#watch = setInterval(() => {
        if (this.#received === before) this.#askAgain();
        before = this.#received;
      }, PATIENCE);
    }
  }

  /** So far. */
  counts(): { received: number; sent: number } {
    return { received: this.#received, sent: this.#sent };
  }

  stop(): void {
    this.#mode = 'idle';
    clearInterval(this.#watch);
  }

  close(): void {
    this.stop();
    this.#transport.close();
  }

  // ---- the way out

  #sendHandshake(): void {
    const at = this.#begin(148);
    const { view } = this.#packet;
    view.setUint32(at, 1, true);
    view.setUint32(at + 4, INDEX, true);
    this.#transport.send(this.#packet, this.#endpoint);
    this.#transport.flush();
  }

  #sendData(wish: number, number: number): void {
    const at = this.#begin(wish === SEND ? REQUEST : SIZE);
    const { view } = this.#packet;
    view.setUint32(at, 4, true);
    view.setUint32(at + 4, PEER_INDEX, true);
    view.setUint8(at + WISH, wish);
    view.setUint32(at + NUMBER, number, true);
    this.#transport.send(this.#packet, this.#endpoint);
  }

  #begin(length: number): number {
    this.#packet.reset(0);
    return this.#packet.append(length);
  }

  readonly #fill = (): void => {
    if (this.#mode !== 'up') return;
    for (let n = 0; n < BURST && !this.#transport.congested; n++) {
      this.#sendData(COUNT, this.#sent++);
      if (this.#isUnbatched) this.#transport.flush();
    }
    this.#transport.flush();
    this.#isWaiting = this.#transport.congested;
    if (!this.#isWaiting) this.#platform.soon(this.#fill);
  };

  #askForMore(): void {
    while (this.#mode === 'down' && WINDOW - this.#asked >= PORTION) {
      this.#sendData(SEND, PORTION);
      this.#asked += PORTION;
    }
    this.#transport.flush();
  }

  #askAgain(): void {
    this.#asked = 0;
    this.#askForMore();
  }

  // ---- the way in

  receiveDatagram({ memory, view, start, end }: PacketBuffer): void {
    if (memory[start] === 2) this.#answered?.();
    if (end - start !== SIZE) return;
    if (this.#echoed) {
      this.#echoed(view.getUint8(start + WISH) === ECHO);
      this.#echoed = undefined;
      return;
    }
    const number = view.getUint32(start + NUMBER, true);
    // Those in between are lost.
    this.#asked = Math.max(0, this.#asked - (number + 1 - (this.#received === 0 ? number : this.#next)));
    this.#next = number + 1;
    this.#received++;
  }

  endBatch(): void {
    if (this.#mode === 'down') this.#askForMore();
  }

  uncongested(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#fill();
  }

  transportState(): void {}

  reconnected(): void {}

  handshakeNeeded(): void {}
}

/** What a host can be asked to do with one. */
export function loadProcedures(platform: LoadPlatform): Record<string, (argument: never) => unknown> {
  let client: LoadClient;
  return {
    'load.open': async (wish: LoadWish) => {
      client = await LoadClient.open(wish, platform);
    },
    'load.echo': (wish: EchoWish) => client.echo(wish),
    'load.start': (mode: 'up' | 'down') => client.start(mode),
    'load.counts': () => client.counts(),
    'load.stop': () => client.stop(),
    'load.close': () => client.close(),
  };
}
