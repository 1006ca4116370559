// What system calls have in common.
import type { Machine } from './machine.ts';
import { type ScriptCall, ScriptFailure } from './script.ts';
import { StreamSocket } from './stream-socket.ts';
import { numberOf, parameter } from './values.ts';

/** What a call returned; `error` is what errno is called then. */
export interface Outcome {
  readonly value: number;
  readonly error?: string;
}

export type Attempt = () => Outcome | 'blocked';

export interface CallContext {
  readonly machine: Machine;
  readonly call: ScriptCall;
  readonly line: number;
}

export type CallTable = Record<string, (context: CallContext) => Attempt>;

export function done(value = 0): Outcome {
  return { value };
}

export function failed(error: string): Outcome {
  return { value: -1, error };
}

/** The socket that the first parameter names. */
export function socketOf({ machine, call, line }: CallContext): StreamSocket {
  const number = numberOf(parameter(call.parameters, 0, line));
  const descriptor = machine.descriptor(number, line);
  if (!(descriptor instanceof StreamSocket))
    throw new ScriptFailure(line, `descriptor ${number} to be a socket`, 'an epoll');
  return descriptor;
}

export function numberAt({ call, line }: CallContext, index: number): number {
  return numberOf(parameter(call.parameters, index, line));
}
