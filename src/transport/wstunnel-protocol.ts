// What a wstunnel server (erebe/wstunnel, version 10) wants to see in the upgrade to a WebSocket. It is the whole protocol:
// behind it, one binary message is one datagram, both ways.
import type { Endpoint } from '../core/endpoint.ts';
import { TunnelError } from '../core/errors.ts';
import { bracketed } from '../core/host-port.ts';

export const WSTUNNEL_SCHEME = 'wstunnel+';

/** What the server answers with; it ignores what else is offered. */
export const WSTUNNEL_SUBPROTOCOL = 'v1';
const BEARER_PREFIX = 'authorization.bearer.';
const DEFAULT_PREFIX = 'v1';
/** The largest payload of a UDP datagram. */
export const MAX_WSTUNNEL_DATAGRAM = 65_507;

export interface WstunnelServer {
  /** For the WebSocket. */
  readonly url: string;
  /** For people: without the path, by which many servers recognise their clients. */
  readonly shown: string;
}

/** `wstunnel+wss://HOST[:PORT][/PREFIX]`. Throws TunnelError ERR_CONFIG. */
export function readWstunnelUrl(text: string): WstunnelServer {
  let url: URL;
  try {
    url = new URL(text.slice(WSTUNNEL_SCHEME.length));
  } catch {
    throw wrongUrl();
  }
  const [prefix = '', ...more] = url.pathname.replace(/^\/|\/$/g, '').split('/');
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if ((url.protocol !== 'ws:' && url.protocol !== 'wss:') || !isPlain || more.length > 0) throw wrongUrl();
  url.pathname = `/${prefix === '' ? DEFAULT_PREFIX : prefix}/events`;
  return { url: url.href, shown: `${WSTUNNEL_SCHEME}${url.protocol}//${url.host}` };
}

function wrongUrl(): TunnelError {
  return new TunnelError(
    'ERR_CONFIG',
    'A wstunnel server is wstunnel+wss://HOST[:PORT][/PREFIX], and the prefix has no slash.',
  );
}

/**
 * The subprotocols to offer. The second says where datagrams shall go, as a token whose signature nobody checks: servers
 * decode it, that is all.
 * @param id any text that tells this connection from others in the server's log
 */
export function wstunnelProtocols({ host, port }: Endpoint, id: string): string[] {
  const claims = {
    id,
    p: { Udp: { timeout: null } },
    r: bracketed(host),
    rp: port,
  };
  const token = [{ typ: 'JWT', alg: 'HS256' }, claims].map((part) => base64url(JSON.stringify(part)));
  return [WSTUNNEL_SUBPROTOCOL, `${BEARER_PREFIX}${token.join('.')}.${'A'.repeat(43)}`];
}

function base64url(text: string): string {
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
