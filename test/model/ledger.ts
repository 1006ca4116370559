// The crypto suite of one device, which keeps a ledger of its keys and refuses what must never happen to them
// (invariants 2 to 4): a nonce that is used twice, a key that is too old or gone, a session used before its time.

import type { AeadKey, CryptoSuite } from '../../src/core/crypto/suite.ts';
import type { AssemblyExports } from '../../src/core/crypto/wasm-suite.ts';
import { WasmSuite } from '../../src/core/crypto/wasm-suite.ts';
import type { EngineMemory, PacketBuffer } from '../../src/core/packet-buffer.ts';
import { dh, publicKey } from './curve.ts';
import { Violation } from './violation.ts';

const REJECT_AFTER = 180_000;
const ZERO_AFTER = 540_000;
const TIMESTAMP_SIZE = 12;
const NO_KEYS = Buffer.alloc(1 << 20);

/** WASM for everything but the curve. */
export class FastSuite extends WasmSuite {
  readonly #exports: AssemblyExports;

  constructor(exports: AssemblyExports) {
    super(exports);
    this.#exports = exports;
  }

  override dh(privateKey: Uint8Array, peer: Uint8Array): Uint8Array | undefined {
    return dh(privateKey, peer);
  }

  override publicKey(privateKey: Uint8Array): Uint8Array {
    return publicKey(privateKey);
  }

  /** Whether no byte of any key is left in the memory's key slots. */
  get isClean(): boolean {
    const start = this.#exports.keySlots.value;
    const end = start + this.#exports.keySlotCount.value * 32;
    return Buffer.compare(this.memory.bytes.subarray(start, end), NO_KEYS.subarray(0, end - start)) === 0;
  }
}

/** Both keys of a session, as the device that imported them sees it. */
interface Pair {
  readonly importedAt: number;
  /** We sent the response: we may not send before the initiator has. */
  isResponder: boolean;
  /** An authentic packet of the other side was opened. */
  isConfirmed: boolean;
  /** The greatest counter that was sealed. */
  counter: number;
}

class LedgerKey implements AeadKey {
  readonly inner: AeadKey;
  readonly pair: Pair;
  isAlive = true;
  readonly #ledger: Ledger;

  constructor(inner: AeadKey, pair: Pair, ledger: Ledger) {
    this.inner = inner;
    this.pair = pair;
    this.#ledger = ledger;
  }

  destroy(): void {
    if (this.isAlive) this.#ledger.destroyed(this);
    this.isAlive = false;
  }
}

export class Ledger implements CryptoSuite {
  readonly memory: EngineMemory;
  dhCount = 0;
  /** Session keys that exist. */
  liveKeys = 0;
  /** The last session that was made. */
  lastPair: Pair | undefined;
  /** Timestamps that were sealed into initiations, oldest first, taken out by whoever looks. */
  readonly timestamps: Uint8Array[] = [];
  readonly #suite: FastSuite;
  readonly #now: () => number;
  #half: Pair | undefined;

  constructor(suite: FastSuite, memory: EngineMemory, now: () => number) {
    this.#suite = suite;
    this.memory = memory;
    this.#now = now;
  }

  dh(privateKey: Uint8Array, peer: Uint8Array): Uint8Array | undefined {
    this.dhCount++;
    return dh(privateKey, peer);
  }

  publicKey(privateKey: Uint8Array): Uint8Array {
    return publicKey(privateKey);
  }

  /** Keys come in pairs: to send with, to receive with. */
  importKey(key: Uint8Array): AeadKey | undefined {
    const inner = this.#suite.importKey(key);
    if (!inner) return undefined;
    const pair = this.#half ?? {
      importedAt: this.#now(),
      isResponder: false,
      isConfirmed: false,
      counter: -1,
    };
    this.#half = this.#half ? undefined : pair;
    this.lastPair = pair;
    this.liveKeys++;
    return new LedgerKey(inner, pair, this);
  }

  destroyed(key: LedgerKey): void {
    const { address } = key.inner as unknown as { address: number };
    key.inner.destroy();
    this.liveKeys--;
    for (let i = 0; i < 32; i++)
      if (this.memory.bytes[address + i] !== 0) throw new Violation('4: a destroyed key is still in memory');
  }

  seal(key: AeadKey, counterLow: number, counterHigh: number, packet: PacketBuffer): void {
    const { inner, pair, isAlive } = key as LedgerKey;
    if (!isAlive) throw new Violation('4: sealed with a key that is gone');
    if (this.#now() - pair.importedAt >= REJECT_AFTER) throw new Violation('4: sealed with a key of 180 s');
    const counter = counterHigh * 2 ** 32 + counterLow;
    if (counter !== pair.counter + 1)
      throw new Violation(`3: sealed counter ${counter} after ${pair.counter} with the same key`);
    if (pair.isResponder && !pair.isConfirmed)
      throw new Violation('2: the responder sends on a session that is not confirmed');
    pair.counter = counter;
    this.#suite.seal(inner, counterLow, counterHigh, packet);
  }

  open(key: AeadKey, counterLow: number, counterHigh: number, packet: PacketBuffer): boolean {
    const { inner, pair, isAlive } = key as LedgerKey;
    if (!isAlive) throw new Violation('4: opened with a key that is gone');
    if (this.#now() - pair.importedAt > REJECT_AFTER)
      throw new Violation('4: opened with a key older than 180 s');
    const isOpen = this.#suite.open(inner, counterLow, counterHigh, packet);
    if (isOpen) pair.isConfirmed = true;
    return isOpen;
  }

  sealBytes(key: Uint8Array, counter: number, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
    if (plaintext.length === TIMESTAMP_SIZE) this.timestamps.push(plaintext.slice());
    return this.#suite.sealBytes(key, counter, plaintext, aad);
  }

  openBytes(key: Uint8Array, counter: number, sealed: Uint8Array, aad: Uint8Array): Uint8Array | undefined {
    return this.#suite.openBytes(key, counter, sealed, aad);
  }

  xSealBytes(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
    return this.#suite.xSealBytes(key, nonce, plaintext, aad);
  }

  xOpenBytes(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    aad: Uint8Array,
  ): Uint8Array | undefined {
    return this.#suite.xOpenBytes(key, nonce, sealed, aad);
  }

  hash(...parts: Uint8Array[]): Uint8Array {
    return this.#suite.hash(...parts);
  }

  mac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
    return this.#suite.mac(key, ...parts);
  }

  hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
    return this.#suite.hmac(key, ...parts);
  }

  sipHash(key: Uint8Array, message: Uint8Array): [number, number] {
    return this.#suite.sipHash(key, message);
  }

  /** The memory is not this device's alone. */
  wipe(): void {}

  /** Invariant 4: 540 s after the last new session there are no keys. */
  check(): void {
    if (this.liveKeys > 0 && this.#now() - this.lastPair!.importedAt >= ZERO_AFTER)
      throw new Violation('4: session keys exist 540 s after the last new session');
  }
}
