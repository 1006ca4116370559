import { signal } from '@preact/signals';
import type { Tunnel } from '../../src/index.ts';
import { type Explain, Run } from '../tools/run.ts';
import { PacketBook } from './packet-book.ts';
import { PcapngReader } from './pcapng-reader.ts';

/** So often at most is the list painted, in ms. */
const PAINT_EVERY = 250;

/** One capture: it goes on until it is stopped, and what it has seen stays until the next. */
export class CaptureRun extends Run {
  book = new PacketBook();
  /** Grows when there is something new to see in the book. */
  readonly painted = signal(0);
  #header: Uint8Array<ArrayBuffer>[] = [];
  #paint: ReturnType<typeof setTimeout> | undefined;

  /** `filter`: as `tunnel.capture` takes it. */
  async capture(tunnel: Pick<Tunnel, 'capture'>, filter: string, explain: Explain): Promise<void> {
    await this.start(explain, async (signal) => {
      const reader = new PcapngReader();
      this.book = new PacketBook();
      this.#header = reader.header;
      this.painted.value++;
      const source = tunnel.capture({ filter }).getReader();
      signal.addEventListener('abort', () => void source.cancel().catch(() => {}));
      for (let step = await source.read(); !step.done; step = await source.read()) {
        for (const packet of reader.read(step.value)) this.book.add(packet);
        this.book.trim();
        this.#paint ??= setTimeout(this.#paintNow, PAINT_EVERY);
      }
    });
  }

  /** Forgets what was seen. */
  clear(): void {
    this.book = new PacketBook();
    this.painted.value++;
  }

  get file(): { blob: Blob; name: string } {
    return { blob: this.book.file(this.#header), name: 'tabwire.pcapng' };
  }

  readonly #paintNow = (): void => {
    this.#paint = undefined;
    this.painted.value++;
  };
}
