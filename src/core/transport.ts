import type { DropCounters } from './counters.ts';
import type { Endpoint } from './endpoint.ts';
import type { TunnelError } from './errors.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import type { Instant, Millis } from './time.ts';

/**
 * What carries outer datagrams: a relay's WebSocket, UDP sockets, or a test link. Datagrams may be lost,
 * repeated and reordered on the way; a transport never holds one back to make it reliable.
 */
export interface DatagramTransport {
  /** Whom to tell what arrives and what changes; where something is going on already, the state at once. Set once, before anything is sent. */
  receiver: DatagramReceiver | undefined;
  /** Endpoints will be asked for: connects now, where there is something to connect to. */
  begin?(): void;
  /** The endpoint at `host` (an IP address or a name) and `port`: the same object for the same place. */
  endpointFor(host: string, port: number): Endpoint;
  /** No peer is there any more: what is held for the endpoint is let go. Asked for again, it is a new one. */
  release(endpoint: Endpoint): void;
  /** Takes a copy of a lent datagram. It may stay in the current batch until `flush`. */
  send(datagram: PacketBuffer, endpoint: Endpoint): void;
  /** Ends a batch: what was taken leaves now. */
  flush(): void;
  /** The way out is full: TCP and UDP pause until `receiver.uncongested()`. */
  readonly congested: boolean;
  /** While it is full: whether what is short and in a hurry may leave all the same. Absent: it may not. */
  readonly takesShort?: boolean;
  /** What has not reached the relay yet, in bytes, as far as is known. Absent where the system hides it. */
  readonly queuedBytes?: number;
  /** The least round trip to the relay of late, in ms: what it takes while nothing waits. Absent where none is measured. */
  readonly roundTrip?: Millis | undefined;
  readonly drops: DropCounters<TransportDropReason>;
  /** The UDP port that we hear on, where it is ours and known. */
  readonly localPort?: number | undefined;
  /**
   * Moves to another UDP port, 0 for any free one; `receiver.reconnected()` follows. If that fails (ERR_ADDRESS_IN_USE)
   * all is as it was. Absent where the port is not ours to choose.
   */
  listenOn?(port: number): Promise<void>;
  /** Final and at once. Nothing reaches the receiver afterwards. */
  close(): void;
}

/** Whom a transport tells. None of these calls may call back into the transport except to send and flush. */
export interface DatagramReceiver {
  /** A datagram, lent, in the engine's ingress region. */
  receiveDatagram(datagram: PacketBuffer, from: Endpoint): void;
  /** The last of a batch was handed in: time to settle once. */
  endBatch(): void;
  /** Our outer address changed, and with it the way back to us. */
  reconnected(): void;
  /** The transport lost what it knew of the session with this endpoint; only a new handshake brings it back. */
  handshakeNeeded(endpoint: Endpoint): void;
  /** The way out has room again. */
  uncongested(): void;
  transportState(state: TransportState): void;
}

export type TransportDropReason =
  /** Data beyond what the way out may hold. */
  | 'congested'
  /** There is no connection to the relay, or it broke with this still in it. */
  | 'not_connected'
  /** The endpoint's name has no address yet. */
  | 'unresolved'
  /** The relay, or the system, does not take datagrams of this size. */
  | 'too_big'
  /** The system refused to send it. */
  | 'send_failed'
  /** The relay refuses this endpoint, or we cannot reach its address family. */
  | 'no_endpoint'
  /** From the relay: not a message of the protocol. */
  | 'bad_message'
  /** For a channel that we have not opened. */
  | 'unknown_channel'
  /** From a place that we know no endpoint for, with the table of endpoints full. */
  | 'unknown_source';

/** What every state tells, as far as it is known. */
interface TransportFacts {
  /** `udp`, or the URL of the relay in use. */
  readonly via: string;
  /** Endpoints that cannot be reached at present, though the transport itself may work. */
  readonly problems: readonly EndpointProblem[];
  /** What is not as configured with endpoints that can be reached all the same. */
  readonly notices?: readonly EndpointProblem[];
}

export interface EndpointProblem {
  readonly endpoint: Endpoint;
  readonly error: TunnelError;
}

export type TransportState =
  | (TransportFacts & { readonly state: 'connecting' })
  | (TransportFacts & {
      readonly state: 'open';
      /** Round trip to the relay; undefined while unmeasured, and for UDP. */
      readonly rtt: Millis | undefined;
      /**
       * The UDP port from which the relay (or this host) sends, per endpoint: what the other side shows, and what it sets
       * as our endpoint's port to call us.
       */
      readonly localPorts: ReadonlyMap<Endpoint, number>;
    })
  /** Broken; tries again at `retryAt`. */
  | (TransportFacts & { readonly state: 'waiting'; readonly error: TunnelError; readonly retryAt: Instant })
  /** Closed for want of traffic; the next datagram connects again. */
  | (TransportFacts & { readonly state: 'idle' })
  /** Refused in a way that trying again does not cure. */
  | (TransportFacts & { readonly state: 'failed'; readonly error: TunnelError });
