import type { Duplex } from 'node:stream';
import type { SecureDuplex, TlsCipher } from '../client/tls.ts';
import type { ConnectOptions } from './connect-options.ts';
import { defaultTls, type TlsLayer } from './default-tunnel.ts';
import { pairOf } from './duplex-pair.ts';
import { codedError } from './errors.ts';
import { isIP } from './ip.ts';
import { nextTick } from './next-tick.ts';
import { SecureHandle } from './secure-handle.ts';
import { checkServerIdentity } from './server-identity.ts';
import { Socket } from './socket.ts';

/** What `tls.connect` takes, under Node's names. */
export interface SecureOptions extends ConnectOptions {
  /** A stream that is there already, any; otherwise one is made by host and port. */
  socket?: Duplex;
  /** Whom the certificate must name; default: the host, if it is a name. */
  servername?: string;
  /** Protocols to offer, the best first. */
  ALPNProtocols?: readonly string[];
  /** Asked beside the layer, which has checked it: an Error ends the connection. What a layer does not tell is missing there. */
  checkServerIdentity?: (hostname: string, certificate: object) => Error | undefined;
  /** False would mean to speak to anybody, which no layer is asked to do. */
  rejectUnauthorized?: boolean;
  /** In place of the one that `setDefaultTunnel` was given. */
  tls?: TlsLayer;
}

/** What a connection that is made here tells before it is secure. */
const BELOW = ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout', 'ready'];

/** Node's tls.TLSSocket: what the layer of TLS makes of a stream. */
export class TLSSocket extends Socket {
  /** True, to tell it from other sockets. */
  readonly encrypted = true;
  /** Whether the layer knows the other side, and `checkServerIdentity` has nothing against it. */
  authorized = false;
  /** Of what `checkServerIdentity` said, code or message: a layer that does not trust the other side fails. */
  authorizationError: string | null = null;
  /** What was agreed on: false for nothing, null before 'secureConnect'. */
  alpnProtocol: string | false | null = null;
  /** The name that the server was asked for; false for none, null before 'secureConnect'. */
  servername: string | false | null = null;
  /** Until 'secureConnect'. */
  secureConnecting = true;
  readonly #options: SecureOptions;
  readonly #under: Duplex;
  readonly #handle: SecureHandle;
  /** What the layer told, of a connection that lasts. */
  #secured: SecureDuplex | undefined;

  /** `socket` may be any stream that is there already; absent: one is made by host and port. */
  constructor(socket: Duplex | undefined, options: SecureOptions = {}) {
    super({ allowHalfOpen: options.allowHalfOpen ?? false });
    this.#options = options;
    this.#under = socket ?? new Socket();
    this.#handle = new SecureHandle(this.#under);
  }

  /** @internal Begins the handshake, when there is a connection below. */
  start(): void {
    const under = this.#under;
    if (!this.#options.socket) {
      if (this.#options.timeout) this.setTimeout(this.#options.timeout);
      const { timeout: _, ...options } = this.#options;
      (under as Socket).connect(options);
    }
    this.connecting = Boolean((under as { connecting?: boolean }).connecting);
    const connected = this.connecting ? this.#connected() : Promise.resolve();
    // Without a layer nobody waits for it.
    connected.catch(() => {});
    this.adopt(this.#handle);
    this.#secure(connected).catch((error: Error) => nextTick(() => this.destroy(error)));
  }

  /** As the layer told it; empty if it did not, or not yet, null at the end. With `detailed`, its issuers too. */
  getPeerCertificate(detailed = false): object | null {
    if (this.destroyed) return null;
    const certificate: object & { issuerCertificate?: unknown } = this.#secured?.certificate ?? {};
    if (detailed) return certificate;
    const { issuerCertificate: _, ...own } = certificate;
    return own;
  }

  /** As the layer told it; undefined if it did not, or not yet, null at the end. */
  getCipher(): Required<TlsCipher> | undefined | null {
    if (this.destroyed) return null;
    const { cipher, protocol = '' } = this.#secured ?? {};
    if (!cipher) return undefined;
    const { name, standardName = name, version = protocol } = cipher;
    return { name, standardName, version };
  }

  /** As the layer told it, such as `TLSv1.3`; null if it did not, or not yet. */
  getProtocol(): string | null {
    return (!this.destroyed && this.#secured?.protocol) || null;
  }

  /** Undefined: no session is kept. */
  getSession(): undefined {
    return undefined;
  }

  /** False, likewise. */
  isSessionReused(): boolean {
    return false;
  }

  /** @internal Of the stream. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#under.destroy();
    super._destroy(error, callback);
  }

  /** When there is a connection below. */
  #connected(): Promise<void> {
    const under = this.#under;
    return new Promise((resolve, reject) => {
      under.once('error', reject);
      under.once('connect', () => {
        this.connecting = false;
        this.emit('connect');
        resolve();
      });
      if (this.#options.socket) return;
      for (const event of BELOW) under.on(event, (...args: unknown[]) => this.emit(event, ...args));
    });
  }

  async #secure(connected: Promise<void>): Promise<void> {
    const tls = this.#layer();
    await connected;
    const { ALPNProtocols = [] } = this.#options;
    const hostname = this.#hostname();
    const secured = await tls(pairOf(this.#under), { serverName: hostname, alpn: [...ALPNProtocols] });
    if (this.destroyed) return;
    this.#secured = secured;
    this.servername = isIP(hostname) === 0 && hostname;
    this.alpnProtocol = secured.alpn ?? false;
    const refusal = this.#refusal(hostname);
    if (refusal) {
      this.authorizationError = (refusal as { code?: string }).code ?? refusal.message;
      this.destroy(refusal);
    } else {
      this.authorized = true;
      this.secureConnecting = false;
      this.#handle.secured(secured);
      this.emit('secureConnect');
    }
    // In Node, it is a listener of this event who says the other.
    this.emit('secure');
  }

  /** Throws ERR_TLS_UNAVAILABLE. */
  #layer(): TlsLayer {
    const { rejectUnauthorized, tls = defaultTls() } = this.#options;
    const code = 'ERR_TLS_UNAVAILABLE';
    if (!tls)
      throw codedError(Error, code, 'There is no TLS layer: give one to setDefaultTunnel(tunnel, { tls }).');
    if (rejectUnauthorized !== false) return tls;
    const refused = 'rejectUnauthorized: false is not supported: the TLS layer always checks who answers.';
    throw codedError(Error, code, refused);
  }

  /** Whom the certificate must be for, as Node finds it. */
  #hostname(): string {
    const { servername, host, socket } = this.#options;
    return servername || host || (socket as { _host?: string | null } | undefined)?._host || 'localhost';
  }

  #refusal(hostname: string): Error | undefined {
    const { checkServerIdentity: check = checkServerIdentity } = this.#options;
    return check(hostname, this.getPeerCertificate(true)!);
  }
}
