import { TunnelError } from '../core/errors.ts';
import { BEARER_PREFIX, MAX_TOKEN, SUBPROTOCOL } from '../core/wire/relay.ts';

/**
 * Gives a token for the relay. Asked before every connection, with the reason: `connect` the first time, `reconnect` later,
 * or the word with which the relay refused the token before (`token_expired` …).
 */
export type TokenSource = (reason: string) => Promise<string>;

/** What we show relays that ask who we are. */
export class RelayToken {
  readonly #source: TokenSource | undefined;
  #reason = 'connect';
  #last: string | undefined;
  /** The relay refused the last one; a fresh one gets one chance. */
  #wasRefused = false;

  constructor(source: TokenSource | undefined) {
    this.#source = source;
  }

  get isNeeded(): boolean {
    return this.#source !== undefined;
  }

  /** The subprotocols to offer. Rejects with ERR_RELAY_AUTH where there is no token to be had. */
  async protocols(url: string): Promise<string[]> {
    const token = await this.#ask(url);
    if (this.#wasRefused && token === this.#last)
      throw authError(`The relay at ${url} does not accept the token (${this.#reason}).`, false);
    this.#last = token;
    return [SUBPROTOCOL, BEARER_PREFIX + token];
  }

  async #ask(url: string): Promise<string> {
    let token: string;
    try {
      token = await this.#source!(this.#reason);
    } catch (cause) {
      throw authError(`There is no token for the relay at ${url}: ${messageOf(cause)}`, true, cause);
    }
    if (typeof token !== 'string' || token.length > MAX_TOKEN || !/^[A-Za-z0-9._~-]+$/.test(token))
      throw authError(
        `What was given as token for the relay at ${url} is none: a token is up to ${MAX_TOKEN} letters, digits, dots, hyphens and underscores.`,
        false,
      );
    return token;
  }

  /** The relay will not have it. Says whether another one may help. */
  refused(reason: string): boolean {
    const mayHelp = this.isNeeded && !this.#wasRefused;
    this.#wasRefused = true;
    this.#reason = reason.split(':', 1)[0]!;
    return mayHelp;
  }

  accepted(): void {
    this.#wasRefused = false;
    this.#reason = 'reconnect';
  }
}

/** Nobody answered. */
export function tokenMissing(url: string): TunnelError {
  return authError(`No token came for the relay at ${url}.`, true);
}

function authError(message: string, retryable: boolean, cause?: unknown): TunnelError {
  return new TunnelError('ERR_RELAY_AUTH', message, { leg: 'relay', retryable, cause });
}

function messageOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
