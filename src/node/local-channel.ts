import type { Channel, Port } from '../bridge/channel.ts';

/** Both sides of it are in this thread: nothing is cloned, and an end costs a fortieth of a MessagePort. */
export function openLocalChannel(): Channel {
  const near = new LocalPort();
  const far = new LocalPort();
  near.connect(far);
  far.connect(near);
  return { near, far };
}

/**
 * Messages arrive in a later turn of the event loop, in the order in which they were posted, on all channels together.
 * Whoever posts an object gives it away.
 */
class LocalPort implements Port {
  #other: LocalPort | undefined;
  #listener: Port['onmessage'] = null;
  /** What came before there was a listener; undefined once there was one. */
  #early: unknown[] | undefined = EMPTY;

  connect(other: LocalPort): void {
    this.#other = other;
  }

  get onmessage(): Port['onmessage'] {
    return this.#listener;
  }

  set onmessage(listener: Port['onmessage']) {
    this.#listener = listener;
    const early = this.#early;
    if (!listener || !early) return;
    this.#early = undefined;
    for (const message of early) deliverLater(this, message);
  }

  postMessage(message: unknown): void {
    if (this.#other) deliverLater(this.#other, message);
  }

  close(): void {
    this.#other = undefined;
    this.#listener = null;
    this.#early = undefined;
  }

  deliver(data: unknown): void {
    if (this.#early === EMPTY) this.#early = [data];
    else if (this.#early) this.#early.push(data);
    else this.#listener?.({ data } as MessageEvent);
  }
}

/** Shared by all ports to which nothing has come yet. */
const EMPTY: unknown[] = [];

let queue: { port: LocalPort; message: unknown }[] = [];

function deliverLater(port: LocalPort, message: unknown): void {
  queue.push({ port, message });
  if (queue.length === 1) setImmediate(deliverAll);
}

/** What is posted meanwhile waits for the next turn. A listener that throws takes nothing from the others. */
function deliverAll(): void {
  const delivered = queue;
  queue = [];
  for (const [index, { port, message }] of delivered.entries()) {
    try {
      port.deliver(message);
    } catch (error) {
      queue.unshift(...delivered.slice(index + 1));
      if (queue.length > 0) setImmediate(deliverAll);
      throw error;
    }
  }
}
