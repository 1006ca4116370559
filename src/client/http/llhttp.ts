/**
 * What llhttp tells of a message. Bytes are lent for the duration of the call. Nothing here may throw: the WASM's own
 * stack would not be unwound; a result that is not 0 stops the parser.
 */
export interface MessageSink {
  onStatus(text: Uint8Array): number;
  onHeaderField(part: Uint8Array): number;
  onHeaderValue(part: Uint8Array): number;
  /** 1: no body follows, whatever the header says. */
  onHeadersComplete(status: number): number;
  onBody(bytes: Uint8Array): number;
  onMessageComplete(): number;
}

/** Results of a callback and of llhttp_execute. */
export const OK = 0;
export const NO_BODY = 1;
export const STOP = -1;
export const PAUSED = 21;

const TYPE_RESPONSE = 2;
/** How much is parsed at a time. */
export const SLICE_BYTES = 64 * 1024;

interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  malloc(size: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, at: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_http_minor(parser: number): number;
  llhttp_should_keep_alive(parser: number): number;
}

let loading: Promise<Llhttp> | undefined;

/** llhttp, loaded by whoever needs it first. */
export function loadLlhttp(): Promise<Llhttp> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<Llhttp> {
  const { wasm } = await import('./llhttp-wasm.js');
  const bytes = Uint8Array.from(atob(wasm), (char) => char.charCodeAt(0));
  const llhttp = new Llhttp();
  const { instance } = await WebAssembly.instantiate(bytes, { env: llhttp.imports });
  llhttp.start(instance.exports as unknown as Exports);
  return llhttp;
}

/** One WASM instance, in which all parsers of this thread live. */
export class Llhttp {
  #exports!: Exports;
  /** Where the bytes to parse are put, SLICE_BYTES long. */
  #input = 0;
  /** Whose `execute` runs: callbacks come within it only. */
  #sink: MessageSink | undefined;

  readonly imports = {
    wasm_on_message_begin: () => OK,
    wasm_on_url: () => OK,
    wasm_on_status: (_: number, at: number, length: number) => this.#sink!.onStatus(this.#view(at, length)),
    wasm_on_header_field: (_: number, at: number, length: number) =>
      this.#sink!.onHeaderField(this.#view(at, length)),
    wasm_on_header_value: (_: number, at: number, length: number) =>
      this.#sink!.onHeaderValue(this.#view(at, length)),
    wasm_on_headers_complete: (_: number, status: number) => this.#sink!.onHeadersComplete(status),
    wasm_on_body: (_: number, at: number, length: number) => this.#sink!.onBody(this.#view(at, length)),
    wasm_on_message_complete: () => this.#sink!.onMessageComplete(),
  };

  start(exports: Exports): void {
    this.#exports = exports;
    exports._initialize();
    this.#input = exports.malloc(SLICE_BYTES);
  }

  /** A parser of responses; who made it must free it. */
  alloc(): number {
    return this.#exports.llhttp_alloc(TYPE_RESPONSE);
  }

  free(parser: number): void {
    this.#exports.llhttp_free(parser);
  }

  /** Parses at most SLICE_BYTES; llhttp's error number. */
  execute(parser: number, sink: MessageSink, bytes: Uint8Array): number {
    this.#view(this.#input, bytes.length).set(bytes);
    this.#sink = sink;
    return this.#exports.llhttp_execute(parser, this.#input, bytes.length);
  }

  /** The other side ended the connection; llhttp's error number. */
  finish(parser: number, sink: MessageSink): number {
    this.#sink = sink;
    return this.#exports.llhttp_finish(parser);
  }

  /** How many of the last bytes were parsed when it stopped. */
  consumed(parser: number): number {
    return this.#exports.llhttp_get_error_pos(parser) - this.#input;
  }

  majorVersion(parser: number): number {
    return this.#exports.llhttp_get_http_major(parser);
  }

  minorVersion(parser: number): number {
    return this.#exports.llhttp_get_http_minor(parser);
  }

  shouldKeepAlive(parser: number): boolean {
    return this.#exports.llhttp_should_keep_alive(parser) === 1;
  }

  /** What was wrong, in llhttp's words. */
  reason(parser: number): string {
    const at = this.#exports.llhttp_get_error_reason(parser);
    if (at === 0) return 'it is not HTTP/1.1';
    const rest = new Uint8Array(this.#exports.memory.buffer, at);
    return new TextDecoder().decode(rest.subarray(0, rest.indexOf(0)));
  }

  /** The memory may have grown, and the view before be detached. */
  #view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at, length);
  }
}
