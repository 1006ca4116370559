// Compiled under src/core/tsconfig.json only. Each line must fail to compile there: if the fence is
// ever open (one `/// <reference lib="dom" />` anywhere in the program is enough), tsc reports an
// unused @ts-expect-error here and `npm run check` fails.

// @ts-expect-error no DOM in the core
document;
// @ts-expect-error no timers in the core
setTimeout;
// @ts-expect-error no console in the core
console;
// @ts-expect-error text codecs are the host's
TextEncoder;
// @ts-expect-error the WASM module is loaded by the host
WebAssembly;
// @ts-expect-error randomness is injected
crypto;
// @ts-expect-error no microtasks in the core
queueMicrotask;
// @ts-expect-error time is an argument
performance;
// @ts-expect-error no Node in the core
process;
// @ts-expect-error no Node in the core
Buffer;
// @ts-expect-error no cloning across threads in the core
structuredClone;
// @ts-expect-error no network in the core
WebSocket;
