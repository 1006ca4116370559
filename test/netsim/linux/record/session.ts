// Our stack, and an application whose every call is a line of text: once with Linux at the other end, and then again and again
// without (trace.ts).
import { createHash } from 'node:crypto';
import { IpAddress, IpPrefix, type SocketAddress } from '../../../../src/core/address.ts';
import { NetStack } from '../../../../src/core/netstack/netstack.ts';
import type { PingSocket } from '../../../../src/core/netstack/ping.ts';
import type { TcpConnection } from '../../../../src/core/netstack/tcp/connection.ts';
import type { TcpListener } from '../../../../src/core/netstack/tcp/listener.ts';
import type { TcpOptions } from '../../../../src/core/netstack/tcp/state.ts';
import type { TcpLayerOptions } from '../../../../src/core/netstack/tcp/tcp-layer.ts';
import type { UdpBinding } from '../../../../src/core/netstack/udp-binding.ts';
import { PacketBuffer } from '../../../../src/core/packet-buffer.ts';
import type { Instant } from '../../../../src/core/time.ts';
import { NobleSuite } from '../../../reference/noble-suite.ts';
import { SeededRandom } from '../../../support/random.ts';
import { patternAt } from '../../pattern.ts';

/** Plain data: it begins the trace. */
export interface SessionOptions {
  addresses: readonly string[];
  mtu: number;
  seed: number;
  tcp: TcpLayerOptions;
}

/** What the tunnel needs before a packet. */
const HEADROOM = 16;
const LARGEST_READ = 65_536;

type Call = (session: Session, handle: number, words: string[]) => string;

/** What can be called: `NAME HANDLE WORD…`; handles are chosen by the caller. The result is told as text. */
const CALLS: Record<string, Call> = {
  listen: (session, handle, [port]) => {
    session.listeners.set(handle, session.stack.listenTcp({ port: Number(port) }, session.now));
    return 'ok';
  },
  accept: (session, handle, [listener]) => {
    const accepted = session.listeners.get(Number(listener))!.accept();
    if (accepted) session.adopt(handle, accepted);
    return accepted ? String(accepted.remote.port) : 'none';
  },
  connect: (session, handle, [address, port, localPort, options]) => {
    const given = { ...(JSON.parse(options ?? '{}') as TcpOptions), localPort: Number(localPort) };
    session.adopt(handle, session.stack.connectTcp(to(address!, port!), given, session.now));
    return 'ok';
  },
  set: (session, handle, [options]) => {
    session.connection(handle).setOptions(JSON.parse(options!) as TcpOptions);
    return 'ok';
  },
  write: (session, handle, [length]) => {
    const offset = session.written.get(handle) ?? 0;
    const taken = session.connection(handle).write(patternAt(offset, Number(length)));
    session.written.set(handle, offset + taken);
    return String(taken);
  },
  urgent: (session, handle) => {
    session.connection(handle).markUrgent();
    return 'ok';
  },
  read: (session, handle, [length]) => {
    const target = new Uint8Array(Math.min(Number(length), LARGEST_READ));
    const bytes = target.subarray(0, session.connection(handle).readInto(target));
    return `${bytes.length} ${digest(bytes)}${session.connection(handle).readEnded ? ' end' : ''}`;
  },
  shutdown: (session, handle) => {
    session.connection(handle).shutdown();
    return 'ok';
  },
  close: (session, handle) => {
    session.connection(handle).close();
    return 'ok';
  },
  abort: (session, handle) => {
    session.connection(handle).abort();
    return 'ok';
  },
  state: (session, handle) => {
    const { state, error } = session.connection(handle);
    return error ? `${state} ${(error as Error & { code?: string }).code}` : state;
  },
  udp: (session, handle, [port, address, remotePort]) => {
    const remote = address ? { remote: to(address, remotePort!) } : {};
    const binding = session.stack.bindUdp({ port: Number(port), ...remote });
    binding.observer = {
      readable: () => {},
      failed: ({ code }) => session.notes.push(code),
    };
    session.bindings.set(handle, binding);
    return 'ok';
  },
  send: (session, handle, [length, address, port]) => {
    session.bindings
      .get(handle)!
      .send(patternAt(0, Number(length)), address ? to(address, port!) : undefined);
    return 'ok';
  },
  receive: (session, handle) => {
    const got = session.bindings.get(handle)!.receive();
    return got ? `${got.data.length} ${digest(got.data)}` : 'none';
  },
  ping: (session, handle, [address]) => {
    const ping = session.stack.openPing(IpAddress.parse(address!)!);
    ping.observer = {
      reply: ({ sequence, isIntact }) => session.notes.push(`${sequence} ${isIntact ? 'intact' : 'changed'}`),
      error: ({ kind, mtu }) => session.notes.push(`${kind} ${mtu}`),
    };
    session.pings.set(handle, ping);
    return 'ok';
  },
  echo: (session, handle, [sequence, size, dontFragment]) => {
    const options = { dontFragment: dontFragment === 'df' };
    session.pings.get(handle)!.send(Number(sequence), Number(size), options, session.now);
    return 'ok';
  },
  /** What pings and bindings have been told. */
  notes: (session) => session.notes.splice(0).join(', ') || 'none',
};

export class Session {
  now: Instant = 0;
  readonly stack: NetStack;
  readonly listeners = new Map<number, TcpListener>();
  readonly connections = new Map<number, TcpConnection>();
  readonly bindings = new Map<number, UdpBinding>();
  readonly pings = new Map<number, PingSocket>();
  readonly written = new Map<number, number>();
  readonly notes: string[] = [];
  readonly #packet: PacketBuffer;

  /** `leaves` is given a copy of each packet. */
  constructor(options: SessionOptions, leaves: (packet: Uint8Array) => void) {
    const crypto = new NobleSuite();
    const { fill } = new SeededRandom(options.seed);
    const environment = { crypto, memory: crypto.memory, fillRandom: fill, wallClock: () => 0 };
    this.#packet = new PacketBuffer(crypto.memory, crypto.memory.ingress);
    const addresses = options.addresses.map((text) => IpPrefix.parse(text)!);
    this.stack = new NetStack({ addresses, mtu: options.mtu, tcp: options.tcp }, environment, {
      sendPacket: ({ memory, start, end }) => leaves(memory.slice(start, end)),
      hasRoute: () => true,
      congested: false,
    });
  }

  receive(packet: Uint8Array): void {
    this.#packet.copyFrom(packet, 0, packet.length, HEADROOM);
    this.stack.receivePacket(this.#packet, this.now);
  }

  poll(): void {
    this.stack.poll(this.now);
  }

  /** Errors of the call are its result. */
  call(text: string): string {
    const [name, handle, ...words] = text.split(' ');
    try {
      return CALLS[name!]!(this, Number(handle), words);
    } catch (error) {
      return `threw ${(error as Error & { code?: string }).code ?? (error as Error).message}`;
    }
  }

  connection(handle: number): TcpConnection {
    return this.connections.get(handle)!;
  }

  adopt(handle: number, connection: TcpConnection): void {
    this.connections.set(handle, connection);
  }
}

function to(address: string, port: string): SocketAddress {
  return { address: IpAddress.parse(address)!, port: Number(port) };
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 8);
}
