// The contract's declarations. Nothing here runs: each line must compile, and `npm run check` says when one no longer does.

import type * as page from '../../src/index.ts';
import type {
  BoundWebSocket,
  Check,
  ConfigIssue,
  DnsRecord,
  Hop,
  PingReply,
  Socket,
  TCPServerSocket,
  TCPSocket,
  TlsHook,
  TunnelConfig,
  TunnelStatus,
  UDPSocket,
} from '../../src/index.ts';
import type * as node from '../../src/node/index.ts';

/** Fails to compile unless `Actual` can stand where `Wanted` is asked for. */
type Is<Wanted, Actual extends Wanted> = Actual;
type Same<A extends B, B extends C, C = A> = [Is<B, A>, Is<C, B>];

export type Configuration = [
  Is<(text: string) => TunnelConfig, typeof page.parseConfig>,
  Is<(text: string) => { config?: TunnelConfig; issues: ConfigIssue[] }, typeof page.checkConfig>,
  Is<{ severity: string; line: number; column: number; key?: string; message: string }, ConfigIssue>,
  Is<(config: TunnelConfig) => string, typeof page.formatConfig>,
  Is<() => string, typeof page.generatePrivateKey>,
  Is<
    (options?: { extractable?: boolean }) => Promise<{ privateKey: string | CryptoKey; publicKey: string }>,
    typeof page.generateKeyPair
  >,
  Is<(base64: string) => Promise<CryptoKey>, typeof page.importPrivateKey>,
  Is<(privateKey: string | CryptoKey) => string | Promise<string>, typeof page.derivePublicKey>,
  Is<(privateKey: string) => string, typeof page.derivePublicKey>,
  Is<(privateKey: CryptoKey) => Promise<string>, typeof page.derivePublicKey>,
  Is<() => string, typeof page.generatePresharedKey>,
  Is<Error & { line: number; column: number; key?: string | undefined }, page.ConfigError>,
  Is<
    {
      privateKey?: string;
      addresses: string[];
      dns: string[];
      searchDomains: string[];
      mtu?: number;
      listenPort?: number;
    },
    TunnelConfig['interface']
  >,
  Is<
    {
      publicKey: string;
      presharedKey?: string;
      endpoint?: string;
      allowedIPs: string[];
      persistentKeepalive?: number;
    }[],
    TunnelConfig['peers']
  >,
];

interface OpenOptions {
  relay?: string | string[];
  token?: string | ((reason: string) => Promise<string>);
  privateKey?: CryptoKey;
  takeOver?: boolean;
  assets?: { worker?: string | URL; wasm?: string | URL };
  tls?: TlsHook;
  signal?: AbortSignal;
  logger?: (level: string, message: string, fields: object) => void;
}

type Tunnel = page.Tunnel;

export type TunnelMembers = [
  Is<(config: string | TunnelConfig, options?: OpenOptions) => Promise<Tunnel>, typeof page.Tunnel.open>,
  Is<(config: string | TunnelConfig, options?: OpenOptions) => Promise<node.Tunnel>, typeof node.Tunnel.open>,
  Is<Promise<undefined>, Tunnel['ready']>,
  Is<(publicKey: string, options?: { signal?: AbortSignal }) => Promise<undefined>, Tunnel['peerReady']>,
  Is<() => Promise<TunnelStatus>, Tunnel['status']>,
  Is<(config: string | TunnelConfig) => Promise<unknown>, Tunnel['configure']>,
  Is<() => AsyncIterable<Check>, Tunnel['diagnose']>,
  Is<{ leg: string; ok: boolean; detail: string; advice?: string }, Check>,
  Is<(options?: { timeout?: number }) => Promise<void>, Tunnel['close']>,
  Is<() => PromiseLike<void>, Tunnel[typeof Symbol.asyncDispose]>,
  Is<EventTarget, Tunnel>,
  Same<'handshake' | 'peer' | 'transport' | 'error' | 'close', keyof page.TunnelEvents>,
];

export type SocketMembers = [
  Is<
    new (
      host: string,
      port: number,
      options?: { noDelay?: boolean; keepAliveDelay?: number },
    ) => TCPSocket,
    Tunnel['TCPSocket']
  >,
  Is<
    new (
      host: string,
      port: number,
      options?: {
        signal?: AbortSignal;
        timeout?: number;
        allowHalfOpen?: boolean;
        tos?: number;
        ttl?: number;
      },
    ) => TCPSocket,
    Tunnel['TCPSocket']
  >,
  Is<new (options?: { remoteAddress?: string; remotePort?: number }) => UDPSocket, Tunnel['UDPSocket']>,
  Is<new (options?: { localAddress?: string; localPort?: number }) => UDPSocket, Tunnel['UDPSocket']>,
  Is<
    new (
      localAddress: string,
      options?: { localPort?: number; backlog?: number },
    ) => TCPServerSocket,
    Tunnel['TCPServerSocket']
  >,
  Is<
    () => Promise<{ state: string; rtt: number | undefined; cwnd: number; retransmits: number }>,
    TCPSocket['info']
  >,
  Is<
    Promise<{ readable: ReadableStream<TCPSocket>; localAddress: string; localPort: number }>,
    TCPServerSocket['opened']
  >,
  Is<
    (
      address: string | { hostname: string; port: number },
      options?: { secureTransport?: 'off' | 'on' | 'starttls'; allowHalfOpen?: boolean },
    ) => Socket,
    Tunnel['connect']
  >,
  Is<typeof fetch, Tunnel['fetch']>,
  Is<BoundWebSocket, Tunnel['WebSocket']>,
  Is<
    (
      name: string,
      type: 'A' | 'AAAA' | 'CNAME' | 'MX' | 'TXT' | 'SRV' | 'PTR' | 'NS',
    ) => Promise<DnsRecord[]>,
    Tunnel['resolve']
  >,
  Is<
    (
      host: string,
      options?: {
        count?: number;
        interval?: number;
        size?: number;
        ttl?: number;
        timeout?: number;
        signal?: AbortSignal;
      },
    ) => AsyncIterable<PingReply>,
    Tunnel['ping']
  >,
  Is<(host: string, options?: { maxHops?: number }) => AsyncIterable<Hop>, Tunnel['traceroute']>,
  Is<
    (host: string, port: number, options?: { timeout?: number }) => Promise<'open' | 'closed' | 'filtered'>,
    Tunnel['checkPort']
  >,
  Is<(host: string) => Promise<number>, Tunnel['pathMtu']>,
  Is<(options?: { snaplen?: number; filter?: string }) => ReadableStream<Uint8Array>, Tunnel['capture']>,
];

/** The hook for TLS: what is outside in, what is inside out. */
export const hook: TlsHook = ({ readable, writable }, { serverName, alpn }) =>
  Promise.resolve({ readable, writable, alpn: alpn[0] ?? serverName });

/** A record is told from others by its type. */
export function addressOf(record: DnsRecord): string | undefined {
  return record.type === 'A' || record.type === 'AAAA' ? record.address : undefined;
}

/** Errors: what a caller decides by. */
export function leg(error: page.TunnelError): 'relay' | 'endpoint' | 'peer' | 'inside' | undefined {
  const { code, retryable, peer }: { code: string; retryable: boolean; peer: string | undefined } = error;
  return code !== '' && retryable && peer === undefined ? undefined : error.leg;
}
