/** The `error` event: the standard's says nothing, this one says why. */
export class WebSocketErrorEvent extends Event {
  /** One sentence. */
  readonly message: string;
  /** The TunnelError where the tunnel failed; else an Error with a sentence about what the server did. */
  readonly error: unknown;

  /** @internal It comes with `error`. */
  constructor(error: unknown) {
    super('error');
    this.error = error;
    this.message = error instanceof Error ? error.message : String(error);
  }
}

/** The platform's CloseEvent, or what one is where there is none (Node 20). */
export function closeEvent(init: { wasClean: boolean; code: number; reason: string }): CloseEvent {
  if (typeof CloseEvent === 'function') return new CloseEvent('close', init);
  const event = new Event('close');
  return Object.defineProperties(event, {
    wasClean: { value: init.wasClean, enumerable: true },
    code: { value: init.code, enumerable: true },
    reason: { value: init.reason, enumerable: true },
  }) as unknown as CloseEvent;
}

/** What a WebSocket dispatches. */
export interface WebSocketEvents {
  /** It is open. */
  open: Event;
  /** `data` is text, or bytes as `binaryType` says. */
  message: MessageEvent;
  /** It failed; `close` follows. */
  error: WebSocketErrorEvent;
  /** It is over; comes last, once. */
  close: CloseEvent;
}

/** What an `on…` member holds. */
export type Handler<Type extends keyof WebSocketEvents> = ((event: WebSocketEvents[Type]) => unknown) | null;

/** The `on…` members of an EventTarget, each a listener in the place where it was first set, as HTML has it. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #handlers = new Map<string, Handler<never>>();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  get<Type extends keyof WebSocketEvents>(type: Type): Handler<Type> {
    return (this.#handlers.get(type) ?? null) as Handler<Type>;
  }

  set<Type extends keyof WebSocketEvents>(type: Type, handler: Handler<Type>): void {
    const isNew = !this.#handlers.has(type);
    this.#handlers.set(type, typeof handler === 'function' ? handler : null);
    if (!isNew) return;
    this.#target.addEventListener(type, (event) => {
      this.#handlers.get(type)?.call(this.#target as never, event as never);
    });
  }
}
