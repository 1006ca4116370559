import { IpAddress, isMulticastAt } from '../core/address.ts';
import { invalidState } from './errors.ts';
import { isLoopbackOrUnspecified } from './ip-text.ts';
import { defineInterface, toDictionary, toDomString } from './web-idl.ts';

/** Direct Sockets' MulticastGroupOptions. */
export interface MulticastGroupOptions {
  /** Only what comes from this address is heard (source-specific multicast); absent: what comes from anybody. */
  sourceAddress?: string;
}

/** Direct Sockets' MulticastMembership: a group of which only one source is heard. */
export interface MulticastMembership {
  /** The group, as text. */
  groupAddress: string;
  /** The only one who is heard, as text. */
  sourceAddress: string;
}

/** The socket whose memberships they are. */
export interface GroupSocket {
  /** Nothing of it is left to read and write. */
  readonly isOver: boolean;
  /** Tells the engine; resolves when it has been done. */
  changeGroup(action: 'join' | 'leave', address: string, source: string | undefined): Promise<void>;
}

/**
 * The multicast groups that a bound UDP socket hears, in the shape of WICG Direct Sockets. Joining is a filter on our
 * side; the peer must send the group's packets by itself.
 */
export class MulticastController {
  static {
    defineInterface(MulticastController, 'MulticastController', 0, [
      'joinGroup',
      'leaveGroup',
      'joinedGroups',
    ]);
  }

  readonly #socket: GroupSocket;
  /** Being joined, or left, at this moment. */
  readonly #changing = new Set<string>();
  readonly #joined = new Map<string, string | MulticastMembership>();
  #list: readonly (string | MulticastMembership)[] = Object.freeze([]);

  /** @internal It comes with `opened`. */
  constructor(socket: GroupSocket) {
    this.#socket = socket;
  }

  /**
   * Rejects with a TypeError for what is no multicast group, or no source for it; with an InvalidStateError if it is joined
   * already or the socket is closed; with a NetworkError for a group that cannot be joined (20 are the most of a socket).
   */
  async joinGroup(groupAddress: string, options?: MulticastGroupOptions): Promise<undefined> {
    const { group, source } = membershipOf(groupAddress, options);
    if (!isMulticastAt(group.bytes, 0, group.version))
      throw new TypeError('A multicast group must be an IP address from 224.0.0.0/4 or ff00::/8.');
    if (source) checkSource(source, group);
    const key = keyOf(group, source);
    if (this.#joined.has(key)) throw invalidState(`The socket has joined ${key} already.`);
    await this.#change('join', group, source);
    const groupText = group.toString();
    this.#joined.set(
      key,
      source ? Object.freeze({ groupAddress: groupText, sourceAddress: source.toString() }) : groupText,
    );
    this.#list = Object.freeze([...this.#joined.values()]);
  }

  /** Rejects with a TypeError for what is no address, with an InvalidStateError for a group that it has not joined. */
  async leaveGroup(groupAddress: string, options?: MulticastGroupOptions): Promise<undefined> {
    const { group, source } = membershipOf(groupAddress, options);
    const key = keyOf(group, source);
    if (!this.#joined.has(key)) throw invalidState(`The socket has not joined ${key}.`);
    await this.#change('leave', group, source);
    this.#joined.delete(key);
    this.#list = Object.freeze([...this.#joined.values()]);
  }

  /** In the order in which they were joined: a group's address, or for a group with a source, both. */
  get joinedGroups(): readonly (string | MulticastMembership)[] {
    return this.#list;
  }

  async #change(action: 'join' | 'leave', group: IpAddress, source: IpAddress | undefined): Promise<void> {
    const key = keyOf(group, source);
    if (this.#changing.has(key)) throw invalidState(`The socket is just joining or leaving ${key}.`);
    if (this.#socket.isOver) throw invalidState('The socket is closed.');
    this.#changing.add(key);
    try {
      await this.#socket.changeGroup(action, group.toString(), source?.toString());
    } finally {
      this.#changing.delete(key);
    }
  }
}

function keyOf(group: IpAddress, source: IpAddress | undefined): string {
  return source ? `${group} from ${source}` : group.toString();
}

function membershipOf(
  groupAddress: string,
  options: MulticastGroupOptions | undefined,
): { group: IpAddress; source: IpAddress | undefined } {
  const group = addressOf(groupAddress, 'The group');
  const { sourceAddress } = toDictionary(options);
  return {
    group,
    source: sourceAddress === undefined ? undefined : addressOf(sourceAddress, 'sourceAddress'),
  };
}

function addressOf(text: unknown, what: string): IpAddress {
  const address = IpAddress.parse(toDomString(text));
  if (!address) throw new TypeError(`${what} must be an IP address.`);
  return address;
}

function checkSource(source: IpAddress, group: IpAddress): void {
  if (isMulticastAt(source.bytes, 0, source.version) || isLoopbackOrUnspecified(source))
    throw new TypeError('sourceAddress must be the address of one host.');
  if (source.version !== group.version)
    throw new TypeError('sourceAddress and the group must be of the same family.');
}
