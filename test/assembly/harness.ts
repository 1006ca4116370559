import type { AssemblyExports } from '../../src/core/crypto/wasm-suite.ts';
import { loadAssembly } from '../../src/node/assembly.ts';

/** Also what the suite has no use for. */
export interface AllExports extends AssemblyExports {
  hchacha20(key: number, nonce: number, subkey: number): void;
  poly1305(key: number, message: number, length: number, tag: number): void;
  readonly scratchEnd: { readonly value: number };
}

/** The raw module with its arguments put in place, for tests that care where in memory a text lies. */
export class Harness {
  readonly wasm: AllExports;
  readonly memory: Uint8Array;
  readonly key: number;
  readonly nonce: number;
  readonly output: number;
  readonly aad: number;
  /** A multiple of 16 with plenty of room around it. */
  readonly text: number;

  constructor(wasm: AllExports) {
    this.wasm = wasm;
    this.memory = new Uint8Array(wasm.memory.buffer);
    this.key = wasm.keySlots.value;
    this.nonce = wasm.inputNonce.value;
    this.output = wasm.output.value;
    this.aad = wasm.inputText.value;
    this.text = (wasm.packetSlots.value + 4096) & ~15;
  }

  static async load(): Promise<Harness> {
    return new Harness((await loadAssembly()) as AllExports);
  }

  read(at: number, length: number): Uint8Array {
    return this.memory.slice(at, at + length);
  }

  /** Seals `plaintext` lying at `at` in place with a 12- or 24-byte nonce. */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, at = this.text): void {
    this.#place(key, nonce, aad);
    this.memory.set(plaintext, at);
    const n = new DataView(nonce.buffer, nonce.byteOffset, nonce.length);
    if (nonce.length === 24)
      this.wasm.xSeal(this.key, this.nonce, this.aad, aad.length, at, plaintext.length);
    else
      this.wasm.seal(
        this.key,
        n.getUint32(0, true),
        n.getUint32(4, true),
        n.getUint32(8, true),
        this.aad,
        aad.length,
        at,
        plaintext.length,
      );
  }

  /** Opens `sealed` (ciphertext ‖ tag) lying at `at` in place. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array, at = this.text): boolean {
    this.#place(key, nonce, aad);
    this.memory.set(sealed, at);
    const n = new DataView(nonce.buffer, nonce.byteOffset, nonce.length);
    const ok =
      nonce.length === 24
        ? this.wasm.xOpen(this.key, this.nonce, this.aad, aad.length, at, sealed.length)
        : this.wasm.open(
            this.key,
            n.getUint32(0, true),
            n.getUint32(4, true),
            n.getUint32(8, true),
            this.aad,
            aad.length,
            at,
            sealed.length,
          );
    return ok !== 0;
  }

  #place(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array): void {
    this.memory.set(key, this.key);
    this.memory.set(nonce, this.nonce);
    this.memory.set(aad, this.aad);
  }
}
