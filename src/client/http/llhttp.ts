/** What llhttp tells while it reads; a number other than 0 stops it. */
export interface LlhttpEvents {
  status(bytes: Uint8Array): number;
  headerField(bytes: Uint8Array): number;
  headerValue(bytes: Uint8Array): number;
  headersComplete(status: number, keepAlive: boolean, version: number): number;
  body(bytes: Uint8Array): number;
  messageComplete(): number;
}

/** What `llhttp_execute` and the callbacks return (llhttp's llhttp_errno). */
export const OK = 0;
export const FAILED = -1;
export const PAUSED = 21;
export const PAUSED_UPGRADE = 22;
/** From `headersComplete` only. */
export const NO_BODY = 1;
export const UPGRADE = 2;

const TYPE_RESPONSE = 2;
/** What is given to llhttp at once. */
export const MAX_INPUT = 64 * 1024;

interface Exports {
  memory: WebAssembly.Memory;
  malloc(length: number): number;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, at: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_resume(parser: number): void;
  llhttp_get_http_major(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_get_error_reason(parser: number): number;
}

/** llhttp's WASM: one instance for all parsers of a tunnel, since it never waits. */
export class Llhttp {
  readonly #exports: Exports;
  readonly #input: number;
  readonly #parsers = new Map<number, LlhttpEvents>();

  constructor(module: WebAssembly.Module) {
    const { exports } = new WebAssembly.Instance(module, { env: this.#imports() });
    this.#exports = exports as unknown as Exports;
    this.#input = this.#exports.malloc(MAX_INPUT);
  }

  /** A parser of responses; to be freed. */
  alloc(events: LlhttpEvents): number {
    const parser = this.#exports.llhttp_alloc(TYPE_RESPONSE);
    this.#parsers.set(parser, events);
    return parser;
  }

  free(parser: number): void {
    if (this.#parsers.delete(parser)) this.#exports.llhttp_free(parser);
  }

  /** Reads at most MAX_INPUT bytes. `read` says how far it came, where it was stopped. */
  execute(parser: number, bytes: Uint8Array): { errno: number; read: number } {
    const { memory, llhttp_execute, llhttp_get_error_pos } = this.#exports;
    new Uint8Array(memory.buffer, this.#input, bytes.length).set(bytes);
    const errno = llhttp_execute(parser, this.#input, bytes.length);
    const read = errno === OK ? bytes.length : llhttp_get_error_pos(parser) - this.#input;
    return { errno, read };
  }

  /** The connection ended; where the message is delimited by that, it is complete. */
  finish(parser: number): number {
    return this.#exports.llhttp_finish(parser);
  }

  resume(parser: number): void {
    this.#exports.llhttp_resume(parser);
  }

  /** What is wrong, in llhttp's words. */
  reason(parser: number): string {
    const at = this.#exports.llhttp_get_error_reason(parser);
    if (at === 0) return 'it cannot be read';
    const bytes = new Uint8Array(this.#exports.memory.buffer, at);
    return new TextDecoder('latin1').decode(bytes.slice(0, bytes.indexOf(0)));
  }

  #imports(): Record<string, (...args: number[]) => number> {
    const events = (parser: number) => this.#parsers.get(parser)!;
    const bytes = (at: number, length: number) => new Uint8Array(this.#exports.memory.buffer, at, length);
    return {
      wasm_on_url: () => FAILED,
      wasm_on_message_begin: () => OK,
      wasm_on_status: (parser, at, length) => events(parser!).status(bytes(at!, length!)),
      wasm_on_header_field: (parser, at, length) => events(parser!).headerField(bytes(at!, length!)),
      wasm_on_header_value: (parser, at, length) => events(parser!).headerValue(bytes(at!, length!)),
      wasm_on_headers_complete: (parser, status, _upgrade, keepAlive) =>
        events(parser!).headersComplete(
          status!,
          keepAlive === 1,
          this.#exports.llhttp_get_http_major(parser!),
        ),
      wasm_on_body: (parser, at, length) => events(parser!).body(bytes(at!, length!)),
      wasm_on_message_complete: (parser) => events(parser!).messageComplete(),
    };
  }
}
