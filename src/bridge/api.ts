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
  /** `close` on `port` ends also the wait for a name. */
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
  /** Our end: an address of ours, absent the one that fits; a port, absent any. */
  localAddress?: string | undefined;
  localPort?: number | undefined;
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

/** A look into a TCP connection. */
export interface TcpSocketInfo {
  /** Of RFC 9293 §3.3.2: `ESTABLISHED`, `FIN-WAIT-1`, … */
  state: string;
  /** The smoothed round-trip time in milliseconds (RFC 6298); undefined: not measured yet. */
  rtt: number | undefined;
  /** The retransmission timeout in milliseconds. */
  rto: number;
  /** The congestion window in bytes (RFC 5681). */
  cwnd: number;
  /** Segments that were sent again, since the connection began. */
  retransmits: number;
  /** Bytes that were sent and not acknowledged. */
  bytesInFlight: number;
  /** Written, and not sent for the first time yet. */
  unsentBytes: number;
  /** Bytes of text that were sent, each once. */
  bytesSent: number;
  /** Bytes of text that came, each once. */
  bytesReceived: number;
  /** Bytes that the other side takes. */
  sendWindow: number;
  /** Bytes that we take. */
  receiveWindow: number;
}

export interface TcpListenOptions {
  localAddress: string;
  localPort?: number | undefined;
  backlog?: number | undefined;
  ipv6Only?: boolean | undefined;
  noDelay?: boolean | undefined;
  ttl?: number | undefined;
  tos?: number | undefined;
}

export interface UdpBindOptions {
  local?: { address: string; port?: number | undefined } | undefined;
  /** Its address may be a name. */
  remote?: SocketName | undefined;
  dnsQueryType?: AddressFamily;
  ipv6Only?: boolean | undefined;
  /** Milliseconds to wait for the address of a name. */
  timeout?: number | undefined;
  ttl?: number | undefined;
  tos?: number | undefined;
  dontFragment?: boolean | undefined;
  broadcast?: boolean | undefined;
  multicastTtl?: number | undefined;
  multicastLoopback?: boolean | undefined;
  /** Others may have the same address and port, if they say so, too. */
  sharesAddress?: boolean | undefined;
}

/** What of a UDP socket can change while it is open; what is absent stays. */
export interface UdpTuning {
  ttl?: number | undefined;
  broadcast?: boolean | undefined;
  multicastTtl?: number | undefined;
  multicastLoopback?: boolean | undefined;
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

/** A service binding (RFC 9460 §2.2). */
export interface ServiceBinding {
  /** 0: an alias of `target`; else the smaller, the better. */
  priority: number;
  /** The host; '' stands for the name that was asked for. */
  target: string;
  /** By the numbers of RFC 9460 §14.3.2, uninterpreted. */
  params: ServiceParameter[];
}

/** One parameter of a service binding. */
export interface ServiceParameter {
  /** Its number: 1 is `alpn`, 3 is `port`, … */
  key: number;
  /** As it came; its format depends on `key`. */
  value: Uint8Array;
}

/** The start of a zone (RFC 1035 §3.3.13). */
export interface StartOfAuthority {
  /** The server that has the original. */
  mname: string;
  /** Whom to write to: the first dot stands for `@`. */
  rname: string;
  /** The version of the zone. */
  serial: number;
  /** Seconds between two looks of the other servers at the original. */
  refresh: number;
  /** Seconds until they try again, if that failed. */
  retry: number;
  /** Seconds after which they answer no more, if it goes on failing. */
  expire: number;
  /** Seconds for which it may be remembered that a name is not there (RFC 2308 §4). */
  minimum: number;
}

/** A rule that rewrites a name (RFC 3403 §4.1). */
export interface NamingAuthority {
  /** The smallest goes first; what is next is for when it does not fit. */
  order: number;
  /** Among those of one order, the smaller, the better. */
  preference: number;
  /** What `regexp` or `replacement` lead to: `s`, `a`, `u`, or the application's own. */
  flags: string;
  /** What is to be had there, such as `E2U+sip`. */
  services: string;
  /** A substitution in the manner of sed; '' if `replacement` says it. */
  regexp: string;
  /** The name to ask next; '' if `regexp` says it. */
  replacement: string;
}

/** What records of each type say. Names are in lower or upper case as they came, without the last dot. */
export interface DnsRecordData {
  /** An IPv4 address (RFC 1035 §3.4.1). */
  A: {
    /** As text. */
    address: string;
  };
  /** An IPv6 address (RFC 3596 §2.2). */
  AAAA: {
    /** As text (RFC 5952). */
    address: string;
  };
  /** Another name of the same (RFC 1035 §3.3.1). */
  CNAME: {
    /** What it is an alias of. */
    target: string;
  };
  /** A server of the zone (RFC 1035 §3.3.11). */
  NS: {
    /** The server's name. */
    target: string;
  };
  /** The name of an address (RFC 1035 §3.3.12). */
  PTR: {
    /** The name. */
    target: string;
  };
  /** Who takes mail (RFC 1035 §3.3.9). */
  MX: {
    /** The smaller, the better. */
    preference: number;
    /** The host's name; '' if nobody does (RFC 7505). */
    exchange: string;
  };
  /** Texts (RFC 1035 §3.3.14). */
  TXT: {
    /** `data` read as UTF-8. */
    strings: string[];
    /** The bytes of each, up to 255. */
    data: Uint8Array[];
  };
  /** Where a service is (RFC 2782). */
  SRV: {
    /** The smaller, the better. */
    priority: number;
    /** Among those of one priority, how large a share each should get. */
    weight: number;
    /** The service's port. */
    port: number;
    /** The host's name; '' if there is no such service. */
    target: string;
  };
  /** The zone's beginning. */
  SOA: StartOfAuthority;
  /** Who may certify (RFC 8659 §4). */
  CAA: {
    /** Who does not know the tag must not certify. */
    critical: boolean;
    /** `issue`, `issuewild`, `iodef`, … */
    tag: string;
    /** What the tag is about: a certifier's name, for instance. */
    value: string;
  };
  /** How names become addresses of services. */
  NAPTR: NamingAuthority;
  /** Where a service is, and how it is spoken to. */
  SVCB: ServiceBinding;
  /** The same for `https:` (RFC 9460 §9). */
  HTTPS: ServiceBinding;
  /** A type that is none of these; only an ANY query finds it. */
  OTHER: {
    /** The number of the type. */
    code: number;
    /** What the record says, as it came. */
    data: Uint8Array;
  };
}

/** Types of records that are told apart; all others are `OTHER`. */
export type DnsRecordType = keyof DnsRecordData;

/** What can be asked for. */
export type DnsQueryType = Exclude<DnsRecordType, 'OTHER'> | 'ANY';

/** What all records have. */
export interface DnsRecordHeader<Type extends DnsRecordType> {
  /** Which of the record types it is. */
  type: Type;
  /** Whose record it is, which is another name than was asked for where that is an alias. */
  name: string;
  /** Seconds for which it still holds. */
  ttl: number;
}

/** A record, told apart by `type`. */
export type DnsRecord<Type extends DnsRecordType = DnsRecordType> = {
  [Each in Type]: DnsRecordHeader<Each> & DnsRecordData[Each];
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
      /** The reply came. */
      ok: true;
      /** Which request it answers, from 0. */
      sequence: number;
      /** The address that answered. */
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
  | {
      /** Nothing came in time. */
      ok: false;
      /** Which request is meant, from 0. */
      sequence: number;
      /** Nobody said why. */
      reason: 'timeout';
    }
  | {
      /** An ICMP message says that it did not arrive. */
      ok: false;
      /** Which request is meant, from 0. */
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
  /** `host:port` where it was heard last, or as configured; undefined: it has to call first. */
  endpoint: string | undefined;
  /** CIDR text. */
  allowedIps: string[];
  /** When a session was last established; undefined: never. */
  latestHandshake: Date | undefined;
  /** Bytes of outer datagrams received from this peer. */
  transferRx: number;
  /** Bytes of outer datagrams sent to this peer. */
  transferTx: number;
  /** Seconds; 0 is off. */
  persistentKeepalive: number;
  /** Initiations sent since the last answer. */
  handshakeAttempts: number;
  /** What was refused of what it sent, by reason. */
  drops: Record<string, number>;
}

/** What is wrong with an endpoint. */
export interface EndpointProblem {
  /** `host:port`, as configured. */
  endpoint: string;
  /** Why; its code begins with `ERR_RELAY_`, or is ERR_NAME_NOT_RESOLVED, … */
  error: PlainError;
}

/** Where an endpoint sees us. */
export interface EndpointPort {
  /** `host:port`, as configured. */
  endpoint: string;
  /** The UDP port that our datagrams come from there. */
  port: number;
}

/** What carries the outer datagrams: this machine's UDP sockets, or a relay. Times in milliseconds. */
export interface TransportStatus {
  /** `connecting`, `open`; `waiting` to try again at `retryAt`; `idle`; `failed` for good. */
  state: 'connecting' | 'open' | 'waiting' | 'idle' | 'failed';
  /** `udp`, or the URL of the relay in use. */
  via: string;
  /** Round-trip time to the relay in milliseconds: the least of late, which is the way's own. */
  rtt?: number | undefined;
  /** Bytes that have not reached the relay yet, as far as is known. */
  queued?: number | undefined;
  /** Of `waiting`: when it tries again. */
  retryAt?: Date | undefined;
  /** Of `waiting` and `failed`: why. */
  error?: PlainError | undefined;
  /** Endpoints that cannot be reached, though the transport itself may work. */
  problems: EndpointProblem[];
  /** What is not as configured with endpoints that can be reached all the same: a relay that does not listen for them. */
  notices?: EndpointProblem[];
  /** The UDP port that each endpoint sees us come from, where known; with ListenPort, where it may call us. */
  localPorts: EndpointPort[];
}

/** One socket of the tunnel, as `ss` lists it. */
export interface SocketStatus {
  /** Which kind of socket. */
  protocol: 'tcp' | 'udp';
  /** TCP's in RFC 9293's names; of UDP `CONNECTED`, or `BOUND` where it hears everybody. */
  state: string;
  /** Our end, as text. */
  localAddress: string;
  /** Our end. */
  localPort: number;
  /** Absent where there is no other end. */
  remoteAddress?: string | undefined;
  /** Likewise. */
  remotePort?: number | undefined;
  /** Of payload. */
  bytesSent: number;
  /** Likewise. */
  bytesReceived: number;
  /** Of a TCP connection. */
  tcp?: TcpSocketInfo | undefined;
}

/** What `configure` did. */
export interface ConfigureReport {
  /** Public keys (base64), each in one list at most. Peers in none were not touched. */
  peers: {
    /** They were not there before. */
    added: string[];
    /** They are not there any more. */
    removed: string[];
    /** They have another endpoint, preshared key, keepalive or other AllowedIPs now. */
    changed: string[];
  };
  /** One entry for each change that concerns more than single peers. */
  resets: ConfigureReset[];
}

/** One thing that a new configuration changed, and what that ended. */
export interface ConfigureReset {
  /** What is another. */
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
  /** Ours, base64. */
  publicKey: string;
  /** The UDP port that we hear on; unknown behind a relay, where `transport.localPorts` says what each peer sees. */
  listenPort: number | undefined;
  /** As configured; 0 is off. It has no effect here. */
  fwmark: number;
  /** Ours inside, CIDR text. */
  addresses: string[];
  /** Of inner packets, in bytes. */
  mtu: number;
  /** All that are configured, in that order. */
  peers: PeerStatus[];
  /** What carries the outer datagrams. */
  transport: TransportStatus;
  /** Of all connections together. */
  tcp: {
    /** Those that are open now. */
    connections: number;
    /** Segments that were sent again since the beginning. */
    retransmits: number;
    /**
     * Connections, since the beginning, whose large packets were lost on the way again and again while smaller ones
     * arrived: a smaller MTU helps. Only what we send shows it.
     */
    blackHoles: number;
  };
  /** What was refused, by layer and reason. */
  drops: {
    /** Outer datagrams, and inner packets whose source is not the peer's. */
    wireguard: Record<string, number>;
    /** Inner packets. */
    netstack: Record<string, number>;
    /** What the relay, or UDP, did not take or brought in vain. */
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
  /** Answered with `sent`. What is sent after it is sent by it. */
  | { type: 'tune'; id: number; options: UdpTuning }
  /** Of a socket that is not connected: whose answers that they cannot be reached (ICMP) come as `unreachable` from now on. */
  | { type: 'heed'; remote: SocketName | undefined }
  | { type: 'unreachable'; error: PlainError }
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
