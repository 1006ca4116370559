// Node's `stream`: readable-stream, which is Node's own for the rest of the world. The module is its Stream, a function, and has
// everything else on it.
import './next-tick.ts';
import type * as nodes from 'node:stream';
import stream from 'readable-stream';

export const {
  Readable,
  Writable,
  Duplex,
  Transform,
  PassThrough,
  Stream,
  finished,
  pipeline,
  promises,
  addAbortSignal,
  compose,
  destroy,
} = stream as unknown as typeof nodes & { compose: unknown; destroy: unknown };
export { stream as default };
