// Node's `worker_threads`: who asks is told that this is the main thread, and starts no other.
import { unavailable } from './connect-options.ts';

export const isMainThread = true;
export const threadId = 0;
export const parentPort = null;
export const workerData = null;
export const resourceLimits = {};

export class Worker {
  constructor() {
    throw unavailable('worker_threads.Worker: a page starts workers of its own kind only');
  }
}

export * as default from './worker-threads.ts';
