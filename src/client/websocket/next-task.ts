/** Node's: a port keeps the process while somebody waits for it. */
type Port = MessagePort & { ref?(): void; unref?(): void };

const waiting: (() => void)[] = [];
let ports: { near: Port; far: Port } | undefined;

/**
 * A later task, which no timer's minimum delays: whoever awaits what an event settled has run by then, as between two events
 * of a browser's own.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    ports ??= open();
    ports.far.ref?.();
    ports.near.postMessage(undefined);
  });
}

function open(): { near: Port; far: Port } {
  const { port1: near, port2: far } = new MessageChannel() as { port1: Port; port2: Port };
  far.onmessage = () => {
    waiting.shift()?.();
    if (waiting.length === 0) far.unref?.();
  };
  return { near, far };
}
