import type { Network } from './address.ts';
import type { Mac1 } from './mac1.ts';

/** What of an endpoint counts as WireGuard. */
export type Shape = 'wireguard' | 'sized' | 'off';

/** Of what clients may reach. It covers the addresses of a network, or those that a name has: exactly one of the two. */
export interface Rule {
  readonly network: Network | undefined;
  readonly name: string | undefined;
  /** One address, written down: may also be loopback or one of this host's own. */
  readonly isLiteral: boolean;
  readonly ports: readonly number[];
  /** A name by which clients may ask for it, where it has one endpoint. */
  readonly alias: string | undefined;
  readonly allowsPrivate: boolean;
  readonly allowsListen: boolean;
  /** How many channels to one of its endpoints may be open at a time. */
  readonly maxSessions: number;
  /** Of its endpoint's key, where that is known. */
  readonly mac1: Mac1 | undefined;
  readonly shape: Shape;
}
