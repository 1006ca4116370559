// Node's four calls about multicast groups.
import { IpAddress, isMulticastAt } from '../core/address.ts';
import { codedError, invalidArgType, systemError } from './errors.ts';
import { isIP } from './ip.ts';

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

/** The groups that a socket has joined, by the interfaces that it named: a tunnel is one, where a machine has several. */
export class Memberships {
  readonly #interfaces = new Map<string, Set<string>>();

  /** Whether the engine has to hear of it. Throws what the system's call would have failed with on Linux. */
  change({ syscall, group, source }: GroupCall, version: 4 | 6, on = ''): boolean {
    const address = IpAddress.parse(group);
    const from = source === undefined ? undefined : IpAddress.parse(source);
    const isSound = [address, ...(source === undefined ? [] : [from])].every(
      (each) => each?.version === version,
    );
    if (!isSound || !isMulticastAt(address!.bytes, 0, version) || (on !== '' && isIP(on) === 0))
      throw systemError('EINVAL', syscall);
    const key = `${address} ${from ?? ''}`;
    const interfaces = this.#interfaces.get(key) ?? new Set();
    return syscall.startsWith('add')
      ? this.#join(syscall, key, interfaces, on)
      : this.#leave(syscall, key, interfaces, on);
  }

  #join(syscall: string, key: string, interfaces: Set<string>, on: string): boolean {
    if (interfaces.has(on)) throw systemError(key.endsWith(' ') ? 'EADDRINUSE' : 'EADDRNOTAVAIL', syscall);
    this.#interfaces.set(key, interfaces.add(on));
    return interfaces.size === 1;
  }

  #leave(syscall: string, key: string, interfaces: Set<string>, on: string): boolean {
    if (!interfaces.delete(on)) throw systemError(this.#faultOfLeaving(key), syscall);
    if (interfaces.size > 0) return false;
    return this.#interfaces.delete(key);
  }

  /** A source of a group of which there is none has another word. */
  #faultOfLeaving(key: string): 'EINVAL' | 'EADDRNOTAVAIL' {
    const [group, source] = key.split(' ') as [string, string];
    const hasGroup = [...this.#interfaces.keys()].some((joined) => joined.startsWith(`${group} `));
    return source !== '' && !hasGroup ? 'EINVAL' : 'EADDRNOTAVAIL';
  }
}
