// Node's `diagnostics_channel`.
import { nextTick } from './next-tick.ts';

type Listener = (message: unknown, name: string | symbol) => void;

export class Channel {
  readonly name: string | symbol;
  readonly #listeners = new Set<Listener>();

  constructor(name: string | symbol) {
    this.name = name;
  }

  get hasSubscribers(): boolean {
    return this.#listeners.size > 0;
  }

  subscribe(listener: Listener): void {
    this.#listeners.add(listener);
  }

  unsubscribe(listener: Listener): boolean {
    return this.#listeners.delete(listener);
  }

  /** A listener that throws is reported, and the others are told. */
  publish(message: unknown): void {
    for (const listener of this.#listeners)
      try {
        listener(message, this.name);
      } catch (error) {
        nextTick(() => {
          throw error as Error;
        });
      }
  }
}

const channels = new Map<string | symbol, Channel>();

export function channel(name: string | symbol): Channel {
  let found = channels.get(name);
  if (!found) channels.set(name, (found = new Channel(name)));
  return found;
}

export const hasSubscribers = (name: string | symbol): boolean => channel(name).hasSubscribers;
export const subscribe = (name: string | symbol, listener: Listener): void =>
  channel(name).subscribe(listener);
export const unsubscribe = (name: string | symbol, listener: Listener): boolean =>
  channel(name).unsubscribe(listener);

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
type Channels = Record<(typeof EVENTS)[number], Channel>;

/** Five channels around one piece of work. */
export function tracingChannel(name: string) {
  const all = Object.fromEntries(
    EVENTS.map((event) => [event, channel(`tracing:${name}:${event}`)]),
  ) as Channels;
  return {
    ...all,
    get hasSubscribers(): boolean {
      return EVENTS.some((event) => all[event].hasSubscribers);
    },
    subscribe(listeners: Partial<Record<keyof Channels, Listener>>): void {
      for (const event of EVENTS) if (listeners[event]) all[event].subscribe(listeners[event]);
    },
    unsubscribe(listeners: Partial<Record<keyof Channels, Listener>>): void {
      for (const event of EVENTS) if (listeners[event]) all[event].unsubscribe(listeners[event]);
    },
    traceSync<Result>(work: () => Result, context: Record<string, unknown> = {}): Result {
      all.start.publish(context);
      try {
        const result = work();
        context.result = result;
        return result;
      } catch (error) {
        context.error = error;
        all.error.publish(context);
        throw error as Error;
      } finally {
        all.end.publish(context);
      }
    },
    async tracePromise<Result>(
      work: () => Promise<Result>,
      context: Record<string, unknown> = {},
    ): Promise<Result> {
      all.start.publish(context);
      const working = work();
      all.end.publish(context);
      try {
        const result = await working;
        context.result = result;
        return result;
      } catch (error) {
        context.error = error;
        all.error.publish(context);
        throw error as Error;
      } finally {
        all.asyncStart.publish(context);
        all.asyncEnd.publish(context);
      }
    },
  };
}

export * as default from './diagnostics-channel.ts';
