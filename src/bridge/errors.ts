import {
  CallerRangeError,
  CallerTypeError,
  FailedAttempts,
  type Leg,
  type NameFailure,
  type RouteFailure,
  TunnelError,
  type TunnelErrorCode,
} from '../core/errors.ts';

/** A TunnelError as plain data: what is left of it when it crosses a thread. */
export interface PlainError {
  /** As in TunnelError. */
  code: TunnelErrorCode;
  /** One sentence. */
  message: string;
  /** Whether trying the same again later can succeed. */
  retryable: boolean;
  /** Which part of the way failed, where that is known. */
  leg?: Leg | undefined;
  /** Public key (base64) of the peer concerned. */
  peer?: string | undefined;
  /** As in TunnelError. */
  reason?: NameFailure | RouteFailure | undefined;
  /** Of a connection to a name: what became of each address. */
  attempts?:
    | {
        /** As text. */
        address: string;
        /** Why it was no use. */
        error: PlainError;
      }[]
    | undefined;
}

/** A mistake of the caller that only the engine sees, as plain data. It becomes a TypeError or a RangeError again. */
export interface PlainMistake {
  mistake: 'TypeError' | 'RangeError';
  message: string;
}

/** The answer to a call across the thread. Comlink would keep an error's message and lose its code. */
export type Outcome<T> = { value: T } | { error: PlainError | PlainMistake };

/** What was thrown while the engine did what the page asked for. */
export function toPlainAnswer(error: unknown): PlainError | PlainMistake {
  if (error instanceof CallerTypeError) return { mistake: 'TypeError', message: error.message };
  if (error instanceof CallerRangeError) return { mistake: 'RangeError', message: error.message };
  return toPlainError(error);
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof TunnelError) {
    const { code, message, retryable, leg, peer, reason, cause } = error;
    const plain = { code, message, retryable, leg, peer, ...(reason && { reason }) };
    if (!(cause instanceof FailedAttempts)) return plain;
    return {
      ...plain,
      attempts: cause.attempts.map(({ address, error }) => ({ address, error: toPlainError(error) })),
    };
  }
  // A mistake of ours: it must be seen, but its text goes to the page that owns the worker and nowhere else.
  return {
    code: 'ERR_WORKER',
    message: `The engine failed: ${error instanceof Error ? error.message : String(error)}`,
    retryable: false,
  };
}

export function fromPlainError(plain: PlainError): TunnelError {
  const { code, message, retryable, leg, peer, reason, attempts } = plain;
  return new TunnelError(code, message, {
    retryable,
    ...(leg && { leg }),
    ...(peer && { peer }),
    ...(reason && { reason }),
    ...(attempts && {
      cause: new FailedAttempts(
        attempts.map(({ address, error }) => ({ address, error: fromPlainError(error) })),
      ),
    }),
  });
}

export function fromPlainAnswer(error: PlainError | PlainMistake): TunnelError | TypeError | RangeError {
  if (!('mistake' in error)) return fromPlainError(error);
  return error.mistake === 'TypeError' ? new TypeError(error.message) : new RangeError(error.message);
}

/** Runs `work` and turns what it throws into an Outcome. */
export async function outcomeOf<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: toPlainAnswer(error) };
  }
}

/** The value of an Outcome; throws its error. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if ('error' in outcome) throw fromPlainAnswer(outcome.error);
  return outcome.value;
}
