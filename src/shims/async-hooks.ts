// Node's `async_hooks`, as far as it is honest: nothing in a page follows an asynchronous call through to what called it, so a
// resource is its function and no more, and a storage, which would forget, is refused.
import { unavailable } from './connect-options.ts';
import { invalidArgType } from './errors.ts';

type Anything = (...args: never[]) => unknown;

let resources = 0;

/** Node's AsyncResource, whose work runs outside of any context, as all does here. */
export class AsyncResource {
  readonly #id = ++resources;

  constructor(type: string) {
    if (typeof type !== 'string') throw invalidArgType('type', 'of type string', type);
  }

  static bind<Work extends Anything>(work: Work, type = 'bound-anonymous-fn', self?: unknown): Work {
    return new AsyncResource(type).bind(work, self);
  }

  bind<Work extends Anything>(work: Work, self?: unknown): Work {
    const resource = this;
    return function (this: unknown, ...args: never[]) {
      return resource.runInAsyncScope(work, self ?? this, ...(args as Parameters<Work>));
    } as Work;
  }

  runInAsyncScope<Work extends Anything>(
    work: Work,
    self?: unknown,
    ...args: Parameters<Work>
  ): ReturnType<Work> {
    return work.apply(self, args) as ReturnType<Work>;
  }

  emitDestroy(): this {
    return this;
  }

  asyncId(): number {
    return this.#id;
  }

  /** Nobody: no call is known to have made it. */
  triggerAsyncId(): number {
    return 0;
  }
}

export class AsyncLocalStorage {
  constructor() {
    throw unavailable('AsyncLocalStorage: a page cannot tell which asynchronous call a function runs for');
  }
}

export function createHook(): never {
  throw unavailable('async_hooks.createHook: a page tells of no asynchronous calls');
}

/** What Node says outside of every call. */
export const executionAsyncId = (): number => 0;
export const triggerAsyncId = (): number => 0;

export * as default from './async-hooks.ts';
