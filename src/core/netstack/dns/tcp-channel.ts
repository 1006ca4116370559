// DNS over TCP (RFC 7766): one connection to a server for whoever needs it, each message behind its length.

import type { IpAddress } from '../../address.ts';
import type { DropCounters } from '../../counters.ts';
import type { Environment } from '../../environment.ts';
import type { TunnelError } from '../../errors.ts';
import { type Instant, type Millis, NEVER, type Pollable, SECOND } from '../../time.ts';
import { DNS_PORT, type DnsMessage, type RecordType, readMessage, writeQuery } from '../../wire/dns.ts';
import type { NetStackDrop } from '../drops.ts';
import type { TcpConnection } from '../tcp/connection.ts';
import type { TcpObserver } from '../tcp/state.ts';
import { judge, type SentQuery } from './acceptance.ts';
import type { NameNetwork } from './network.ts';
import { printed } from './udp-query.ts';

/** RFC 7766 §6.2.3 leaves it to us: how long a connection nobody needs stays. */
const IDLE: Millis = 5 * SECOND;
const LENGTH_BYTES = 2;
const READ_STEP = 16 * 1024;

export interface TcpQuestion {
  readonly wire: Uint8Array;
  readonly type: RecordType;
  readonly edns: boolean;
}

/** A question on its way over TCP. Looked at after each poll: one of `answer` and `failure` ends it. */
export class TcpAsk implements SentQuery {
  readonly id: number;
  readonly name: string;
  readonly type: RecordType;
  readonly edns: boolean;
  readonly bytes: Uint8Array;
  readonly sentAt: Instant;
  answer: DnsMessage | undefined;
  /** For a sentence that begins with the server. */
  failure: string | undefined;
  /** Whether the connection on which it was sent has ended once already. */
  isAgain = false;

  constructor(id: number, { wire, type, edns }: TcpQuestion, now: Instant) {
    this.id = id;
    this.name = printed(wire);
    this.type = type;
    this.edns = edns;
    this.sentAt = now;
    const message = writeQuery({ id, name: wire, type, edns });
    this.bytes = new Uint8Array(LENGTH_BYTES + message.length);
    this.bytes[0] = message.length >> 8;
    this.bytes[1] = message.length & 255;
    this.bytes.set(message, LENGTH_BYTES);
  }
}

export interface ChannelHost {
  readonly network: NameNetwork;
  readonly environment: Environment;
  readonly drops: DropCounters<NetStackDrop>;
  readonly noted: () => void;
}

export class TcpChannel implements Pollable, TcpObserver {
  readonly #address: IpAddress;
  readonly #host: ChannelHost;
  #connection: TcpConnection | undefined;
  #isConnected = false;
  /** Why the connection is over, if it is. */
  #end: { readonly error: TunnelError | undefined } | undefined;
  /** Something happened to the connection since the last poll. */
  #isNoted = false;
  readonly #pending = new Map<number, TcpAsk>();
  /** Bytes that the connection has not taken yet. */
  #unsent: Uint8Array[] = [];
  #received = new Uint8Array(0);
  #receivedBytes = 0;
  /** Answers on this connection. */
  #answers = 0;
  #heardAt: Instant = 0;
  #idleSince: Instant = NEVER;

  constructor(address: IpAddress, host: ChannelHost) {
    this.#address = address;
    this.#host = host;
  }

  get isOpen(): boolean {
    return this.#connection !== undefined;
  }

  /** Throws a TunnelError: ERR_NO_ROUTE, ERR_LIMIT. */
  ask(question: TcpQuestion, now: Instant): TcpAsk {
    const ask = new TcpAsk(this.#freshId(), question, now);
    this.#connection ??= this.#connect(now);
    this.#send(ask);
    return ask;
  }

  /** Nobody waits for it any more. A connection on which nothing came all the while is left to nobody else. */
  forget(ask: TcpAsk, isOverdue: boolean): void {
    this.#pending.delete(ask.id);
    if (isOverdue && this.#heardAt < ask.sentAt) this.#drop();
    else this.#note();
  }

  /** Ends the connection; whoever waits is told. */
  close(): void {
    this.#failAll('is not asked any more');
    this.#drop();
  }

  // As TcpObserver.
  connected(): void {
    this.#isConnected = true;
    this.#note();
  }

  readable(): void {
    this.#note();
  }

  writable(): void {
    this.#note();
  }

  closed(error?: TunnelError): void {
    this.#end = { error };
    this.#note();
  }

  pollAt(): Instant {
    return this.#isNoted ? 0 : this.#idleSince + IDLE;
  }

  poll(now: Instant): void {
    this.#isNoted = false;
    const connection = this.#connection;
    if (!connection) return;
    if (this.#isConnected) this.#flush(connection);
    this.#read(connection, now);
    if (this.#end || connection.readEnded) this.#ended(now);
    else if (this.#pending.size > 0) this.#idleSince = NEVER;
    else if (this.#idleSince === NEVER) this.#idleSince = now;
    else if (now >= this.#idleSince + IDLE) this.#drop();
  }

  #note(): void {
    this.#isNoted = true;
    this.#host.noted();
  }

  #connect(now: Instant): TcpConnection {
    const remote = { address: this.#address, port: DNS_PORT };
    const connection = this.#host.network.connectTcp(remote, { noDelay: true }, now);
    connection.observer = this;
    return connection;
  }

  #send(ask: TcpAsk): void {
    this.#pending.set(ask.id, ask);
    this.#idleSince = NEVER;
    this.#unsent.push(ask.bytes);
    this.#note();
  }

  #flush(connection: TcpConnection): void {
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent[0]!;
      const written = connection.write(bytes);
      if (written < bytes.length) {
        this.#unsent[0] = bytes.subarray(written);
        return;
      }
      this.#unsent.shift();
    }
  }

  #read(connection: TcpConnection, now: Instant): void {
    if (connection.readableBytes > 0) this.#heardAt = now;
    while (connection.readableBytes > 0) {
      this.#makeRoom();
      this.#receivedBytes += connection.readInto(this.#received.subarray(this.#receivedBytes));
      this.#takeMessages();
    }
  }

  #makeRoom(): void {
    if (this.#received.length - this.#receivedBytes >= READ_STEP) return;
    const larger = new Uint8Array(this.#receivedBytes + 2 * READ_STEP);
    larger.set(this.#received.subarray(0, this.#receivedBytes));
    this.#received = larger;
  }

  /** A message has at most 65,535 bytes, and so has what waits for the rest of one. */
  #takeMessages(): void {
    let at = 0;
    while (this.#receivedBytes - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + ((this.#received[at]! << 8) | this.#received[at + 1]!);
      if (end > this.#receivedBytes) break;
      this.#take(this.#received.subarray(at + LENGTH_BYTES, end));
      at = end;
    }
    this.#received.copyWithin(0, at, this.#receivedBytes);
    this.#receivedBytes -= at;
    if (this.#receivedBytes === 0) this.#received = new Uint8Array(0);
  }

  #take(bytes: Uint8Array): void {
    const message = readMessage(bytes);
    if (!message) {
      this.#host.drops.count('dns-malformed');
      return;
    }
    const ask = this.#pending.get(message.id);
    // Nobody forges here: a server that does not keep the case of letters is forgiven.
    if (!ask || judge(message, ask) === 'foreign') {
      this.#host.drops.count('dns-unexpected');
      return;
    }
    this.#pending.delete(ask.id);
    this.#answers++;
    if (message.isTruncated) ask.failure = 'sent a truncated answer over TCP';
    else ask.answer = message;
  }

  /**
   * The server may close a connection at any time (RFC 7766 §6.2.4). What was asked on one that had served before is
   * asked once more on a new one.
   */
  #ended(now: Instant): void {
    const again = this.#answers > 0 ? [...this.#pending.values()].filter((ask) => !ask.isAgain) : [];
    for (const ask of again) this.#pending.delete(ask.id);
    const { error } = this.#end ?? {};
    this.#failAll(error?.code === 'ERR_CONNECTION_REFUSED' ? 'refuses TCP' : 'did not answer over TCP');
    this.#drop();
    if (again.length === 0) return;
    try {
      this.#connection = this.#connect(now);
    } catch {
      for (const ask of again) ask.failure = 'did not answer over TCP';
      return;
    }
    for (const ask of again) {
      ask.isAgain = true;
      this.#send(ask);
    }
  }

  #failAll(failure: string): void {
    for (const ask of this.#pending.values()) ask.failure = failure;
    this.#pending.clear();
  }

  /** A FIN if it was open, nothing if it never was. */
  #drop(): void {
    const connection = this.#connection;
    if (!connection) return;
    connection.observer = undefined;
    if (this.#isConnected) connection.close();
    else connection.abort();
    for (const ask of this.#pending.values()) ask.failure = 'did not answer over TCP';
    this.#pending.clear();
    this.#connection = undefined;
    this.#isConnected = false;
    this.#end = undefined;
    this.#unsent = [];
    this.#received = new Uint8Array(0);
    this.#receivedBytes = 0;
    this.#answers = 0;
    this.#idleSince = NEVER;
  }

  #freshId(): number {
    const bytes = new Uint8Array(2);
    for (;;) {
      this.#host.environment.fillRandom(bytes);
      const id = (bytes[0]! << 8) | bytes[1]!;
      if (!this.#pending.has(id)) return id;
    }
  }
}
