import { TunnelError } from '../core/errors.ts';

/** Two directions of bytes: what a TCP connection is to its user, and a TLS connection over it too. */
export interface Duplex {
  /** What comes in. */
  readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** What goes out; closing it ends our side. */
  writable: WritableStream<BufferSource>;
}

/** What a TLS layer is asked for with a connection. */
export interface TlsOptions {
  /** Who the certificate must be for. A name is sent as SNI; an address is not (RFC 6066 §3). */
  serverName: string;
  /** Application protocols to offer, the best first. */
  alpn: string[];
}

/** A suite of ciphers: `name` is OpenSSL's, `standardName` IANA's, `version` the first that has it; of TLS 1.3, the two are the same. */
export interface TlsCipher {
  /** As `ECDHE-RSA-AES128-GCM-SHA256`. */
  name: string;
  /** As `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`; default: the name. */
  standardName?: string;
  /** As `TLSv1.2`; default: the connection's. */
  version?: string;
}

/**
 * What is inside a TLS connection. All but the streams is for who asks, such as the stand-in of Node's `tls`: what a layer does
 * not tell is unknown there.
 */
export interface SecureDuplex extends Duplex {
  /** The application protocol that was agreed on, if one was. */
  alpn?: string | null | undefined;
  /** The version, as `TLSv1.3`. */
  protocol?: string | undefined;
  /** What encrypts. */
  cipher?: TlsCipher | undefined;
  /** The other side's certificate, as Node's getPeerCertificate(true) has it: `subject`, `subjectaltname`, `raw`, `issuerCertificate` … */
  certificate?: object | undefined;
}

/**
 * A TLS layer, given to `Tunnel.open`: makes a handshake over the connection, and resolves with what is inside. Where it
 * rejects, the connection is ended, and whoever asked for it fails with the same error as `cause`: a TunnelError with
 * ERR_TLS_CERTIFICATE, if the certificate is the reason.
 */
export type TlsHook = (connection: Duplex, options: TlsOptions) => Promise<SecureDuplex>;

/** What `https:`, `wss:` and `secureTransport` fail with as long as nobody gave a TLS layer. */
export function tlsUnavailable(): TunnelError {
  return new TunnelError(
    'ERR_TLS_UNAVAILABLE',
    'This version has no TLS of its own: give one to Tunnel.open as `tls`, or use the protocol without TLS; the tunnel encrypts the way to the peer.',
  );
}
