/** One end of a channel between page and engine: as much of a MessagePort as is used of it. */
export interface Port {
  /** What comes before it is set waits. */
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer?: Transferable[]): void;
  /** What was posted still arrives. */
  close(): void;
}

/** Two ends. The far one is for the other side: it goes there in a call or in a message. */
export interface Channel {
  readonly near: Port;
  readonly far: Port;
}

/** A channel that crosses threads. */
export function openMessageChannel(): Channel {
  const { port1, port2 } = new MessageChannel();
  return { near: port1, far: port2 };
}
