// What ssh2's own Poly1305, made by emscripten, looks like from outside, on noble's.
import { poly1305 } from '@noble/ciphers/_poly1305.js';

const TAG_BYTES = 16;

type Authenticate = (
  at: number,
  first: Uint8Array,
  firstBytes: number,
  second: Uint8Array,
  secondBytes: number,
  key: Uint8Array,
) => void;

interface Poly1305Module {
  /** A memory of one tag, which has the address 0. */
  HEAPU8: Uint8Array;
  _malloc(size: number): number;
  cwrap(name: 'poly1305_auth'): Authenticate;
}

function createPoly1305(): Promise<Poly1305Module> {
  const memory = new Uint8Array(TAG_BYTES);
  const authenticate: Authenticate = (at, first, firstBytes, second, secondBytes, key) => {
    const mac = poly1305.create(Uint8Array.from(key));
    mac.update(Uint8Array.from(first.subarray(0, firstBytes)));
    mac.update(Uint8Array.from(second.subarray(0, secondBytes)));
    memory.set(mac.digest(), at);
  };
  return Promise.resolve({ HEAPU8: memory, _malloc: () => 0, cwrap: () => authenticate });
}

export { createPoly1305 as default };
