import type { Curve } from '../../../src/core/crypto/suite.ts';
import type { AssemblyExports } from '../../../src/core/crypto/wasm-suite.ts';
import type { Cipher, Question } from '../contests/ciphers.ts';
import type { Contender } from '../race.ts';

/** What the place offers in which contests run. */
export interface Runtime {
  /** A fresh instance. */
  loadAssembly(): Promise<AssemblyExports>;
  /** What the engine has for ephemeral keys here; absent: @noble/curves. */
  readonly curve?: Curve;
  /** Whoever else seals packets here. */
  ciphers(question: Question): Record<string, Cipher>;
  /** Whoever else computes BLAKE2s here. */
  hashers(message: Uint8Array): Record<string, Contender>;
}
