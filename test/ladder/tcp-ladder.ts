// Timed ladders for TCP: a script tells what the peer sends and what the application does, and what must leave, and
// when. The notation is packetdrill's, with times in milliseconds since the line before:
//
//   +0    connect
//   +0    > S 0:0(0) <mss 1380>           this must leave now: exactly this, nothing before it
//   +100  < S. 0:0(0) ack 1 win 5000      the peer's segment arrives
//   +0    <+ . 1:1001(1000) ack 1         as `<`, but the batch goes on with the next line
//   +0    write 1000 | read 1000 | read | shutdown | close | abort | accept | listen | poll
//   +0    state ESTABLISHED
//   +5000 nothing                         until now, nothing may have left
//
// Numbers are relative to the initial sequence numbers; both sides' bytes follow a pattern and are checked. Of a
// segment that must leave, ack, window and options are compared where the line gives them.
import type { SocketAddress } from '../../src/core/address.ts';
import type { TunnelError } from '../../src/core/errors.ts';
import type { TcpConnection } from '../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../src/core/netstack/tcp/listener.ts';
import type { ConnectOptions, ListenOptions } from '../../src/core/netstack/tcp/state.ts';
import { TcpLayer } from '../../src/core/netstack/tcp/tcp-layer.ts';
import { PacketBuffer, plainMemory } from '../../src/core/packet-buffer.ts';
import { sum16 } from '../../src/core/wire/checksum.ts';
import { readTcp, SYN, TcpSegment } from '../../src/core/wire/tcp.ts';
import { FakeIp, hashEnvironment, socketAddress } from '../core/netstack/tcp/fake-ip.ts';

const FLAGS = 'FSRP.UEW';
/** The last two bits of the IP header's TOS, as `[ect0]` or `[ce]` before the flags says them. */
const CODEPOINTS = ['', '[ect1] ', '[ect0] ', '[ce] '];
/** What time may differ by: timestamps and timers tick in milliseconds. */
const TOLERANCE = 1;
/** The peer's initial sequence number: close to the wrap, so that every ladder crosses it. */
const PEER_ISN = -500;

export interface LadderOptions {
  version?: 4 | 6;
  mtu?: number;
  connect?: ConnectOptions;
  listen?: ListenOptions;
  bufferLimit?: number;
  ecn?: 'answer' | 'ask';
}

interface Sent {
  at: number;
  codepoint: string;
  flags: string;
  start: number;
  length: number;
  ack: number | undefined;
  window: number;
  urgent: number;
  options: string;
  payload: Uint8Array;
}

/** The byte at `offset` of either stream. */
function pattern(offset: number): number {
  return (offset * 7 + (offset >> 8)) & 255;
}

function patternBytes(offset: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => pattern(offset + i));
}

export class Ladder {
  now = 10_000;
  readonly ip: FakeIp;
  readonly layer: TcpLayer;
  connection: TcpConnection | undefined;
  listener: TcpListener | undefined;
  /** What the observer was told, in order. */
  readonly events: string[] = [];
  error: TunnelError | undefined;
  readonly #options: LadderOptions;
  readonly #memory = plainMemory(1 << 16, 16);
  readonly #incoming: PacketBuffer;
  readonly #local;
  readonly #remote;
  #localPort = 80;
  #queue: Sent[] = [];
  #iss: number | undefined;
  #tsBase: number | undefined;
  #lastTsVal = 0;
  #written = 0;
  #read = 0;
  /** From the initial sequence number before to the last one we chose. */
  isnStep = 0;
  /** What the peer calls its port; scripts for a listener may change it to become another client. */
  remotePort = 4000;
  #line = '';
  #inBatch = false;

  constructor(options: LadderOptions = {}) {
    this.#options = options;
    const [ours, theirs] = options.version === 6 ? ['fd00::1', 'fd00::2'] : ['10.0.0.1', '10.0.0.2'];
    this.#local = socketAddress(ours, 0);
    this.#remote = socketAddress(theirs, 80);
    this.ip = new FakeIp([this.#local.address], this.#memory, options.mtu ?? 1420);
    this.ip.outlet = (packet, header) => this.#take(packet, header.addresses, header.tos);
    const { bufferLimit, ecn = 'answer' } = options;
    const layerOptions = bufferLimit === undefined ? { ecn } : { bufferLimit, ecn };
    this.layer = new TcpLayer(this.ip, hashEnvironment(1, this.#memory), layerOptions);
    const { slots } = this.#memory;
    this.#incoming = new PacketBuffer(this.#memory, { start: slots.start + 32_768, end: slots.end });
  }

  /** The peer, at one of its ports. */
  remote(port: number): SocketAddress {
    return { address: this.#remote.address, port };
  }

  /** Runs a script; several in turn go on where the one before ended. */
  run(script: string): this {
    for (const raw of script.split('\n')) {
      const line = raw.replace(/#.*$/, '').trim();
      if (line === '') continue;
      this.#line = line;
      const match = /^\+(\d+(?:\.\d+)?)\s+(\S+)\s*(.*)$/.exec(line);
      if (!match) this.#fail('not understood');
      this.#step(Number(match![1]), match![2]!, match![3]!);
    }
    this.#expectNothing();
    return this;
  }

  #step(delay: number, verb: string, rest: string): void {
    const inBatch = this.#inBatch;
    this.#inBatch = verb === '<+';
    this.#advance(this.now + delay);
    if (verb === '>') {
      this.#expect(rest);
      return;
    }
    // Within a batch, what leaves is asked for when it is over.
    if (!inBatch) this.#expectNothing();
    this.#act(verb, rest);
    if (verb !== '<+') this.layer.poll(this.now);
  }

  #act(verb: string, rest: string): void {
    const count = rest === '' ? Number.POSITIVE_INFINITY : Number(rest);
    const connection = this.connection!;
    switch (verb) {
      case '<':
      case '<+':
        this.#inject(rest);
        return;
      case 'connect':
        this.adopt(this.layer.connect(this.#remote, this.#options.connect ?? {}, this.now));
        return;
      case 'listen':
        this.listener = this.layer.listen({ port: 80, ...this.#options.listen }, this.now);
        this.#localPort = 80;
        return;
      case 'accept': {
        const accepted = this.listener!.accept();
        if (!accepted) this.#fail('nothing to accept');
        this.adopt(accepted!);
        return;
      }
      case 'write': {
        const taken = connection.write(patternBytes(this.#written, count));
        this.#written += taken;
        if (taken !== count) this.#fail(`only ${taken} bytes were taken`);
        return;
      }
      case 'read': {
        const target = new Uint8Array(Math.min(count, connection.readableBytes));
        const length = connection.readInto(target);
        if (rest !== '' && length !== count) this.#fail(`only ${length} bytes were there`);
        this.#comparePattern(target, this.#read, 'read');
        this.#read += length;
        return;
      }
      case 'state':
        if (connection.state !== rest) this.#fail(`it is ${connection.state}`);
        return;
      case 'shutdown':
        connection.shutdown();
        return;
      case 'close':
        connection.close();
        return;
      case 'abort':
        connection.abort();
        return;
      case 'error':
        if ((this.error?.code ?? 'none') !== rest) this.#fail(`it is ${this.error?.code}`);
        return;
      case 'nothing':
      case 'poll':
        return;
      default:
        this.#fail(`there is no "${verb}"`);
    }
  }

  /** Makes it the connection the script is about. */
  adopt(connection: TcpConnection): void {
    this.connection = connection;
    this.#localPort = connection.local.port;
    connection.observer = {
      connected: () => this.events.push('connected'),
      readable: () => this.events.push('readable'),
      writable: () => this.events.push('writable'),
      stalled: () => this.events.push('stalled'),
      urgent: () => this.events.push('urgent'),
      closed: (error) => {
        this.events.push(error ? `closed ${error.code}` : 'closed');
        this.error = error;
      },
    };
  }

  /** Lets time pass, polling whenever something is due. What leaves is queued with its time. */
  #advance(target: number): void {
    for (let guard = 0; ; guard++) {
      if (guard > 10_000) this.#fail('it never comes to rest');
      const at = Math.max(this.layer.pollAt(), this.now);
      if (at > target || (at === target && target === this.now)) break;
      this.now = at;
      this.layer.poll(at);
      if (at === target) break;
    }
    this.now = target;
  }

  #expectNothing(): void {
    const [first] = this.#queue;
    if (first) this.#fail(`${print(first)} left at ${first.at - this.now} ms`);
  }

  #expect(text: string): void {
    const expected = parse(text);
    const sent = this.#queue.shift() ?? this.#fail('nothing left');
    const got = `${print(sent)} left ${(sent.at - this.now).toFixed(1)} ms from now`;
    if (Math.abs(sent.at - this.now) > TOLERANCE) this.#fail(got);
    if (expected.codepoint !== '' && sent.codepoint !== expected.codepoint) this.#fail(got);
    if (sent.flags !== expected.flags || sent.start !== expected.start || sent.length !== expected.length)
      this.#fail(got);
    if (expected.ack !== undefined && sent.ack !== expected.ack) this.#fail(got);
    if (expected.window !== undefined && sent.window !== expected.window) this.#fail(got);
    if (expected.urgent !== sent.urgent) this.#fail(got);
    if (expected.options !== undefined && sent.options !== expected.options) this.#fail(got);
    if (sent.length > 0 && sent.payload.length > 0)
      this.#comparePattern(sent.payload, sent.start - 1, 'sent');
  }

  #comparePattern(bytes: Uint8Array, offset: number, what: string): void {
    for (let i = 0; i < bytes.length; i++)
      if (bytes[i] !== pattern(offset + i)) this.#fail(`byte ${offset + i} ${what} is wrong`);
  }

  #take(packet: PacketBuffer, addresses: number, tos: number): void {
    const segment = new TcpSegment();
    const { view, memory, start, end } = packet;
    if (!readTcp(view, start, end, segment)) this.#fail('a malformed segment left');
    const sum = sum16(view, addresses, end, 6 + (end - start));
    if (sum !== 0xffff) this.#fail('a segment with a wrong checksum left');
    if (segment.has(SYN)) {
      this.isnStep = (segment.sequence - (this.#iss ?? segment.sequence)) | 0;
      this.#iss = segment.sequence;
    }
    if (segment.hasTimestamps) {
      this.#tsBase ??= segment.tsVal;
      this.#lastTsVal = segment.tsVal;
    }
    const letters = [...FLAGS].filter((_, bit) => segment.flags & (1 << bit)).join('');
    const hasAck = letters.includes('.');
    // A reset to nobody is numbered by what it answers, unless we know our own number.
    this.#queue.push({
      at: this.now,
      codepoint: CODEPOINTS[tos & 3]!,
      flags: ordered(letters),
      start: (segment.sequence - (this.#iss ?? 0)) | 0,
      length: segment.payloadLength,
      ack: hasAck ? (segment.acknowledgment - PEER_ISN) | 0 : undefined,
      window: segment.window,
      urgent: segment.urgentPointer,
      options: this.#printOptions(segment),
      payload: memory.slice(segment.payloadStart, segment.payloadEnd),
    });
  }

  #printOptions(segment: TcpSegment): string {
    const parts: string[] = [];
    if (segment.has(SYN) && segment.mss > 0) parts.push(`mss ${segment.mss}`);
    if (segment.has(SYN) && segment.sackPermitted) parts.push('sackOK');
    if (segment.hasTimestamps) parts.push(`TS ${(segment.tsVal - (this.#tsBase ?? 0)) | 0} ${segment.tsEcr}`);
    if (segment.has(SYN) && segment.windowScale >= 0) parts.push(`wscale ${segment.windowScale}`);
    const blocks: string[] = [];
    for (let i = 0; i < segment.sackCount; i++) {
      const [start, end] = segment.sackBlocks.subarray(2 * i, 2 * i + 2);
      blocks.push(`${(start! - PEER_ISN) | 0}:${(end! - PEER_ISN) | 0}`);
    }
    if (blocks.length > 0) parts.push(`sack ${blocks.join(' ')}`);
    return parts.join(',');
  }

  #inject(text: string): void {
    const { codepoint, flags, start, length, ack, window = 65_535, urgent, options = '' } = parse(text);
    const optionBytes = this.#optionBytes(options);
    const bytes = new Uint8Array(20 + optionBytes.length + length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, this.#options.connect ? 80 : this.remotePort);
    view.setUint16(2, this.#localPort);
    view.setInt32(4, start + PEER_ISN);
    view.setInt32(8, ack === undefined ? 0 : ack + (this.#iss ?? 0));
    view.setUint8(12, ((20 + optionBytes.length) / 4) << 4);
    let bits = 0;
    for (const letter of flags) bits |= 1 << FLAGS.indexOf(letter);
    view.setUint8(13, bits);
    view.setUint16(14, window);
    view.setUint16(18, urgent);
    bytes.set(optionBytes, 20);
    bytes.set(patternBytes(start - 1, length), 20 + optionBytes.length);
    this.injectBytes(bytes, false, Math.max(0, CODEPOINTS.indexOf(codepoint)));
  }

  /** A segment as it is, but for the checksum, which is put right unless `corrupt`. */
  injectBytes(bytes: Uint8Array, corrupt = false, tos = 0): void {
    const from = this.#remote.address.bytes;
    const to = this.#local.address.bytes;
    const packet = this.#incoming;
    const headers = from.length + to.length;
    packet.reset(64);
    const at = packet.append(headers + bytes.length);
    packet.memory.set(from, at);
    packet.memory.set(to, at + from.length);
    packet.memory.set(bytes, at + headers);
    if (bytes.length >= 18) {
      packet.view.setUint16(at + headers + 16, 0);
      const sum = sum16(packet.view, at, packet.end, 6 + bytes.length);
      packet.view.setUint16(at + headers + 16, (~sum & 0xffff) ^ (corrupt ? 1 : 0));
    }
    packet.trimFront(headers);
    const version = this.#options.version ?? 4;
    const header = { version, addresses: at, protocol: 6, ttl: 64, tos };
    this.layer.receiveSegment(packet, header, this.now);
  }

  /** An ICMP error that quotes a segment of ours with the (relative) sequence number. */
  icmp(kind: Parameters<TcpLayer['receiveError']>[2], sequence: number): void {
    const local = this.#local.address.bytes;
    const remote = this.#remote.address.bytes;
    const packet = this.#incoming;
    packet.reset(64);
    const at = packet.append(2 * local.length + 8);
    packet.memory.set(local, at);
    packet.memory.set(remote, at + local.length);
    const quoted = at + 2 * local.length;
    packet.view.setUint16(quoted, this.#localPort);
    packet.view.setUint16(quoted + 2, 80);
    packet.view.setInt32(quoted + 4, sequence + this.#iss!);
    packet.trimFront(2 * local.length);
    const version = this.#options.version ?? 4;
    this.layer.receiveError(packet, { version, addresses: at, protocol: 6, ttl: 64, tos: 0 }, kind, this.now);
    this.layer.poll(this.now);
  }

  #optionBytes(text: string): Uint8Array {
    const bytes: number[] = [];
    const word = (value: number) =>
      bytes.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
    for (const option of text.split(',').filter((part) => part !== '')) {
      const [name, ...values] = option.trim().split(' ');
      if (name === 'mss') bytes.push(2, 4, Number(values[0]) >> 8, Number(values[0]) & 255);
      else if (name === 'wscale') bytes.push(1, 3, 3, Number(values[0]));
      else if (name === 'sackOK') bytes.push(1, 1, 4, 2);
      else if (name === 'TS') {
        // `TS val` echoes our last; `TS val ecr` echoes what is said, relative to our first.
        bytes.push(1, 1, 8, 10);
        word(Number(values[0]));
        word(values[1] === undefined ? this.#lastTsVal : Number(values[1]) + (this.#tsBase ?? 0));
      } else if (name === 'sack') {
        bytes.push(1, 1, 5, 2 + 8 * values.length);
        for (const value of values)
          for (const edge of value.split(':')) word(Number(edge) + (this.#iss ?? 0));
      } else this.#fail(`there is no option "${name}"`);
    }
    return Uint8Array.from(bytes);
  }

  #fail(reason: string): never {
    throw new Error(`ladder: "${this.#line}": ${reason}`);
  }
}

interface Line {
  codepoint: string;
  flags: string;
  start: number;
  length: number;
  ack: number | undefined;
  window: number | undefined;
  urgent: number;
  options: string | undefined;
}

function parse(text: string): Line {
  const match =
    /^(\[\w+\] )?([FSRPUEW.-]+) (-?\d+):(-?\d+)\((\d+)\)(?: ack (-?\d+))?(?: win (\d+))?(?: urg (\d+))?(?: <(.*)>)?$/.exec(
      text,
    );
  if (!match) throw new Error(`ladder: "${text}" is no segment`);
  const [, codepoint = '', flags, start, end, length, ack, window, urgent, options] = match;
  if (Number(end) - Number(start) !== Number(length)) throw new Error(`ladder: lengths differ in "${text}"`);
  return {
    codepoint,
    flags: ordered(flags!.replace('-', '')),
    start: Number(start),
    length: Number(length),
    ack: ack === undefined ? undefined : Number(ack),
    window: window === undefined ? undefined : Number(window),
    urgent: Number(urgent ?? 0),
    options,
  };
}

/** SYN, FIN and RST first, then PSH, URG, ECE, CWR and the dot. */
function ordered(flags: string): string {
  return [...'SFRPUEW.'].filter((flag) => flags.includes(flag)).join('');
}

function print(sent: Sent): string {
  const ack = sent.ack === undefined ? '' : ` ack ${sent.ack}`;
  const options = sent.options === '' ? '' : ` <${sent.options}>`;
  return `${sent.codepoint}${sent.flags} ${sent.start}:${sent.start + sent.length}(${sent.length})${ack} win ${sent.window}${sent.urgent > 0 ? ` urg ${sent.urgent}` : ''}${options}`;
}

/** A connection that is established, by us, with a peer that offers only what `options` says. */
export function established(options: LadderOptions & { peer?: string; window?: number } = {}): Ladder {
  const ladder = new Ladder({ connect: {}, ...options });
  const peer = options.peer === undefined ? 'mss 1380' : options.peer;
  const optionText = peer === '' ? '' : ` <${peer}>`;
  ladder.run('+0 connect\n+0 > S 0:0(0)');
  // The peer's timestamps begin at 1000 where it has any.
  ladder.run(`+100 < S. 0:0(0) ack 1 win ${options.window ?? 65_535}${optionText}\n+0 > . 1:1(0) ack 1`);
  return ladder;
}
