/** Reads QR codes, in a worker that lives as long as the reader. */

/** Codes with a whole configuration are fine-grained: smaller pictures lose them, larger ones take seconds. */
const LONGEST_SIDE = 1200;
const PATIENCE = 10_000;

export class QrReader {
  readonly #worker = new Worker(new URL('./qr-worker.ts', import.meta.url), { type: 'module' });
  readonly #canvas = document.createElement('canvas');
  #count = 0;

  constructor() {
    // Light on dark, too.
    this.#worker.postMessage({ type: 'inversionMode', data: 'both' });
  }

  /** Undefined if there is none to be read. */
  async read(picture: CanvasImageSource, width: number, height: number): Promise<string | undefined> {
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    this.#canvas.width = Math.max(1, Math.round(width * scale));
    this.#canvas.height = Math.max(1, Math.round(height * scale));
    const context = this.#canvas.getContext('2d', { willReadFrequently: true })!;
    // What is transparent is paper.
    context.fillStyle = '#fff';
    context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.drawImage(picture, 0, 0, this.#canvas.width, this.#canvas.height);
    return this.#ask(context.getImageData(0, 0, this.#canvas.width, this.#canvas.height));
  }

  close(): void {
    this.#worker.terminate();
  }

  #ask(image: ImageData): Promise<string | undefined> {
    const id = ++this.#count;
    return new Promise((resolve) => {
      const end = new AbortController();
      const finish = (text: string | undefined) => {
        end.abort();
        resolve(text);
      };
      const timer = setTimeout(finish, PATIENCE, undefined);
      end.signal.addEventListener('abort', () => clearTimeout(timer));
      this.#worker.addEventListener(
        'message',
        ({ data }: MessageEvent<{ id: number; data: string | null }>) => {
          if (data.id === id) finish(data.data ?? undefined);
        },
        end,
      );
      this.#worker.addEventListener('error', () => finish(undefined), end);
      this.#worker.postMessage({ id, type: 'decode', data: image }, [image.data.buffer]);
    });
  }
}

/** Of a file. Undefined if it is no picture, or one without such a code. */
export async function readQrPicture(file: Blob): Promise<string | undefined> {
  const picture = await createImageBitmap(file).catch(() => undefined);
  if (!picture) return undefined;
  const reader = new QrReader();
  try {
    return await reader.read(picture, picture.width, picture.height);
  } finally {
    picture.close();
    reader.close();
  }
}
