import { type Endpoint, printEndpoint } from '../core/endpoint.ts';
import { TunnelError } from '../core/errors.ts';
import {
  CHANNEL_DENIED,
  CHANNEL_NO_PORT,
  CHANNEL_TOO_MANY,
  CHANNEL_UNREACHABLE,
  CHANNEL_UNRESPONSIVE,
  CLOSE_LIMIT,
  CLOSE_NOT_WIREGUARD,
  CLOSE_ORIGIN,
  CLOSE_OVERLOADED,
  CLOSE_RESTARTING,
  CLOSE_SESSION_OVER,
  CLOSE_TIMEOUT,
  CLOSE_TOKEN,
} from '../core/wire/relay.ts';

/** What a relay says when asked why it refuses (`GET <url>/check`), or what asking showed. */
export type RelayVerdict =
  | { readonly kind: 'accepts' }
  | { readonly kind: 'refuses'; readonly code: string; readonly message: string }
  /** Something answers HTTP there, but does not let this page read what it says. */
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'not-a-relay' }
  | { readonly kind: 'unreachable' };

export function unreachable(url: string, cause?: unknown): TunnelError {
  return new TunnelError(
    'ERR_RELAY_UNREACHABLE',
    `The relay at ${url} does not answer; check that it runs, that the address is right, and that this network lets WebSockets through.`,
    { leg: 'relay', retryable: true, cause },
  );
}

export function connectionLost(url: string): TunnelError {
  return new TunnelError('ERR_RELAY_UNREACHABLE', `The connection to the relay at ${url} broke.`, {
    leg: 'relay',
    retryable: true,
  });
}

/** Why a connection to the relay could not be made, after asking. */
export function refusedConnection(
  url: string,
  verdict: RelayVerdict,
  origin: string | undefined,
): TunnelError {
  const relay = (code: 'ERR_RELAY_ORIGIN' | 'ERR_RELAY_LIMIT' | 'ERR_RELAY_UNREACHABLE', text: string) =>
    new TunnelError(code, text, { leg: 'relay', retryable: code !== 'ERR_RELAY_ORIGIN' });
  switch (verdict.kind) {
    case 'accepts':
      return relay(
        'ERR_RELAY_UNREACHABLE',
        `The relay at ${url} answers, but no WebSocket comes through; a proxy on the way may block it.`,
      );
    case 'not-a-relay':
      return relay(
        'ERR_RELAY_UNREACHABLE',
        `There is a server at ${url}, but no Tabwire relay at that path.`,
      );
    case 'unreachable':
      return unreachable(url);
    case 'refuses':
      if (['rate', 'sessions', 'full', 'stopping'].includes(verdict.code))
        return relay(
          'ERR_RELAY_LIMIT',
          `The relay at ${url} takes no more connections now: ${verdict.message}.`,
        );
      if (verdict.code !== 'origin')
        return relay('ERR_RELAY_ORIGIN', `The relay at ${url} refuses: ${verdict.message}.`);
      return originRefused(url, origin);
    case 'unreadable':
      // From a program nothing is hidden: the relay comes and goes.
      return origin === undefined ? unreachable(url) : originRefused(url, origin);
  }
}

/** `origin` is that of a page; what else asks has none. */
function originRefused(url: string, origin: string | undefined): TunnelError {
  const sentence =
    origin === undefined
      ? `The relay at ${url} serves pages only, and this is none; its operator can allow programs with --allow-no-origin.`
      : `The relay at ${url} does not serve pages from ${origin}; its operator can allow them with --origin ${origin}.`;
  return new TunnelError('ERR_RELAY_ORIGIN', sentence, { leg: 'relay' });
}

/** What follows from the code with which the relay closed the WebSocket. */
export type AfterClose =
  | { readonly next: 'retry'; readonly error: TunnelError; readonly notBefore: number }
  | { readonly next: 'idle' }
  | { readonly next: 'fail'; readonly error: TunnelError };

export function afterClose(url: string, code: number, reason: string): AfterClose {
  const fail = (
    errorCode: 'ERR_RELAY_AUTH' | 'ERR_RELAY_ORIGIN' | 'ERR_UNSUPPORTED',
    text: string,
  ): AfterClose => ({
    next: 'fail',
    error: new TunnelError(errorCode, text, { leg: 'relay' }),
  });
  switch (code) {
    case CLOSE_TIMEOUT:
      return { next: 'idle' };
    case CLOSE_RESTARTING:
      return {
        next: 'retry',
        notBefore: 0,
        error: new TunnelError('ERR_RELAY_UNREACHABLE', `The relay at ${url} restarts.`, {
          leg: 'relay',
          retryable: true,
        }),
      };
    case CLOSE_OVERLOADED:
    case CLOSE_LIMIT:
      return {
        next: 'retry',
        notBefore: 30_000,
        error: new TunnelError(
          'ERR_RELAY_LIMIT',
          `The relay at ${url} limits this client (${reason || code}).`,
          {
            leg: 'relay',
            retryable: true,
          },
        ),
      };
    case CLOSE_TOKEN:
      return fail(
        'ERR_RELAY_AUTH',
        reason === 'token_missing'
          ? `The relay at ${url} wants a token: give one as the option \`token\`.`
          : `The relay at ${url} does not accept the token (${reason || code}).`,
      );
    case CLOSE_ORIGIN:
      return fail('ERR_RELAY_ORIGIN', `The relay at ${url} does not serve this page (${reason || code}).`);
    case CLOSE_SESSION_OVER:
      return { next: 'retry', notBefore: 0, error: connectionLost(url) };
    case CLOSE_NOT_WIREGUARD:
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009:
    case 4400:
      return fail(
        'ERR_UNSUPPORTED',
        `The relay at ${url} does not understand this client (${reason || code}); their versions may not fit: reload the page, or have the relay updated.`,
      );
    default:
      return { next: 'retry', notBefore: 0, error: connectionLost(url) };
  }
}

/** Why the relay closed the way to one endpoint. */
export function channelError(url: string, endpoint: Endpoint, code: number): TunnelError {
  const place = printEndpoint(endpoint);
  switch (code) {
    case CHANNEL_DENIED:
      return new TunnelError(
        'ERR_RELAY_DESTINATION',
        `The relay at ${url} does not allow the endpoint ${place}; its operator can allow it with --allow ${place}.`,
        { leg: 'endpoint' },
      );
    case CHANNEL_TOO_MANY:
      return new TunnelError(
        'ERR_RELAY_LIMIT',
        `The relay at ${url} does not serve so many endpoints at once; ${place} is left out.`,
        { leg: 'relay' },
      );
    case CHANNEL_UNRESPONSIVE:
      return new TunnelError('ERR_TIMEOUT', `The endpoint ${place} has not answered any handshake.`, {
        leg: 'endpoint',
        retryable: true,
      });
    case CHANNEL_UNREACHABLE:
      return new TunnelError(
        'ERR_HOST_UNREACHABLE',
        `The relay at ${url} has no way to the endpoint ${place}.`,
        {
          leg: 'endpoint',
          retryable: true,
        },
      );
    case CHANNEL_NO_PORT:
      return new TunnelError('ERR_RELAY_LIMIT', `The relay at ${url} has no UDP port left for ${place}.`, {
        leg: 'relay',
        retryable: true,
      });
    default:
      return new TunnelError(
        'ERR_NAME_NOT_RESOLVED',
        `The relay at ${url} finds no address for the endpoint ${place}.`,
        { leg: 'endpoint', retryable: true },
      );
  }
}

/** No failure: we can still call the endpoint ourselves. */
export function listenRefused(url: string, endpoint: Endpoint): TunnelError {
  const place = printEndpoint(endpoint);
  return new TunnelError(
    'ERR_RELAY_DESTINATION',
    `The relay at ${url} does not let ${place} call first, as ListenPort asks, so only this side can begin; its operator can allow it with --allow-listen ${place}.`,
    { leg: 'relay' },
  );
}

export function endpointRefuses(endpoint: Endpoint): TunnelError {
  return new TunnelError(
    'ERR_CONNECTION_REFUSED',
    `The host of ${printEndpoint(endpoint)} refuses UDP on that port; check that WireGuard runs there and listens on it.`,
    { leg: 'endpoint', retryable: true },
  );
}
