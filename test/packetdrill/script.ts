// What a script says, once it is read: the nouns of packetdrill's language.

/** A construct that the runner knows but does not offer: the file is left out, and the report says why. */
export class Skip extends Error {}

/** What is wrong with a script, or with what happened while it ran, and where. */
export class ScriptFailure extends Error {
  readonly line: number;
  readonly expected: string;
  readonly got: string;

  constructor(line: number, expected: string, got: string) {
    super(`line ${line}: expected ${expected}, got ${got}`);
    this.line = line;
    this.expected = expected;
    this.got = got;
  }
}

export interface Script {
  readonly options: ScriptOption[];
  /** What stands in back-ticks before the first event. */
  readonly setUp: Command | undefined;
  readonly events: ScriptEvent[];
}

/** `--name=value`. */
export interface ScriptOption {
  readonly line: number;
  readonly name: string;
  readonly value: string | undefined;
}

export interface Command {
  readonly line: number;
  readonly text: string;
}

/** In microseconds: since the start of the script, or since the event before. */
export interface EventTime {
  readonly kind: 'absolute' | 'relative' | 'any';
  readonly start: number;
  /** The end of `a~b`. */
  readonly end: number | undefined;
}

export interface ScriptEvent {
  readonly line: number;
  /** As it is written, on one line. */
  readonly text: string;
  readonly time: EventTime;
  readonly action: Action;
}

export type Action =
  | { readonly kind: 'inbound'; readonly packet: ScriptPacket }
  | { readonly kind: 'outbound'; readonly packet: ScriptPacket }
  | { readonly kind: 'call'; readonly call: ScriptCall }
  | { readonly kind: 'command'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string };

export interface ScriptPacket {
  readonly ip: IpNotes;
  /** As the script numbers them; undefined: those of the connection under test. */
  readonly ports: { readonly source: number; readonly destination: number } | undefined;
  readonly body: TcpBody | UdpBody | IcmpBody;
}

/** What is said of the IP header. */
export interface IpNotes {
  readonly ecn: 'noecn' | 'ect0' | 'ect1' | 'ce' | 'ect01' | undefined;
  readonly tos: number | undefined;
  readonly ttl: number | undefined;
}

export interface TcpBody {
  readonly protocol: 'tcp';
  /** Letters of `FSRP.UEW`, in that order. */
  readonly flags: string;
  readonly sequence: number;
  readonly length: number;
  readonly acknowledgment: number | undefined;
  readonly window: number | undefined;
  readonly urgent: number;
  /** 'any' is `<...>`. */
  readonly options: TcpOption[] | 'any';
}

export type TcpOption =
  | { readonly kind: 'nop' | 'eol' | 'sackOK' }
  | { readonly kind: 'mss' | 'wscale'; readonly value: number }
  | { readonly kind: 'TS'; readonly value: number; readonly echo: number }
  | { readonly kind: 'sack'; readonly blocks: SackBlock[] }
  /** Fast Open's cookie, or any other option that is only bytes to us. */
  | { readonly kind: 'FO' | 'FOEXP' | 'md5'; readonly bytes: number[] };

export interface SackBlock {
  readonly start: number;
  readonly end: number;
}

export interface UdpBody {
  readonly protocol: 'udp';
  readonly length: number;
  /** Of one that comes: its checksum is left out, or wrong. */
  readonly checksum: 'none' | 'wrong' | undefined;
  /** Of one that comes: bytes of its end that are missing. */
  readonly cut: number;
}

export interface IcmpBody {
  readonly protocol: 'icmp';
  readonly type: string;
  readonly code: string | undefined;
  readonly mtu: number | undefined;
  /** What of our packet the message quotes. */
  readonly quoted:
    | { readonly protocol: 'tcp'; readonly sequence: number; readonly length: number }
    | { readonly protocol: 'udp'; readonly length: number };
}

export interface ScriptCall {
  readonly name: string;
  readonly parameters: Expression[];
  readonly result: Expression;
  /** `EAGAIN`, after a result of −1. */
  readonly error: string | undefined;
  /** When a call that blocks returns, on the same scale as the event's time; undefined: at once. */
  readonly end: number | undefined;
}

export type Expression =
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'word'; readonly name: string }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'list'; readonly items: Expression[] }
  /** `{name = value, …}`; entries without a name have ''. */
  | { readonly kind: 'struct'; readonly entries: StructEntry[] }
  | { readonly kind: 'or'; readonly left: Expression; readonly right: Expression }
  /** `htons(8080)`. */
  | { readonly kind: 'apply'; readonly name: string; readonly parameters: Expression[] };

export interface StructEntry {
  readonly name: string;
  readonly value: Expression;
}
