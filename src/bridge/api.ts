// What crosses the thread, as types: plain data and MessagePorts. The page calls these methods over Comlink;
// bytes, datagrams, pings and events go over ports of their own (stream-port.ts, messages below).

import type { Port } from './channel.ts';
import type { Outcome, PlainError, PlainMistake } from './errors.ts';

export type { PlainError };

/** Plain data, as `parseConfig` makes it; repeated here structurally so that the bridge needs no parser. */
export interface EngineConfig {
  /** 32 bytes, which the engine takes over and wipes; or an X25519 key that need not be extractable. */
  privateKey: Uint8Array | CryptoKey;
  /** CIDR text. */
  addresses: string[];
  mtu: number;
  /** Addresses of DNS servers, in the order in which they are asked. Absent: names are not looked up. */
  dns?: string[] | undefined;
  searchDomains?: string[] | undefined;
  /** What the page itself says about names. */
  names?: EngineNames | undefined;
  /** UDP port to bind, where the transport is UDP. Through a relay: any value lets endpoints call first. */
  listenPort?: number | undefined;
  /** Kept and shown; it has no effect here. */
  fwMark?: number | undefined;
  peers: EnginePeer[];
}

export interface EngineNames {
  /** Names that are known without asking, each with its addresses as text. */
  hosts: [name: string, addresses: string[]][];
  /** Whether a server may say that a name has a private address: of every name, of none, of those in these domains. */
  allowPrivate: boolean | string[];
}

/** Another configuration for a running engine. Without a private key, the present one stays. */
export interface EngineChange extends Omit<EngineConfig, 'privateKey'> {
  privateKey?: Uint8Array | CryptoKey | undefined;
}

export interface EnginePeer {
  publicKey: Uint8Array;
  presharedKey?: Uint8Array | undefined;
  endpoint?: { host: string; port: number } | undefined;
  /** CIDR text. */
  allowedIps: string[];
  /** Seconds between keepalives; 0 is off. */
  persistentKeepalive: number;
}

export interface EngineOptions {
  config: EngineConfig;
  /** WebSocket URLs, tried in order; empty means UDP directly, where the host can. */
  relays: string[];
  /** Another engine holds this key: take it over, instead of ERR_IN_USE. */
  takeOver: boolean;
  /** The page has tokens for the relays: before each connection the engine asks for one, by a `token` event. */
  hasTokens?: boolean;
}

/** What the engine does for the page. Every method answers with an Outcome, so that error codes survive. */
export interface EngineApi {
  /** Starts everything; events go to `events` from then on (EngineEvent messages). */
  open(options: EngineOptions, events: Port): Promise<Outcome<void>>;
  status(): Promise<Outcome<TunnelStatus>>;
  /** Applies all of it, or nothing: ERR_CONFIG, ERR_IN_USE, ERR_UNSUPPORTED, ERR_ADDRESS_IN_USE. One after the other. */
  configure(change: EngineChange): Promise<Outcome<ConfigureReport>>;
  /** Opens a TCP connection; its bytes flow over `port` as StreamMessages. */
  connectTcp(options: TcpConnectOptions, port: Port): Promise<Outcome<TcpOpened>>;
  /** Listens; accepted connections arrive on `port` as ListenerMessages. */
  listenTcp(options: TcpListenOptions, port: Port): Promise<Outcome<SocketName>>;
  bindUdp(options: UdpBindOptions, port: Port): Promise<Outcome<UdpOpened>>;
  /** Looks a name up at the configured servers: ERR_NAME_NOT_RESOLVED, ERR_LIMIT. */
  resolve(name: string, type: DnsQueryType): Promise<Outcome<DnsRecord[]>>;
  /** The addresses of a host, best first, with the names that are known without asking: ERR_NAME_NOT_RESOLVED, ERR_LIMIT. */
  lookUp(host: string, family: AddressFamily): Promise<Outcome<string[]>>;
  /** Starts a ping; its results arrive on `port` as PingMessages. */
  ping(options: PingOptions, port: Port): Promise<Outcome<void>>;
  /** Starts a trace; its hops arrive on `port` as TraceMessages. */
  traceroute(options: TraceOptions, port: Port): Promise<Outcome<void>>;
  /** Finds out what the way to a host carries, in bytes; any message on `port` ends the search. */
  pathMtu(address: string, port: Port): Promise<Outcome<number>>;
  /** Finds out whether somebody listens; any message on `port` ends the search. */
  checkPort(options: PortCheckOptions, port: Port): Promise<Outcome<PortState>>;
  /** Starts to record inner packets; they go to `port` as CaptureMessages. TypeError for a filter that is none, ERR_LIMIT. */
  capture(options: CaptureOptions, port: Port): Promise<Outcome<void>>;
  /** TCP state, round-trip time and retransmissions of the connection behind `id`. */
  tcpInfo(id: number): Promise<Outcome<TcpSocketInfo>>;
  /** Everything that is open, as `ss` lists it. */
  sockets(): Promise<Outcome<SocketStatus[]>>;
  /** Changes the connection behind `id`; what is absent stays. */
  tuneTcp(id: number, options: TcpTuning): Promise<Outcome<void>>;
  /** The network or the page is back: does what is overdue, and tries the way out again at once. */
  retryNow(): Promise<Outcome<void>>;
  /** Sends what is queued for at most `timeout` ms, then closes everything and zeroes all keys. */
  close(timeout: number): Promise<Outcome<void>>;
}

export interface SocketName {
  address: string;
  port: number;
}

/** Which addresses of a name count; absent: all. */
export type AddressFamily = 'ipv4' | 'ipv6' | undefined;

export interface TcpConnectOptions {
  /** An address or a name. */
  remoteAddress: string;
  remotePort: number;
  dnsQueryType?: AddressFamily;
  sendBufferSize?: number | undefined;
  receiveBufferSize?: number | undefined;
  /** Milliseconds of silence before the first probe, and between probes; absent means no keep-alive. */
  keepAliveDelay?: number | undefined;
  noDelay?: boolean | undefined;
  /** Milliseconds to wait for the connection to be established. */
  timeout?: number | undefined;
  ttl?: number | undefined;
  tos?: number | undefined;
}

/** What of a connection can change while it is open; `keepAliveDelay` in milliseconds, 0 for none. */
export interface TcpTuning {
  noDelay?: boolean | undefined;
  keepAliveDelay?: number | undefined;
}

export interface TcpOpened {
  /** Names the connection in `tcpInfo`. */
  id: number;
  local: SocketName;
  remote: SocketName;
}

/** `rtt` (0: not measured yet) and `rto` in milliseconds; windows and `bytesInFlight` in bytes. */
export interface TcpSocketInfo {
  state: string;
  rtt: number | undefined;
  rto: number;
  cwnd: number;
  retransmits: number;
  bytesInFlight: number;
  /** Written, and not sent for the first time yet. */
  unsentBytes: number;
  bytesSent: number;
  bytesReceived: number;
  sendWindow: number;
  receiveWindow: number;
}

export interface TcpListenOptions {
  localAddress: string;
  localPort?: number | undefined;
  backlog?: number | undefined;
  ipv6Only?: boolean | undefined;
  noDelay?: boolean | undefined;
}

export interface UdpBindOptions {
  local?: { address: string; port?: number | undefined } | undefined;
  /** Its address may be a name. */
  remote?: SocketName | undefined;
  dnsQueryType?: AddressFamily;
  ipv6Only?: boolean | undefined;
  ttl?: number | undefined;
  tos?: number | undefined;
  dontFragment?: boolean | undefined;
  broadcast?: boolean | undefined;
  multicastTtl?: number | undefined;
  multicastLoopback?: boolean | undefined;
  /** Others may have the same address and port, if they say so, too. */
  sharesAddress?: boolean | undefined;
}

export interface UdpOpened {
  local: SocketName;
  remote?: SocketName | undefined;
}

export interface UdpDatagram {
  data: Uint8Array;
  /** To the engine: its address may be a name. */
  remote?: SocketName | undefined;
  /** From the engine: what was left of its TTL. To it: instead of the socket's. */
  ttl?: number | undefined;
  /** DSCP and ECN bits, likewise. */
  tos?: number | undefined;
  dnsQueryType?: AddressFamily;
}

/** What records of each type say. Names are in lower or upper case as they came, without the last dot. */
export interface DnsRecordData {
  A: { address: string };
  AAAA: { address: string };
  CNAME: { target: string };
  NS: { target: string };
  PTR: { target: string };
  MX: { preference: number; exchange: string };
  /** `strings`: `data` read as UTF-8. */
  TXT: { strings: string[]; data: Uint8Array[] };
  SRV: { priority: number; weight: number; port: number; target: string };
  SOA: {
    mname: string;
    rname: string;
    serial: number;
    refresh: number;
    retry: number;
    expire: number;
    minimum: number;
  };
  CAA: { critical: boolean; tag: string; value: string };
  NAPTR: {
    order: number;
    preference: number;
    flags: string;
    services: string;
    regexp: string;
    replacement: string;
  };
  /** `params` by the numbers of RFC 9460, uninterpreted. */
  SVCB: { priority: number; target: string; params: { key: number; value: Uint8Array }[] };
  HTTPS: { priority: number; target: string; params: { key: number; value: Uint8Array }[] };
  /** A type that is none of these; only an ANY query finds it. */
  OTHER: { code: number; data: Uint8Array };
}

/** Types of records that are told apart; all others are `OTHER`. */
export type DnsRecordType = keyof DnsRecordData;

/** What can be asked for. */
export type DnsQueryType = Exclude<DnsRecordType, 'OTHER'> | 'ANY';

/** `ttl` in seconds: for how long it still holds. */
export type DnsRecord<Type extends DnsRecordType = DnsRecordType> = {
  [Each in Type]: { type: Each; name: string; ttl: number } & DnsRecordData[Each];
}[Type];

export interface PingOptions {
  /** An address or a name. */
  address: string;
  /** How many requests; Infinity goes on until cancelled. */
  count: number;
  /** Milliseconds between requests. */
  interval: number;
  /** Payload bytes after the ICMP header. */
  size: number;
  ttl?: number | undefined;
  /** Milliseconds to wait for each reply. */
  timeout: number;
  tos?: number | undefined;
  dontFragment?: boolean | undefined;
  /** What the payload repeats, instead of counting up. */
  pattern?: Uint8Array | undefined;
}

/** What an ICMP message can say of a packet of ours. */
export type IcmpReason =
  | 'refused'
  | 'prohibited'
  | 'unreachable'
  | 'time-exceeded'
  | 'parameter-problem'
  | 'too-big'
  | 'other';

/** One request's fate. A lost reply is a value, not an error. */
export type PingReply =
  | {
      ok: true;
      sequence: number;
      from: string;
      /** Of the payload that came back. */
      bytes: number;
      /** What was left of the reply's TTL. */
      ttl: number;
      /** Milliseconds. */
      rtt: number;
      /** This request was answered before. */
      duplicate: boolean;
      /** The payload came back as it was sent. */
      intact: boolean;
    }
  | { ok: false; sequence: number; reason: 'timeout' }
  | {
      ok: false;
      sequence: number;
      /** What an ICMP message said about it. */
      reason: IcmpReason;
      /** Who said so: a router on the way, or the destination. */
      from: string;
      /** Of `too-big`: what the next link takes, in bytes of whole packet; 0 when the router does not say. */
      mtu?: number;
    };

export interface TraceOptions {
  /** An address or a name. */
  address: string;
  method: 'icmp' | 'udp';
  firstHop: number;
  maxHops: number;
  /** For each hop. */
  probes: number;
  /** Milliseconds to wait for each answer. */
  timeout: number;
  /** Payload bytes of each probe. */
  size: number;
  tos?: number | undefined;
}

/** One hop of the way to a host. */
export interface Hop {
  /** The hop limit of its probes: 1 is the nearest. */
  hop: number;
  /** Who answered, in order, each once: none where routers are silent, several where the way forks. */
  addresses: string[];
  /** Milliseconds, of the probes that were answered. */
  rtts: number[];
  /** How many probes were not. */
  lost: number;
  /** The host itself answered: this is the last hop. */
  reached: boolean;
  /** Why it goes no further, as a router says: this is the last hop. */
  reason?: IcmpReason;
}

export interface PortCheckOptions {
  /** An address or a name. */
  address: string;
  port: number;
  /** Milliseconds of silence that mean `filtered`. */
  timeout: number;
}

export interface CaptureOptions {
  /** Bytes that are kept of each packet; 0: all. */
  snaplen: number;
  /** As PacketFilter reads it; empty: all packets. */
  filter: string;
}

/** On a capture's port. To the engine `pull`, which one `chunk` of a pcapng file answers as soon as there is something. */
export type CaptureMessage =
  | { type: 'pull' }
  | { type: 'close' }
  | { type: 'chunk'; bytes: Uint8Array<ArrayBuffer> }
  /** The tunnel ends; `bytes` are the file's last. */
  | { type: 'end'; bytes: Uint8Array<ArrayBuffer> };

/** `closed`: the host itself said so. `filtered`: nobody answered, or somebody on the way forbids it. */
export type PortState = 'open' | 'closed' | 'filtered';

/** One peer, as `wg show` shows it: bytes, counts and instants; never a secret. */
export interface PeerStatus {
  /** Base64. */
  publicKey: string;
  /** Whether one is set; never the key. */
  presharedKey: boolean;
  endpoint: string | undefined;
  allowedIps: string[];
  latestHandshake: Date | undefined;
  /** Bytes of outer datagrams received from and sent to this peer. */
  transferRx: number;
  transferTx: number;
  /** Seconds; 0 is off. */
  persistentKeepalive: number;
  /** Initiations sent since the last answer. */
  handshakeAttempts: number;
  drops: Record<string, number>;
}

/** What carries the outer datagrams: this machine's UDP sockets, or a relay. Times in milliseconds. */
export interface TransportStatus {
  /** `connecting`, `open`; `waiting` to try again at `retryAt`; `idle`; `failed` for good. */
  state: 'connecting' | 'open' | 'waiting' | 'idle' | 'failed';
  /** `udp`, or the URL of the relay in use. */
  via: string;
  /** Round-trip time to the relay in milliseconds. */
  rtt?: number | undefined;
  /** Bytes that have not reached the relay yet, as far as is known. */
  queued?: number | undefined;
  retryAt?: Date | undefined;
  error?: PlainError | undefined;
  /** Endpoints that cannot be reached, though the transport itself may work. */
  problems: { endpoint: string; error: PlainError }[];
  /** What is not as configured with endpoints that can be reached all the same: a relay that does not listen for them. */
  notices?: { endpoint: string; error: PlainError }[];
  /** The UDP port that each endpoint sees us come from, where known; with ListenPort, where it may call us. */
  localPorts: { endpoint: string; port: number }[];
}

/** One socket of the tunnel, as `ss` lists it. */
export interface SocketStatus {
  protocol: 'tcp' | 'udp';
  /** TCP's in RFC 9293's names; of UDP `CONNECTED`, or `BOUND` where it hears everybody. */
  state: string;
  localAddress: string;
  localPort: number;
  /** Absent where there is no other end. */
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
  /** Payload. */
  bytesSent: number;
  bytesReceived: number;
  /** Of a TCP connection. */
  tcp?: TcpSocketInfo | undefined;
}

/** What `configure` did. */
export interface ConfigureReport {
  /** Public keys (base64), each in one list at most. Peers in none were not touched. */
  peers: { added: string[]; removed: string[]; changed: string[] };
  /** One entry for each change that concerns more than single peers. */
  resets: ConfigureReset[];
}

/** One thing that a new configuration changed, and what that ended. */
export interface ConfigureReset {
  change: 'privateKey' | 'addresses' | 'mtu' | 'listenPort' | 'dns';
  /**
   * What did not survive: `sessions` with peers (the next packet begins a handshake), `connections` (TCP connections and
   * bound UDP sockets of addresses that are gone), or `nothing`.
   */
  resets: 'sessions' | 'connections' | 'nothing';
  /** How many of them. */
  count: number;
  /** One sentence for the user. */
  detail: string;
}

/** What `wg show` shows, under the names of its dump, and the transport beside it. Never a secret. */
export interface TunnelStatus {
  publicKey: string;
  /** The UDP port that we hear on; unknown behind a relay, where `transport.localPorts` says what each peer sees. */
  listenPort: number | undefined;
  /** As configured; 0 is off. It has no effect here. */
  fwmark: number;
  addresses: string[];
  mtu: number;
  peers: PeerStatus[];
  transport: TransportStatus;
  /** Connections that are open now, and segments that were sent again since the beginning. */
  tcp: { connections: number; retransmits: number };
  /** What was refused, by layer and reason. */
  drops: {
    wireguard: Record<string, number>;
    netstack: Record<string, number>;
    transport: Record<string, number>;
  };
}

/** How much a line of the log matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Messages on the events port. */
export type EngineEvent =
  /** For the user's logger. Never a secret. */
  | { type: 'log'; level: LogLevel; message: string; fields: Record<string, unknown> }
  | { type: 'handshake'; peer: string }
  | { type: 'peer'; peer: string; change: 'roamed' | 'attempt' | 'gave-up'; attempt?: number }
  | { type: 'transport'; transport: TransportStatus }
  | { type: 'error'; error: PlainError }
  /** A token for the relay is needed; `reason` as in `TokenSource`. To be answered with an EngineAnswer. */
  | { type: 'token'; id: number; reason: string }
  /** The engine is gone; with an error when nobody asked for it. */
  | { type: 'close'; error?: PlainError };

/** To the engine, on the events port: a token, or why there is none. */
export interface EngineAnswer {
  id: number;
  token?: string;
  error?: string;
}

/**
 * On a listener's port: to the engine "I can take n more", from it a connection with a port of its own. `close` is
 * answered with `close` when the port number is free again.
 */
export type ListenerMessage =
  | { type: 'credit'; count: number }
  | { type: 'accepted'; opened: TcpOpened; port: Port }
  | { type: 'close' };

/**
 * On a UDP socket's port. Credit counts datagrams; what finds no credit waits in the binding's bounded queue. `close` is
 * answered with `close` when the port number is free again.
 */
export type UdpMessagePortMessage =
  | { type: 'credit'; count: number }
  | { type: 'datagrams'; datagrams: UdpDatagram[] }
  | { type: 'send'; id: number; datagram: UdpDatagram }
  /** Answered with `sent`. */
  | { type: 'group'; id: number; action: 'join' | 'leave'; address: string; source?: string | undefined }
  | { type: 'sent'; id: number; error?: PlainError | PlainMistake }
  | { type: 'error'; error: PlainError }
  | { type: 'close' };

/** On the port of something that has results for a while; the page says `close`. */
export type ResultMessage<Result> =
  | { type: 'result'; result: Result }
  | { type: 'end' }
  | { type: 'error'; error: PlainError }
  | { type: 'close' };

export type PingMessage = ResultMessage<PingReply>;
export type TraceMessage = ResultMessage<Hop>;
