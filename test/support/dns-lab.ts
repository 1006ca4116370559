import { IpAddress } from '../../src/core/address.ts';
import type { Resolution } from '../../src/core/netstack/dns/resolution.ts';
import type { ResolverConfig } from '../../src/core/netstack/dns/resolver.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../src/core/netstack/tcp/listener.ts';
import type { UdpBinding } from '../../src/core/netstack/udp-binding.ts';
import { type Instant, type Millis, NEVER, type Pollable } from '../../src/core/time.ts';
import type { RecordType } from '../../src/core/wire/dns.ts';
import { DNS_TYPES, type DnsMessageFields, dnsMessage } from './dns-messages.ts';
import { LoneStack } from './lone-stack.ts';
import { concat, u16 } from './packets.ts';

/** A query as a server sees it, read plainly. */
export interface SeenQuery {
  readonly id: number;
  /** In the case in which it came. */
  readonly name: string;
  /** The same in lower case: what servers answer by. */
  readonly lower: string;
  readonly type: string;
  /** The UDP size of its OPT record. */
  readonly edns: number | undefined;
  readonly over: 'udp' | 'tcp';
  /** The server that was asked, and from which port. */
  readonly server: string;
  readonly port: number;
  readonly at: Instant;
  readonly bytes: Uint8Array;
}

/** What a server sends, and when; bytes are sent as they are. */
export interface Reply {
  readonly bytes: Uint8Array;
  readonly after?: Millis;
}

export type ReplyFields = DnsMessageFields | Uint8Array | Reply;

/** A server's mind: nothing is silence. */
export type Serve = (query: SeenQuery) => ReplyFields | ReplyFields[] | undefined;

/** The answer to a query, with its ID and question unless said otherwise. */
export function replyTo(query: SeenQuery, fields: DnsMessageFields): Uint8Array {
  return dnsMessage({ id: query.id, questions: [{ name: query.name, type: query.type }], ...fields });
}

const typeNames = new Map(Object.entries(DNS_TYPES).map(([name, code]) => [code, name]));

export function readQuery(
  bytes: Uint8Array,
  from: Omit<SeenQuery, 'id' | 'name' | 'lower' | 'type' | 'edns' | 'bytes'>,
): SeenQuery {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const labels: string[] = [];
  let at = 12;
  for (; bytes[at] !== 0; at += 1 + bytes[at]!)
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + bytes[at]!)));
  const name = labels.join('.');
  const hasOpt = view.getUint16(10) === 1;
  const code = view.getUint16(at + 1);
  return {
    ...from,
    id: view.getUint16(0),
    name,
    lower: name.toLowerCase(),
    type: typeNames.get(code) ?? `${code}`,
    edns: hasOpt ? view.getUint16(at + 8) : undefined,
    bytes: bytes.slice(),
  };
}

/**
 * Our stack, and another that has DNS servers on several addresses; packets between them take no time unless `delay`
 * says so. What each server does is the test's.
 */
export class DnsLab implements Pollable {
  readonly us: LoneStack;
  readonly them: LoneStack;
  readonly queries: SeenQuery[] = [];
  /** By address; addresses without a server answer with ICMP. */
  readonly servers = new Map<string, Serve>();
  now: Instant = 5000;
  delay: Millis = 0;
  /** Decides whether a packet is lost. */
  isLost: (packet: Uint8Array, isOurs: boolean) => boolean = () => false;
  /** Closes TCP connections behind so many answers. */
  answersPerConnection = Number.POSITIVE_INFINITY;
  /** Sends TCP answers in pieces of so many bytes. */
  pieceBytes = 65_536;
  tcpConnections = 0;
  readonly #flights: { at: Instant; to: LoneStack; packet: Uint8Array }[] = [];
  readonly #timers: { at: Instant; run: () => void }[] = [];
  readonly #bindings: UdpBinding[] = [];
  readonly #listeners: TcpListener[] = [];
  readonly #clients: TcpClient[] = [];

  constructor(
    options: {
      servers?: Record<string, Serve>;
      config?: Partial<ResolverConfig>;
      ours?: string[];
      theirs?: string[];
      tcp?: boolean;
      seed?: number;
      hasRoute?: (address: IpAddress) => boolean;
    } = {},
  ) {
    const servers = options.servers ?? {};
    const { seed = 1, hasRoute } = options;
    this.us = new LoneStack({
      seed,
      ...(options.ours && { addresses: options.ours }),
      ...(hasRoute && { hasRoute }),
    });
    const addresses = [...Object.keys(servers), ...(options.theirs ?? [])];
    this.them = new LoneStack({
      seed: seed + 1000,
      addresses: addresses.map((address) => `${address}/${address.includes(':') ? 64 : 24}`),
    });
    for (const [address, serve] of Object.entries(servers)) this.#serve(address, serve, options.tcp ?? true);
    this.configure({
      servers: Object.keys(servers).map((address) => IpAddress.parse(address)!),
      ...options.config,
    });
  }

  get names() {
    return this.us.stack.names;
  }

  configure(config: Partial<ResolverConfig>): void {
    this.names.configure({ servers: [], searchDomains: [], ...config }, this.now);
  }

  resolve(name: string, type: RecordType = 'A'): Resolution {
    return this.names.resolve(name, type, this.now);
  }

  /** Looks up and waits. Addresses as text, other records as they are; a failure is its error. */
  lookUp(name: string, type: RecordType = 'A', patience = 60_000): unknown {
    const resolution = this.resolve(name, type);
    this.runUntil(() => resolution.outcome !== undefined, patience);
    const { outcome } = resolution;
    if (!outcome) throw new Error(`${name} ${type} is not settled`);
    if ('error' in outcome) return outcome.error;
    return outcome.records.map((record) => ('address' in record ? record.address.toString() : record));
  }

  /** Everything that happens for so long, each thing at its time. */
  run(duration: Millis): void {
    this.runUntil(() => false, duration);
  }

  runUntil(isDone: () => boolean, patience: Millis): void {
    const end = this.now + patience;
    for (let turns = 0; ; turns++) {
      this.poll(this.now);
      if (isDone()) return;
      const next = this.pollAt();
      if (next > end) {
        this.now = end;
        this.poll(end);
        return;
      }
      if (next > this.now) {
        this.now = next;
        turns = 0;
      }
      if (turns > 1000) throw new Error(`time stands still at ${this.now}`);
    }
  }

  pollAt(): Instant {
    const at = [...this.#flights, ...this.#timers].reduce((least, { at }) => Math.min(least, at), NEVER);
    return Math.min(at, this.us.stack.pollAt(), this.them.stack.pollAt());
  }

  poll(now: Instant): void {
    this.us.now = this.them.now = now;
    for (const due of this.#timers.filter(({ at }) => at <= now)) {
      this.#timers.splice(this.#timers.indexOf(due), 1);
      due.run();
    }
    for (const due of this.#flights.filter(({ at }) => at <= now)) {
      this.#flights.splice(this.#flights.indexOf(due), 1);
      due.to.receive(due.packet);
    }
    for (const client of [...this.#clients]) client.poll();
    for (const listener of this.#listeners) this.#accept(listener);
    this.us.poll();
    this.them.poll();
    this.#carry(this.us, this.them);
    this.#carry(this.them, this.us);
  }

  /** Does it later. */
  after(delay: Millis, run: () => void): void {
    this.#timers.push({ at: this.now + delay, run });
  }

  /** Hands a packet to us, as if it came from inside. */
  inject(packet: Uint8Array): void {
    this.us.now = this.now;
    this.us.receive(packet);
  }

  #carry(from: LoneStack, to: LoneStack): void {
    for (const packet of from.take())
      if (!this.isLost(packet, from === this.us))
        this.#flights.push({ at: this.now + this.delay, to, packet });
  }

  #serve(text: string, serve: Serve, tcp: boolean): void {
    this.servers.set(text, serve);
    const address = IpAddress.parse(text)!;
    const binding = this.them.stack.bindUdp({ address, port: 53 });
    binding.observer = {
      readable: () => {
        for (let message = binding.receive(); message; message = binding.receive()) {
          const { data, remote } = message;
          const from = { server: text, port: remote.port, over: 'udp' as const, at: this.now };
          this.#answer(readQuery(data, from), (bytes) => binding.send(bytes, remote));
        }
      },
      failed: () => {},
    };
    this.#bindings.push(binding);
    if (tcp) this.#listeners.push(this.them.stack.listenTcp({ address, port: 53 }, this.now));
  }

  #answer(query: SeenQuery, send: (bytes: Uint8Array) => void): void {
    this.queries.push(query);
    const replies = this.servers.get(query.server)?.(query);
    for (const reply of Array.isArray(replies) ? replies : replies ? [replies] : []) {
      const { bytes, after = 0 } = asReply(query, reply);
      if (after === 0) send(bytes);
      else this.after(after, () => send(bytes));
    }
  }

  #accept(listener: TcpListener): void {
    for (let connection = listener.accept(); connection; connection = listener.accept()) {
      this.tcpConnections++;
      const server = listener.local.address.toString();
      this.#clients.push(new TcpClient(this, connection, server, (query, send) => this.#answer(query, send)));
    }
  }
}

export function asReply(query: SeenQuery, reply: ReplyFields): Reply {
  if (reply instanceof Uint8Array) return { bytes: reply };
  return 'bytes' in reply ? reply : { bytes: replyTo(query, reply) };
}

/** A server's side of a TCP connection. */
class TcpClient {
  readonly #lab: DnsLab;
  readonly #connection: TcpConnection;
  readonly #server: string;
  readonly #answer: (query: SeenQuery, send: (bytes: Uint8Array) => void) => void;
  #received = new Uint8Array(0);
  #unsent = new Uint8Array(0);
  #answers = 0;
  #isShut = false;

  constructor(
    lab: DnsLab,
    connection: TcpConnection,
    server: string,
    answer: (query: SeenQuery, send: (bytes: Uint8Array) => void) => void,
  ) {
    this.#lab = lab;
    this.#connection = connection;
    this.#server = server;
    this.#answer = answer;
  }

  poll(): void {
    const connection = this.#connection;
    if (connection.readableBytes > 0) {
      const bytes = new Uint8Array(connection.readableBytes);
      connection.readInto(bytes);
      this.#received = concat(this.#received, bytes) as Uint8Array<ArrayBuffer>;
    }
    while (this.#received.length >= 2 && this.#answers < this.#lab.answersPerConnection) {
      const length = this.#received[0]! * 256 + this.#received[1]!;
      if (this.#received.length < 2 + length) break;
      const message = this.#received.slice(2, 2 + length);
      this.#received = this.#received.slice(2 + length);
      const from = {
        server: this.#server,
        port: connection.remote.port,
        over: 'tcp' as const,
        at: this.#lab.now,
      };
      this.#answer(readQuery(message, from), (bytes) => this.#send(concat(u16(bytes.length), bytes)));
      this.#answers++;
    }
    const mayShut = connection.readEnded || this.#answers >= this.#lab.answersPerConnection;
    if (mayShut && this.#unsent.length === 0 && !this.#isShut) {
      this.#isShut = true;
      connection.shutdown();
    }
  }

  #send(bytes: Uint8Array): void {
    const isFirst = this.#unsent.length === 0;
    this.#unsent = concat(this.#unsent, bytes) as Uint8Array<ArrayBuffer>;
    if (isFirst) this.#sendPiece();
  }

  #sendPiece(): void {
    const piece = this.#unsent.subarray(0, this.#lab.pieceBytes);
    const written = this.#connection.write(piece);
    this.#unsent = this.#unsent.slice(written);
    if (this.#unsent.length > 0) this.#lab.after(1, () => this.#sendPiece());
  }
}
