import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP load balancer: each connection goes to the first of its targets that takes it. */
export class Balancer {
  port = 0;
  targets: number[];
  readonly #pairs = new Set<{ readonly front: Socket; readonly back: Socket }>();
  #server: Server | undefined;
  #isStalled = false;
  /** When connections came, on `performance.now()`. */
  readonly arrivals: number[] = [];

  private constructor(targets: number[]) {
    this.targets = targets;
  }

  static async start(targets: number[]): Promise<Balancer> {
    const balancer = new Balancer(targets);
    await balancer.listen();
    return balancer;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/v1`;
  }

  /** How many of those came in the second that had most of them. */
  get mostArrivals(): number {
    let first = 0;
    const within = this.arrivals.map((time, i) => {
      while (this.arrivals[first]! <= time - 1000) first++;
      return i - first + 1;
    });
    return Math.max(0, ...within);
  }

  /** On the same port as before, if there was one. */
  async listen(): Promise<void> {
    this.#server = createServer({ pauseOnConnect: true }, (front) => {
      this.arrivals.push(performance.now());
      front.on('error', () => {});
      void this.#join(front);
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** Nothing passes, and nothing is said about it. */
  stall(): void {
    this.#isStalled = true;
    for (const { front, back } of this.#pairs) {
      front.pause();
      back.pause();
    }
  }

  goOn(): void {
    this.#isStalled = false;
    for (const { front, back } of this.#pairs) {
      front.resume();
      back.resume();
    }
  }

  /** As when its process dies. */
  stop(): void {
    this.#server?.close();
    for (const { front, back } of this.#pairs) {
      front.resetAndDestroy();
      back.resetAndDestroy();
    }
  }

  async #join(front: Socket): Promise<void> {
    for (const port of this.targets) {
      const back = connect({ port, host: '127.0.0.1' });
      const works = await new Promise<boolean>((resolve) => {
        back.once('connect', () => resolve(true)).on('error', () => resolve(false));
      });
      if (works) {
        this.#pass(front, back);
        return;
      }
    }
    front.destroy();
  }

  #pass(front: Socket, back: Socket): void {
    const pair = { front, back };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [front, back],
      [back, front],
    ] as const) {
      from.on('data', (bytes) => to.write(bytes));
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      if (this.#isStalled) from.pause();
      else from.resume();
    }
  }
}
