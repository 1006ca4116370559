// System calls, by name. Each makes an attempt that the runner repeats while it blocks.
import type { Attempt, CallContext, CallTable } from './call-context.ts';
import { DATAGRAM_CALLS, isOnDatagramSocket } from './datagram-calls.ts';
import { OPTION_CALLS } from './option-calls.ts';
import { POLL_CALLS } from './poll-calls.ts';
import { Skip } from './script.ts';
import { SOCKET_CALLS } from './socket-calls.ts';
import { TRANSFER_CALLS } from './transfer-calls.ts';

const CALLS: CallTable = { ...SOCKET_CALLS, ...TRANSFER_CALLS, ...OPTION_CALLS, ...POLL_CALLS };

export function attemptOf(context: CallContext): Attempt {
  // Calls that look at several descriptors do not begin with one.
  const table = isOnDatagramSocket(context) && !(context.call.name in POLL_CALLS) ? DATAGRAM_CALLS : CALLS;
  const make = Object.hasOwn(table, context.call.name) ? table[context.call.name] : undefined;
  if (!make) throw new Skip(`system call ${context.call.name}`);
  return make(context);
}
