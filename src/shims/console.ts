// Node's `console`, which is the page's own.
import { unavailable } from './connect-options.ts';

export const { assert, count, countReset, debug, dir, dirxml, error, group, groupCollapsed, groupEnd } =
  globalThis.console;
export const { info, log, table, time, timeEnd, timeLog, trace, warn } = globalThis.console;

/** One that writes to streams. */
export class Console {
  constructor() {
    throw unavailable('console.Console: a page has one console');
  }
}

export * as default from './console.ts';
