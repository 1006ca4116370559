// Node's `events`: the package of that name. The module is its EventEmitter, a function, and has everything else on it.
import events from 'events';

export const { EventEmitter, once, defaultMaxListeners } = events;
export { events as default };

/** Names of Node's that the package has not. */
export const errorMonitor: unique symbol = (events.errorMonitor ?? Symbol('events.errorMonitor')) as never;
export const captureRejectionSymbol = Symbol.for('nodejs.rejection');

export function listenerCount(emitter: events.EventEmitter, event: string | symbol): number {
  return emitter.listenerCount(event);
}

export function getEventListeners(emitter: events.EventEmitter, event: string | symbol): unknown[] {
  return emitter.listeners(event);
}

export function setMaxListeners(
  count: number,
  ...targets: { setMaxListeners?(count: number): unknown }[]
): void {
  for (const target of targets) target.setMaxListeners?.(count);
}
