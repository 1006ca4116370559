// Who is given raw packets: a host with a TCP listener on port 80 and a UDP socket on port 53, ours or Linux's.
import type { Family } from '../../../core/netstack/hostile/family.ts';

export const TCP_PORT = 80;
export const UDP_PORT = 53;

/** What an application has seen of its connection. */
export interface Seen {
  bytes: number;
  /** The peer's end of the stream. */
  ended: boolean;
  /** It was reset, refused, or is over because of another error. */
  failed: boolean;
}

/** A connection is known by its peer's port. */
export interface Subject {
  /** Before each case: nothing is left of those before. */
  begin(): void;
  /** Forgets what it has been told of paths. */
  forgetPaths(): Promise<void>;
  /** Hands the packets in, one by one, and gives back all that was sent because of them at once. */
  inject(...packets: Uint8Array[]): Promise<Uint8Array[]>;
  /** What is sent in so many ms. */
  wait(milliseconds: number): Promise<Uint8Array[]>;
  /** Opens a connection to the peer; gives back its SYN. */
  connect(family: Family, peerPort: number, localPort: number): Promise<Uint8Array[]>;
  /** Its application has been given the connection. */
  accepted(peerPort: number): Promise<void>;
  write(peerPort: number, bytes: number): Promise<Uint8Array[]>;
  /** Ends the application's direction. */
  shutdown(peerPort: number): Promise<Uint8Array[]>;
  /** Undefined: there is no such connection. */
  seen(peerPort: number): Promise<Seen | undefined>;
  /** The lengths of the messages that the UDP socket has got since the last time. */
  messages(): Promise<number[]>;
  /** Drops the connection. */
  end(peerPort: number): Promise<void>;
}
