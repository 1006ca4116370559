import type { Tunnel } from '../../src/node/index.ts';
import { startLines } from './inner-programs.ts';
import type { RealPeer } from './real-peer.ts';

const PORT = 9100;

/** An open TCP connection through a tunnel on which a peer's program says ten numbered lines a second. */
export class LineStream {
  /** When each line came, on `performance.now()`. */
  readonly times: number[] = [];
  /** The first line that was not the next one, if there was one, or why there are no more. */
  fault: string | undefined;

  static async open(tunnel: Tunnel, peer: RealPeer): Promise<LineStream> {
    await startLines(peer.namespace, PORT);
    const { readable } = await new tunnel.TCPSocket(peer.inner.peer4, PORT).opened;
    const stream = new LineStream();
    void stream.#read(readable);
    return stream;
  }

  /** The longest time without a line since `moment`, in ms. */
  longestGap(moment: number): number {
    const times = [moment, ...this.times.filter((time) => time > moment), performance.now()];
    return Math.max(...times.slice(1).map((time, i) => time - times[i]!));
  }

  /** Resolves, with the time that it took, when a line comes after now. */
  async next(timeout: number): Promise<number> {
    const [since, lines] = [performance.now(), this.times.length];
    while (this.times.length === lines && performance.now() - since < timeout)
      await new Promise((resolve) => setTimeout(resolve, 5));
    return this.times.length === lines ? Number.POSITIVE_INFINITY : performance.now() - since;
  }

  async #read(readable: ReadableStream<Uint8Array>): Promise<void> {
    let text = '';
    try {
      for await (const bytes of readable as unknown as AsyncIterable<Uint8Array>) {
        const lines = (text + Buffer.from(bytes).toString()).split('\n');
        text = lines.pop()!;
        for (const line of lines) this.#take(line);
      }
      this.fault ??= 'the stream ended';
    } catch (error) {
      this.fault ??= (error as Error).message;
    }
  }

  #take(line: string): void {
    if (line !== String(this.times.length)) this.fault ??= `"${line}" where ${this.times.length} was due`;
    this.times.push(performance.now());
  }
}
