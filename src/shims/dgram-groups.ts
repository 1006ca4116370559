// Node's four calls about multicast groups, over the controller that a bound socket has.
import type { MulticastController } from '../client/multicast-controller.ts';
import { codedError, invalidArgType, systemError, toSystemError } from './errors.ts';

export interface GroupCall {
  readonly syscall:
    | 'addMembership'
    | 'dropMembership'
    | 'addSourceSpecificMembership'
    | 'dropSourceSpecificMembership';
  readonly group: string;
  readonly source?: string;
}

/** Throws ERR_MISSING_ARGS or ERR_INVALID_ARG_TYPE, as Node does. */
export function membershipOf(syscall: 'addMembership' | 'dropMembership', group: unknown): GroupCall {
  if (!group)
    throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "multicastAddress" argument must be specified');
  if (typeof group !== 'string') throw invalidArgType('multicastAddress', 'of type string', group);
  return { syscall, group };
}

/** Likewise, of one source. */
export function sourceMembershipOf(
  syscall: 'addSourceSpecificMembership' | 'dropSourceSpecificMembership',
  source: unknown,
  group: unknown,
): GroupCall {
  if (typeof source !== 'string') throw invalidArgType('sourceAddress', 'of type string', source);
  if (typeof group !== 'string') throw invalidArgType('groupAddress', 'of type string', group);
  return { syscall, group, source };
}

/** Rejects with what the system's call would have failed with. */
export async function changeGroup(controller: MulticastController, call: GroupCall): Promise<void> {
  const { syscall, group, source } = call;
  const isJoining = syscall.startsWith('add');
  const options = source === undefined ? {} : { sourceAddress: source };
  try {
    if (isJoining) await controller.joinGroup(group, options);
    else await controller.leaveGroup(group, options);
  } catch (reason) {
    const code = faultOf(reason, isJoining);
    throw code ? systemError(code, syscall, {}, reason) : toSystemError(reason, syscall);
  }
}

/** What Linux calls a membership that cannot be had or given back. */
function faultOf(reason: unknown, isJoining: boolean): 'EINVAL' | 'EADDRINUSE' | 'EADDRNOTAVAIL' | undefined {
  if (reason instanceof TypeError) return 'EINVAL';
  if ((reason as Error).name !== 'InvalidStateError') return undefined;
  return isJoining ? 'EADDRINUSE' : 'EADDRNOTAVAIL';
}
