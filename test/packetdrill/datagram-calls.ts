// System calls on UDP sockets. What is sent follows the pattern from its beginning, and what is received must.
import type { SocketAddress } from '../../src/core/address.ts';
import { TunnelError } from '../../src/core/errors.ts';
import type { UdpOptions } from '../../src/core/netstack/udp-binding.ts';
import { type Attempt, type CallContext, type CallTable, done, failed, numberAt } from './call-context.ts';
import { CONSTANTS, ERRORS } from './constants.ts';
import { DatagramSocket } from './datagram-socket.ts';
import { parseAddress } from './host.ts';
import type { Machine } from './machine.ts';
import { pattern, patternByte } from './packet-bytes.ts';
import { type Expression, ScriptFailure, Skip } from './script.ts';
import { errorName } from './stream-socket.ts';
import {
  entry,
  expectNumber,
  isGiven,
  numberOf,
  parameter,
  socketAddressOf,
  vectorLength,
} from './values.ts';

export const DATAGRAM_CALLS: CallTable = {
  bind,
  connect,
  read: (context) => receiving(context, numberAt(context, 2), 0),
  recv: (context) => receiving(context, numberAt(context, 2), numberAt(context, 3)),
  recvfrom: (context) => receiving(context, numberAt(context, 2), numberAt(context, 3)),
  recvmsg: (context) => {
    const message = parameter(context.call.parameters, 1, context.line);
    return receiving(context, vectorLength(entry(message, 'msg_iov')), numberAt(context, 2));
  },
  write: (context) => sending(context, numberAt(context, 2), undefined),
  send: (context) => sending(context, numberAt(context, 2), undefined),
  sendto: (context) => sending(context, numberAt(context, 2), context.call.parameters[4]),
  sendmsg: (context) => {
    const message = parameter(context.call.parameters, 1, context.line);
    return sending(context, vectorLength(entry(message, 'msg_iov')), entry(message, 'msg_name'));
  },
  close,
  setsockopt,
  getsockopt,
};

/** Whether the call is for one of these. */
export function isOnDatagramSocket({ machine, call }: CallContext): boolean {
  const [first] = call.parameters;
  return first?.kind === 'number' && machine.descriptors.get(first.value) instanceof DatagramSocket;
}

function socketOf({ machine, line, call }: CallContext): DatagramSocket {
  return machine.descriptor(numberOf(call.parameters[0]!), line) as DatagramSocket;
}

function bindTo(made: DatagramSocket, machine: Machine, options: UdpOptions): ReturnType<Attempt> {
  try {
    made.adopt(machine.host.stack.bindUdp(options));
  } catch (error) {
    if (error instanceof TunnelError) return failed(errorName(error));
    throw error;
  }
  return done();
}

function bind(context: CallContext): Attempt {
  const { machine } = context;
  const address = parameter(context.call.parameters, 1, context.line);
  return () => {
    const { localAddress, localPort } = machine.settings;
    const { host, port } = isGiven(address) ? socketAddressOf(address) : { host: '', port: localPort };
    const isAny = /^[0.:]*$/.test(host);
    if (!isAny && !parseAddress(host).equals(parseAddress(localAddress))) return failed('EADDRNOTAVAIL');
    machine.listeningPort = port;
    machine.flows.current = undefined;
    return bindTo(socketOf(context), machine, { port, address: parseAddress(localAddress) });
  };
}

/** Where a message goes, or a connection: without more words to where `connect(3, ..., ...)` connects. */
function remoteOf(machine: Machine, address: Expression | undefined): SocketAddress {
  const { remoteAddress, remotePort } = machine.settings;
  if (!isGiven(address)) return { address: parseAddress(remoteAddress), port: remotePort };
  const { host, port } = socketAddressOf(address);
  return { address: parseAddress(host), port };
}

function connect(context: CallContext): Attempt {
  const { machine } = context;
  const remote = remoteOf(machine, context.call.parameters[1]);
  return () => {
    const made = socketOf(context);
    const port = made.binding?.local.port ?? 0;
    made.binding?.close();
    const address = parseAddress(machine.settings.localAddress);
    const outcome = bindTo(made, machine, { port, address, remote });
    if (outcome !== 'blocked' && outcome.value === 0) flowOf(made, machine, remote);
    return outcome;
  };
}

/** The script's packets without ports are of this flow from now on. */
function flowOf({ binding }: DatagramSocket, machine: Machine, remote: SocketAddress): void {
  machine.flows.connecting(binding!.local.port, remote.port);
}

function sending(context: CallContext, length: number, address: Expression | undefined): Attempt {
  const { machine } = context;
  return () => {
    const made = socketOf(context);
    const error = made.takeError();
    if (error !== undefined) return failed(error);
    const isNamed = address !== undefined && !(address.kind === 'word' && address.name === 'NULL');
    if (!isNamed && !made.remote) return failed('EDESTADDRREQ');
    if (!made.binding) bindTo(made, machine, { port: 0 });
    const remote = made.remote ?? remoteOf(machine, address);
    flowOf(made, machine, remote);
    try {
      made.binding!.send(pattern(0, length), made.remote ? undefined : remote, made.marks);
    } catch (thrown) {
      if (thrown instanceof TunnelError) return failed(errorName(thrown));
      throw thrown;
    }
    return done(length);
  };
}

function receiving(context: CallContext, length: number, flags: number): Attempt {
  const { MSG_DONTWAIT, MSG_PEEK, MSG_NOSIGNAL } = CONSTANTS as Record<string, number>;
  if (flags & ~(MSG_DONTWAIT! | MSG_PEEK! | MSG_NOSIGNAL!)) throw new Skip(`flags ${flags} of a UDP socket`);
  return () => {
    const made = socketOf(context);
    const error = made.takeError();
    if (error !== undefined) return failed(error);
    const message = flags & MSG_PEEK! ? made.peek() : made.take();
    if (!message) return made.isNonBlocking || flags & MSG_DONTWAIT! ? failed('EAGAIN') : 'blocked';
    for (const [i, byte] of message.data.entries())
      if (byte !== patternByte(i))
        throw new ScriptFailure(context.line, `byte ${i} of the message`, 'another');
    // The rest of one that is too long for the buffer is lost.
    return done(Math.min(length, message.data.length));
  };
}

function close(context: CallContext): Attempt {
  return () => {
    socketOf(context).binding?.close();
    context.machine.descriptors.delete(numberAt(context, 0));
    return done();
  };
}

function nameOf(context: CallContext): string {
  const name = parameter(context.call.parameters, 2, context.line);
  return name.kind === 'word' ? name.name : String(numberOf(name));
}

function setsockopt(context: CallContext): Attempt {
  const name = nameOf(context);
  const value = numberOf(parameter(context.call.parameters, 3, context.line));
  return () => {
    const made = socketOf(context);
    if (name === 'IP_TTL' || name === 'IPV6_UNICAST_HOPS') made.marks.ttl = value;
    else if (name === 'IP_TOS' || name === 'IPV6_TCLASS') made.marks.tos = value;
    else if (name === 'IP_MTU_DISCOVER' && made.binding)
      made.binding.dontFragment = value === CONSTANTS.IP_PMTUDISC_DO;
    else throw new Skip(`setsockopt ${name} of a UDP socket`);
    return done();
  };
}

function getsockopt(context: CallContext): Attempt {
  const name = nameOf(context);
  if (name !== 'SO_ERROR') throw new Skip(`getsockopt ${name} of a UDP socket`);
  const expected = parameter(context.call.parameters, 3, context.line);
  return () => {
    const error = socketOf(context).takeError();
    expectNumber(expected, error === undefined ? 0 : (ERRORS[error] ?? -1), name, context.line);
    return done();
  };
}
