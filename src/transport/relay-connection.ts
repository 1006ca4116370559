// The WebSocket to one of several relays, which comes and goes: tokens, tickets, what follows a close, when to try again.
import type { Clock } from '../core/clock.ts';
import type { TunnelError } from '../core/errors.ts';
import type { Instant, Millis } from '../core/time.ts';
import { CLOSE_SESSION_OVER, CLOSE_TOKEN, SUBPROTOCOL } from '../core/wire/relay.ts';
import { Backoff, MAX_BACKOFF } from './backoff.ts';
import { askRelay } from './relay-check.ts';
import { afterClose, connectionLost, refusedConnection, unreachable } from './relay-errors.ts';
import type { RelayTransportHost, WebSocketLike } from './relay-host.ts';
import { RelaySuccessor } from './relay-successor.ts';
import { RelayTicket } from './relay-ticket.ts';
import { RelayToken, type TokenSource, tokenMissing } from './relay-token.ts';
import { RelayUrls } from './relay-urls.ts';
import { RetiredSocket } from './retired-socket.ts';

/**
 * With a ticket, so many more attempts are made before the backoff grows, a quarter of a second apart on the average: TCP inside
 * waits twice as long each time, so that whoever misses its attempt after 3.4 s misses six.
 */
const QUICK_ATTEMPTS = 20;
const CONNECT_TIMEOUT: Millis = 10_000;
/** A token may need its user to log in somewhere. */
const TOKEN_TIMEOUT: Millis = 120_000;

export interface ConnectionOptions {
  /** In the order in which they are tried. */
  readonly urls: readonly string[];
  readonly token: TokenSource | undefined;
  readonly clock: Clock;
  readonly host: RelayTransportHost;
}

export interface ConnectionOwner {
  /** Whether somebody may call at any time, so that there must be a connection. */
  readonly listens: boolean;
  /** A WebSocket, not open yet. */
  attached(socket: WebSocketLike): void;
  /** It is open. `resume`: what is to be said first. */
  opened(resume: Uint8Array | undefined): void;
  /** `isCurrent`: not from a connection that we left. */
  received(data: unknown, isCurrent: boolean): void;
  /** What was collected leaves: another WebSocket comes. */
  flush(): void;
  /** We let go of the WebSocket; what waits was meant for it and dies with it. */
  detached(): void;
  /** Something of what it tells is different. */
  changed(): void;
  /** No relay will have us. */
  gaveUp(): void;
}

export class RelayConnection {
  phase: 'idle' | 'connecting' | 'open' | 'waiting' | 'failed' | 'closed' = 'idle';
  /** Why it waits, or failed. */
  error: TunnelError | undefined;
  retryAt: Instant = 0;
  readonly #owner: ConnectionOwner;
  readonly #clock: Clock;
  readonly #host: RelayTransportHost;
  readonly #urls: RelayUrls;
  readonly #token: RelayToken;
  readonly #ticket = new RelayTicket();
  readonly #successor: RelaySuccessor;
  readonly #retired: RetiredSocket;
  readonly #backoff: Backoff;
  /** The relay is about to close. */
  #mustMove = false;
  #socket: WebSocketLike | undefined;
  #openedAt: Instant = 0;
  /** Counts connections begun, so that a token that comes too late finds out. */
  #attempt = 0;
  #retryNotBefore: Millis = 0;
  /** Relays that are being asked why they refuse us. */
  readonly #asked = new Set<string>();
  /** What a relay said to that, since a connection last was open. */
  #answer: TunnelError | undefined;
  /** Connect timeout or backoff: never both at a time. */
  #timer: unknown;

  /** Throws TunnelError ERR_CONFIG for what is no relay URL. */
  constructor({ urls, token, clock, host }: ConnectionOptions, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#clock = clock;
    this.#host = host;
    this.#urls = new RelayUrls(urls, host.random);
    this.#token = new RelayToken(token);
    this.#backoff = new Backoff(host.random);
    this.#retired = new RetiredSocket(host, (data) => owner.received(data, false));
    this.#successor = this.#makeSuccessor();
  }

  #makeSuccessor(): RelaySuccessor {
    const { setTimer, clearTimer, random } = this.#host;
    return new RelaySuccessor({
      setTimer,
      clearTimer,
      random,
      // Without a ticket, moving would cost more than waiting for the end.
      dial: () => (this.#ticket.resume(this.#clock.now()) ? this.#newSocket([SUBPROTOCOL]) : undefined),
      follow: (socket) => this.#follow(socket),
      failed: () => {
        if (this.phase === 'connecting') this.#retry(unreachable(this.url), 0);
        return this.phase === 'open';
      },
    });
  }

  /** Of the relay in use. */
  get url(): string {
    return this.#urls.current;
  }

  get isOpen(): boolean {
    return this.phase === 'open';
  }

  /** It failed, but why is a guess so far. */
  get isGuessing(): boolean {
    return this.phase === 'waiting' && this.#asked.size > 0 && this.#answer === undefined;
  }

  // ---- what the owner wants

  /** Somebody wants to send. */
  begin(): void {
    if (this.phase === 'idle') this.#connect();
  }

  /** Someone is impatient, and there is no connection. */
  retryNow(): void {
    if (this.phase !== 'waiting' && this.phase !== 'failed') return;
    this.#backoff.reset();
    this.#urls.forgetRefusals();
    this.#connect();
  }

  /** After sleep: who comes late need not find out first whether anybody waited. */
  connectAnew(): void {
    this.#detach()?.close(1000);
    this.#successor.stop();
    this.#backoff.reset();
    this.#connect();
  }

  /** No answer: whatever the WebSocket still believes. */
  abandon(): void {
    const wasOpen = this.isOpen;
    const socket = this.#detach();
    this.#successor.stop();
    socket?.close();
    this.#retry(wasOpen ? connectionLost(this.url) : unreachable(this.url), 0);
  }

  /** Another connection may be better than this one, which still serves. */
  prepareSuccessor(): void {
    this.#successor.begin();
  }

  close(): void {
    if (this.phase === 'closed') return;
    const socket = this.#detach();
    this.phase = 'closed';
    this.#successor.stop();
    this.#retired.close();
    socket?.close(1000);
  }

  // ---- what the relay says of the connection

  welcomed(secret: Uint8Array): void {
    this.#token.accepted();
    this.#ticket.welcomed(secret);
  }

  ticketed(ticket: Uint8Array, lifetimeSeconds: number): void {
    this.#ticket.received(ticket, lifetimeSeconds, this.#clock.now());
  }

  /** It closes within so many ms, if there are any, and takes us back after so many. */
  goAway(reconnectWithin: Millis, retryAfter: Millis): void {
    this.#retryNotBefore = Math.min(retryAfter, MAX_BACKOFF);
    this.#mustMove = reconnectWithin > 0;
    if (this.#mustMove) this.#successor.begin();
  }

  /** It answers: no need for another. */
  answers(): void {
    if (!this.#mustMove) this.#successor.stop();
  }

  // ---- connecting

  #connect(): void {
    this.#setTimer(undefined);
    this.phase = 'connecting';
    const attempt = ++this.#attempt;
    // A ticket stands for a token: nobody need be asked.
    if (!this.#token.isNeeded || this.#ticket.resume(this.#clock.now())) {
      this.#dial([SUBPROTOCOL]);
      return;
    }
    const isCurrent = () => attempt === this.#attempt && this.phase === 'connecting';
    this.#setTimer(() => this.#retry(tokenMissing(this.url), 0), TOKEN_TIMEOUT);
    this.#owner.changed();
    this.#token.protocols(this.url).then(
      (protocols) => {
        if (isCurrent()) this.#dial(protocols);
      },
      (error: TunnelError) => {
        if (!isCurrent()) return;
        if (error.retryable) this.#retry(error, 0);
        else this.#refused(this.url, error);
      },
    );
  }

  #dial(protocols: string[]): void {
    let socket: WebSocketLike;
    try {
      socket = this.#newSocket(protocols);
    } catch (error) {
      // The page's security policy forbids it (mixed content, connect-src).
      this.#retry(unreachable(this.url, error), 0);
      return;
    }
    this.#attach(socket);
    socket.onopen = () => this.#opened();
    this.#setTimer(() => this.abandon(), CONNECT_TIMEOUT);
    this.#owner.changed();
  }

  #newSocket(protocols: string[]): WebSocketLike {
    const socket = this.#host.connect(this.#urls.address, protocols);
    socket.binaryType = 'arraybuffer';
    return socket;
  }

  #attach(socket: WebSocketLike): void {
    this.#socket = socket;
    this.#owner.attached(socket);
    socket.onmessage = ({ data }: { data: unknown }) => this.#owner.received(data, true);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.#lost(code, reason);
    // What went wrong, browsers do not say; `close` follows.
    socket.onerror = () => {};
  }

  /** A second connection is open. The relay hands our session over to it; what the first one has in it still arrives. */
  #follow(socket: WebSocketLike): void {
    if (this.isOpen) {
      this.#owner.flush();
      this.#retired.retire(this.#detach());
    }
    this.#attach(socket);
    this.#opened();
  }

  #opened(): void {
    this.#setTimer(undefined);
    this.phase = 'open';
    this.#mustMove = false;
    this.error = this.#answer = undefined;
    this.#openedAt = this.#clock.now();
    this.#urls.accepted();
    this.#owner.opened(this.#ticket.resume(this.#openedAt));
  }

  #detach(): WebSocketLike | undefined {
    const socket = this.#socket;
    if (socket !== undefined) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = undefined;
    this.#setTimer(undefined);
    this.#owner.detached();
    return socket;
  }

  // ---- losing

  /** The connection is gone, or never came to be. */
  #lost(code: number, reason: string): void {
    const { url } = this;
    const wasOpen = this.isOpen;
    this.#detach();
    if (!wasOpen) {
      this.#diagnose(url);
      this.#retry(this.#answer ?? unreachable(url), 0);
      return;
    }
    this.#backoff.lost(this.#clock.now() - this.#openedAt);
    if (this.#successor.isDialing) {
      // It comes a little late, but it comes.
      this.phase = 'connecting';
      this.#owner.changed();
      return;
    }
    this.#successor.stop();
    const isTicketRefused = code === CLOSE_TOKEN && reason.startsWith('ticket_');
    if (isTicketRefused || code === CLOSE_SESSION_OVER) this.#ticket.forget();
    // A fresh token is asked for at once: who waits for it has waited long enough.
    if (isTicketRefused || (code === CLOSE_TOKEN && this.#token.refused(reason))) this.#connect();
    else this.#goOn(url, code, reason);
  }

  #goOn(url: string, code: number, reason: string): void {
    const after = afterClose(url, code, reason);
    switch (after.next) {
      case 'idle':
        // Who waits for calls is never idle.
        if (this.#owner.listens) {
          this.#retry(connectionLost(url), 0);
          return;
        }
        this.phase = 'idle';
        this.#owner.changed();
        return;
      case 'fail':
        this.#refused(url, after.error);
        return;
      case 'retry':
        this.#retry(after.error, Math.max(after.notBefore, this.#retryNotBefore));
    }
  }

  #retry(error: TunnelError, notBefore: Millis): void {
    const delay = notBefore + this.#backoff.next(this.#ticket.resume(this.#clock.now()) ? QUICK_ATTEMPTS : 0);
    this.#retryNotBefore = 0;
    this.phase = 'waiting';
    this.error = error;
    this.retryAt = this.#clock.now() + delay;
    this.#urls.advance();
    this.#setTimer(() => this.#connect(), delay);
    this.#owner.changed();
  }

  /** This URL will not have us. If there is no other, that is all. */
  #refused(url: string, error: TunnelError): void {
    const isAnotherLeft = this.#urls.refused(url);
    if (isAnotherLeft && this.phase === 'connecting' && url !== this.url) return;
    if (this.#socket) this.#detach()?.close();
    if (isAnotherLeft) {
      this.#retry(error, 0);
      return;
    }
    this.#setTimer(undefined);
    this.phase = 'failed';
    this.error = error;
    this.#owner.changed();
    this.#owner.gaveUp();
  }

  /** Finds the reason that the browser hides, while the attempts go on. */
  #diagnose(url: string): void {
    if (this.#asked.has(url)) return;
    this.#asked.add(url);
    void askRelay(url, this.#host.fetch).then((verdict) => {
      this.#asked.delete(url);
      if (this.phase !== 'waiting' && this.phase !== 'connecting') return;
      const error = refusedConnection(url, verdict, this.#host.origin);
      this.#answer = error;
      if (!error.retryable) {
        this.#refused(url, error);
        return;
      }
      if (this.phase !== 'waiting') return;
      this.error = error;
      this.#owner.changed();
    });
  }

  #setTimer(run: (() => void) | undefined, delay: Millis = 0): void {
    this.#host.clearTimer(this.#timer);
    this.#timer = run && this.#host.setTimer(run, delay);
  }
}
