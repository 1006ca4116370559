import { IpAddress } from '../core/address.ts';

/** Tells the engine to join or leave a group; resolves when it has. */
export type GroupAction = (action: 'join' | 'leave', address: string) => Promise<void>;

/**
 * The multicast groups that a bound UDP socket hears, in the shape of WICG Direct Sockets. Joining is a filter on our
 * side; the peer must send the group's packets by itself.
 */
export class MulticastController {
  readonly #act: GroupAction;
  readonly #joined: string[] = [];

  /** @internal It comes with `opened`. */
  constructor(act: GroupAction) {
    this.#act = act;
  }

  /** Rejects with a TypeError for what is no multicast group, with a NetworkError for one that cannot be joined. */
  async joinGroup(ipAddress: string): Promise<undefined> {
    const group = groupOf(ipAddress);
    await this.#act('join', group);
    this.#joined.push(group);
  }

  /** Rejects with a TypeError for a group that it has not joined. */
  async leaveGroup(ipAddress: string): Promise<undefined> {
    const group = groupOf(ipAddress);
    if (!this.#joined.includes(group)) throw new TypeError(`The socket has not joined ${group}.`);
    await this.#act('leave', group);
    this.#joined.splice(this.#joined.indexOf(group), 1);
  }

  get joinedGroups(): readonly string[] {
    return Object.freeze([...this.#joined]);
  }
}

function groupOf(text: string): string {
  const address = IpAddress.parse(String(text));
  const first = address?.bytes[0] ?? 0;
  if (!address || !(address.version === 4 ? first >> 4 === 14 : first === 0xff))
    throw new TypeError('A multicast group must be an IP address from 224.0.0.0/4 or ff00::/8.');
  return address.toString();
}
