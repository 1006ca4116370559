/** The bytes of a file, there and back: in order, with as many requests on their way as the way can take. */
import { Buffer } from 'buffer';
import type { KeyEcho } from './key-echo.ts';
import { RequestWindow } from './request-window.ts';
import type { Sftp } from './sftp.ts';

/** Bytes of one read or write: what every server takes (draft-ietf-secsh-filexfer-02 §3). */
const CHUNK = 32_768;
/** Bytes that are fetched from a file of this machine at once. */
const PART = 32 * CHUNK;

/** Pieces that wait for one before them, which a server may never answer. */
const MAX_AHEAD = 2 * RequestWindow.LARGEST;

type Bytes = Uint8Array<ArrayBuffer>;

export interface TransferOptions {
  /** Told each piece of the file once, in order. */
  onPiece: (bytes: Bytes) => void;
  /** Told how many more bytes have arrived where they belong. */
  onBytes: (count: number) => void;
  signal: AbortSignal;
  /** Who goes first. */
  keys: Pick<KeyEcho, 'shown' | 'isTyping'>;
}

export interface UploadOptions extends TransferOptions {
  /** Or else FileExists. */
  mayReplace: boolean;
  /** The file is there from now on, and is ours. */
  onOpen: () => void;
}

/** The whole file. */
export async function download(sftp: Sftp, path: string, options: TransferOptions): Promise<void> {
  const handle = await sftp.open(path, 'r');
  try {
    const asked: Promise<Bytes>[] = [];
    const requests = new Requests(options.keys);
    for (let position = 0, isEnd = false; !isEnd || asked.length > 0; ) {
      await options.keys.shown;
      while (!isEnd && requests.hasRoom && asked.length < MAX_AHEAD) {
        const at = position;
        asked.push(requests.run(() => readChunk(sftp, path, handle, at)));
        position += CHUNK;
      }
      const bytes = await asked.shift()!;
      options.signal.throwIfAborted();
      if (bytes.length > 0) options.onPiece(bytes);
      options.onBytes(bytes.length);
      isEnd ||= bytes.length < CHUNK;
    }
  } finally {
    await sftp.close(path, handle);
  }
}

/** As much of CHUNK bytes as the file has there: servers may give less than was asked (§6.4). */
async function readChunk(sftp: Sftp, path: string, handle: Buffer, position: number): Promise<Bytes> {
  const chunk = Buffer.alloc(CHUNK);
  let filled = 0;
  while (filled < CHUNK) {
    const count = await sftp.read(path, handle, chunk, filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, filled);
}

/** Writes the file anew. */
export async function upload(sftp: Sftp, path: string, file: Blob, options: UploadOptions): Promise<void> {
  const { mayReplace, onOpen, onPiece, onBytes, signal, keys } = options;
  const handle = await sftp.open(path, mayReplace ? 'w' : 'wx');
  onOpen();
  try {
    const sent: Promise<void>[] = [];
    const requests = new Requests(options.keys);
    let position = 0;
    for await (const piece of piecesOf(file)) {
      while (!requests.hasRoom || sent.length >= MAX_AHEAD) await sent.shift()!;
      await keys.shown;
      signal.throwIfAborted();
      onPiece(piece);
      const at = position;
      const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
      sent.push(requests.run(() => sftp.write(path, handle, bytes, at).then(() => onBytes(bytes.length))));
      position += piece.length;
    }
    await Promise.all(sent);
    signal.throwIfAborted();
  } finally {
    await sftp.close(path, handle);
  }
}

/** Of CHUNK bytes; what comes next is being fetched meanwhile. */
async function* piecesOf(file: Blob): AsyncGenerator<Bytes> {
  const fetchPart = (at: number) => file.slice(at, at + PART).arrayBuffer();
  let next = fetchPart(0);
  for (let at = 0; at < file.size; at += PART) {
    const part = new Uint8Array(await next);
    next = fetchPart(at + PART);
    next.catch(() => {}); // thrown where it is awaited, if it is
    for (let from = 0; from < part.length; from += CHUNK) yield part.subarray(from, from + CHUNK);
  }
}

/** Requests of one transfer, counted and timed. */
class Requests {
  readonly #window = new RequestWindow();
  readonly #keys: TransferOptions['keys'];

  constructor(keys: TransferOptions['keys']) {
    this.#keys = keys;
  }

  get hasRoom(): boolean {
    return this.#window.hasRoom(this.#keys.isTyping);
  }

  run<T>(request: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    this.#window.sent();
    const answer = request().finally(() => this.#window.answered(performance.now() - begin));
    answer.catch(() => {}); // thrown where it is awaited, if it is
    return answer;
  }
}
