import type { Dialed, Dialer } from './dialer.ts';
import { socketError } from './errors.ts';
import { destinationOf, type SocketAddress } from './socket-address.ts';
import { SocketStreams } from './socket-streams.ts';
import type { TlsOptions } from './tls.ts';

/** Without TLS, with TLS from the first byte, or with TLS when `startTls` is called (WinterTC Sockets API). */
export type SecureTransport = 'off' | 'on' | 'starttls';

/** What TLS is to ask for (WinterTC Sockets API). */
export interface TlsSocketOptions {
  /** The name that the certificate must be for; absent: the hostname. */
  sni?: string;
  /** Application protocols to offer, the best first. */
  alpn?: string[];
}

/** SocketOptions of the WinterTC Sockets API. */
export interface SocketOptions extends TlsSocketOptions {
  /** Default `off`. `on` needs the TLS layer of `Tunnel.open`: ERR_TLS_UNAVAILABLE without it. */
  secureTransport?: SecureTransport;
  /** False: when the peer ends its side, ours ends too. */
  allowHalfOpen?: boolean;
}

/** What `opened` of a Socket resolves with (WinterTC Sockets API). */
export interface SocketInfo {
  /** `host:port`, an IPv6 address in brackets. */
  remoteAddress: string;
  /** Our end, likewise. */
  localAddress: string;
  /** What TLS agreed on; null without TLS. */
  alpn: string | null;
}

/** A TCP connection in the shape of the WinterTC Sockets API. Made by `tunnel.connect`. */
export class Socket {
  /** A byte stream; BYOB readers work. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** What is written before the connection is open waits for it. */
  readonly writable: WritableStream<BufferSource>;
  /** Rejects with a SocketError (a TypeError) whose `cause` says why. */
  readonly opened: Promise<SocketInfo>;
  /** As it was asked for. */
  readonly secureTransport: SecureTransport;
  readonly #origin: SocketOrigin;
  readonly #opening: Promise<Dialed>;
  readonly #streams: SocketStreams;
  #isUpgraded = false;
  #isClosing = false;
  #isOpen = false;

  /** @internal Use `tunnel.connect(address, options)`. */
  constructor(origin: SocketOrigin, opening: Promise<Dialed>) {
    this.#origin = origin;
    this.#opening = opening;
    this.secureTransport = origin.secureTransport;
    this.#streams = new SocketStreams(opening, origin);
    this.readable = this.#streams.readable;
    this.writable = this.#streams.writable;
    this.opened = opening.then(
      ({ remoteAddress, localAddress, alpn }) => {
        this.#isOpen = true;
        return { remoteAddress, localAddress, alpn };
      },
      (error: unknown) => {
        throw socketError(error);
      },
    );
    this.opened.catch(() => {});
  }

  /** Settles when both directions are over; rejects with a SocketError when the connection failed. */
  get closed(): Promise<undefined> {
    return this.#streams.closed;
  }

  /** Whether `startTls` has made another socket of this one. */
  get upgraded(): boolean {
    return this.#isUpgraded;
  }

  /**
   * Ends both directions, whoever holds their locks: `readable` is cancelled and `writable` aborted with `reason`. What the
   * connection has taken is still delivered. Before it is open, `opened` rejects and the attempt is given up. It gives
   * `closed`, which rejects with a SocketError when the connection failed.
   */
  close(reason?: unknown): Promise<undefined> {
    if (this.#isClosing || this.#isUpgraded) return this.closed;
    this.#isClosing = true;
    this.#streams.close(reason);
    if (!this.#isOpen) this.#origin.attempt.abort(socketError('The socket was closed before it was open.'));
    return this.closed;
  }

  /**
   * The same connection with TLS on it, as a new socket; this one's `closed` resolves. Only once, only with
   * `secureTransport: 'starttls'`, and only while neither stream is locked: throws a SocketError otherwise.
   */
  startTls({ sni, alpn }: TlsSocketOptions = {}): Socket {
    if (this.secureTransport !== 'starttls')
      throw socketError('startTls needs a socket that was opened with secureTransport: "starttls".');
    if (this.#isUpgraded) throw socketError('startTls can be called only once.');
    if (this.#isClosing) throw socketError('The socket is closed.');
    if (this.#streams.isLocked)
      throw socketError('A reader or a writer is still attached: release its lock first.');
    this.#isUpgraded = true;
    const { readable, writable } = this;
    this.#streams.handOver();
    const options = { serverName: sni ?? this.#origin.hostname, alpn: alpn ?? [] };
    const opening = this.#opening.then((plain) =>
      this.#origin.dialer.secure({ ...plain, readable, writable }, options),
    );
    return new Socket({ ...this.#origin, secureTransport: 'on' }, opening);
  }
}

/** Where a socket comes from, which one made of it by `startTls` shares. */
export interface SocketOrigin {
  readonly dialer: Dialer;
  readonly hostname: string;
  readonly secureTransport: SecureTransport;
  readonly allowHalfOpen: boolean;
  /** Gives the attempt to connect up. */
  readonly attempt: AbortController;
}

/** Returns at once; throws a TypeError for an address or an option that is none. */
export function connect(
  dialer: Dialer,
  address: string | SocketAddress,
  options: SocketOptions = {},
): Socket {
  const destination = destinationOf(address);
  const secureTransport = secureTransportOf(options);
  const attempt = new AbortController();
  const opening = dialer.dial(destination, {
    signal: attempt.signal,
    secure: secureTransport === 'on' ? tlsOptionsOf(options, destination.hostname) : undefined,
  });
  const { hostname } = destination;
  const allowHalfOpen = Boolean(options.allowHalfOpen);
  return new Socket({ dialer, hostname, secureTransport, allowHalfOpen, attempt }, opening);
}

function tlsOptionsOf({ sni, alpn }: TlsSocketOptions, hostname: string): TlsOptions {
  return { serverName: sni ?? hostname, alpn: alpn ?? [] };
}

function secureTransportOf({ secureTransport = 'off', sni, alpn }: SocketOptions): SecureTransport {
  if (secureTransport !== 'off' && secureTransport !== 'on' && secureTransport !== 'starttls')
    throw new TypeError('secureTransport must be "off", "on" or "starttls".');
  if (secureTransport === 'off' && (sni !== undefined || alpn !== undefined))
    throw new TypeError('sni and alpn are for TLS: they need secureTransport "on" or "starttls".');
  return secureTransport;
}
