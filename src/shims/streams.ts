// What the stand-ins are made of. Their types are Node's, which is what programs that import them were written for.
import './next-tick.ts';
import type { EventEmitter as NodeEventEmitter } from 'node:events';
import type {
  Duplex as NodeDuplex,
  Readable as NodeReadable,
  Transform as NodeTransform,
  Writable as NodeWritable,
} from 'node:stream';
import { EventEmitter as PlainEventEmitter } from 'events';
import {
  Duplex as PlainDuplex,
  Readable as PlainReadable,
  Transform as PlainTransform,
  Writable as PlainWritable,
} from 'readable-stream';

export const EventEmitter = PlainEventEmitter as unknown as typeof NodeEventEmitter;
export const Duplex = PlainDuplex as unknown as typeof NodeDuplex;
export const Readable = PlainReadable as unknown as typeof NodeReadable;
export const Transform = PlainTransform as unknown as typeof NodeTransform;
export const Writable = PlainWritable as unknown as typeof NodeWritable;
