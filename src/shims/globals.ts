// Global names of Node's, for bundlers that put them where a package uses them.
export { Buffer } from './buffer.ts';
export { process } from './process.ts';
export { clearImmediate, setImmediate, setInterval, setTimeout } from './timers.ts';
