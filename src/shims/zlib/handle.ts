// zlib as Node's own binding has it, on pako's translation: some packages take it from a stream, and go on without the stream.
import {
  type Z_CallStatus,
  type Z_FlushMode,
  type Z_Strategy,
  ZStream,
  zlibDeflate,
  zlibDeflateInit2,
  zlibDeflateReset,
  zlibDeflateSetDictionary,
  zlibInflate,
  zlibInflateInit2,
  zlibInflateReset,
  zlibInflateSetDictionary,
} from 'pako';
import { constants } from './constants.ts';

/** Node's numbers for what a handle does. */
export const MODES = {
  deflate: 1,
  inflate: 2,
  gzip: 3,
  gunzip: 4,
  deflateRaw: 5,
  inflateRaw: 6,
  unzip: 7,
} as const;

type Mode = (typeof MODES)[keyof typeof MODES];

/** By mode, what zlib is told with the size of the window: no header, that of gzip, either. */
const WINDOW: Readonly<Record<Mode, (bits: number) => number>> = {
  [MODES.deflate]: (bits) => bits,
  [MODES.inflate]: (bits) => bits,
  [MODES.gzip]: (bits) => bits + 16,
  [MODES.gunzip]: (bits) => bits + 16,
  // zlib has no window of 256 bytes (8) here.
  [MODES.deflateRaw]: (bits) => -Math.max(9, bits),
  [MODES.inflateRaw]: (bits) => -bits,
  [MODES.unzip]: (bits) => bits + 32,
};

const DEFLATES: ReadonlySet<Mode> = new Set([MODES.deflate, MODES.gzip, MODES.deflateRaw]);
const { Z_BUF_ERROR, Z_DATA_ERROR, Z_FINISH, Z_NEED_DICT, Z_OK, Z_STREAM_END } = constants;

export class ZlibHandle {
  onerror: (message: string, errno: number, code: string) => void = () => {};
  /** Behind the end of what is compressed nothing more comes out. */
  isAtEnd = false;
  readonly #deflates: boolean;
  readonly #mode: Mode;
  readonly #stream = new ZStream();
  #dictionary: Uint8Array | undefined;
  #state: Uint32Array = new Uint32Array(2);

  constructor(mode: Mode) {
    this.#mode = mode;
    this.#deflates = DEFLATES.has(mode);
  }

  /** `state` is told after each write how many bytes are left, of the output and of the input. */
  init(
    windowBits: number,
    level: number,
    memLevel: number,
    strategy: number,
    state: Uint32Array,
    _callback: () => void,
    dictionary: Uint8Array | undefined,
  ): void {
    this.#state = state;
    this.#dictionary = dictionary;
    const bits = WINDOW[this.#mode](windowBits || 15);
    const status = this.#deflates
      ? zlibDeflateInit2(this.#stream, level, 8, bits, memLevel, strategy as Z_Strategy)
      : zlibInflateInit2(this.#stream, bits);
    if (status !== Z_OK) this.#fail(status);
    if (dictionary && this.#deflates) zlibDeflateSetDictionary(this.#stream, dictionary);
    if (dictionary && this.#mode === MODES.inflateRaw) zlibInflateSetDictionary(this.#stream, dictionary);
  }

  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void {
    const stream = this.#stream;
    stream.input = input;
    stream.next_in = inputAt;
    stream.avail_in = inputLength;
    stream.output = output as Uint8Array<ArrayBuffer>;
    stream.next_out = outputAt;
    stream.avail_out = outputLength;
    const status = this.#run(flush as Z_FlushMode);
    this.#state[0] = stream.avail_out;
    this.#state[1] = stream.avail_in;
    this.isAtEnd = status === Z_STREAM_END;
    // Whoever says that all is there is told when it is not; else there is just nothing to do.
    const isFine =
      status === Z_OK || status === Z_STREAM_END || (status === Z_BUF_ERROR && flush !== Z_FINISH);
    const isFull = status === Z_BUF_ERROR && stream.avail_out === 0;
    if (!isFine && !isFull) this.#fail(status);
  }

  reset(): void {
    this.isAtEnd = false;
    if (this.#deflates) zlibDeflateReset(this.#stream);
    else zlibInflateReset(this.#stream);
  }

  close(): void {}

  #run(flush: Z_FlushMode): Z_CallStatus {
    if (this.#deflates) return zlibDeflate(this.#stream, flush);
    const status = zlibInflate(this.#stream, flush);
    if (status !== Z_NEED_DICT || !this.#dictionary) return status;
    const told = zlibInflateSetDictionary(this.#stream, this.#dictionary);
    return told === Z_OK ? zlibInflate(this.#stream, flush) : Z_DATA_ERROR;
  }

  #fail(status: number): void {
    const code = Object.entries(constants).find(([name, value]) => value === status && /ERR|NEED/.test(name));
    const message =
      status === Z_BUF_ERROR ? 'unexpected end of file' : this.#stream.msg || (code?.[0] ?? 'zlib error');
    this.onerror(message, status, code?.[0] ?? 'Z_ERRNO');
  }
}
