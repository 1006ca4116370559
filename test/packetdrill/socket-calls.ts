// socket, bind, listen, accept, connect, shutdown, close, fcntl, ioctl.
import { TunnelError } from '../../src/core/errors.ts';
import type { ConnectOptions, ListenOptions } from '../../src/core/netstack/tcp/state.ts';
import {
  type Attempt,
  type CallContext,
  type CallTable,
  done,
  failed,
  numberAt,
  socketOf,
} from './call-context.ts';
import { CONSTANTS } from './constants.ts';
import { DatagramSocket } from './datagram-socket.ts';
import { parseAddress } from './host.ts';
import { type Expression, ScriptFailure, Skip } from './script.ts';
import { errorName, StreamSocket } from './stream-socket.ts';
import { expectNumber, isGiven, numberOf, parameter, socketAddressOf } from './values.ts';

/** tcp_notsent_lowat: as much as there is. */
const UNBOUNDED = 0x7fffffff;

const BLOCKED = 'blocked' as const;

export const SOCKET_CALLS: CallTable = {
  socket,
  bind,
  listen,
  accept,
  accept4: accept,
  connect,
  shutdown,
  close,
  fcntl,
  ioctl,
};

/** The script chooses the number that the descriptor has. */
function open(context: CallContext, socket: StreamSocket | DatagramSocket): number {
  const number = numberOf(context.call.result);
  if (number < 0) throw new ScriptFailure(context.line, 'the call to fail', 'a new descriptor');
  context.machine.descriptors.set(number, socket);
  return number;
}

function openDatagram(context: CallContext, type: number): number {
  const made = new DatagramSocket();
  made.isNonBlocking = (type & CONSTANTS.SOCK_NONBLOCK!) !== 0;
  return open(context, made);
}

function socket(context: CallContext): Attempt {
  const { parameters } = context.call;
  const type = numberOf(parameter(parameters, 1, context.line));
  const kind = type & 0xf;
  if (kind === CONSTANTS.SOCK_DGRAM) return () => done(openDatagram(context, type));
  if (kind !== CONSTANTS.SOCK_STREAM) throw new Skip('sockets that are neither TCP nor UDP');
  const protocol = parameters[2];
  if (protocol?.kind === 'word' && protocol.name === 'IPPROTO_MPTCP') throw new Skip('MPTCP');
  const isTcp = !isGiven(protocol) || [0, CONSTANTS.IPPROTO_TCP].includes(numberOf(protocol));
  return () => {
    if (!isTcp) return failed('EPROTONOSUPPORT');
    const made = new StreamSocket();
    const { receiveBuffer, system } = context.machine.settings;
    // Scripts reckon with a buffer that is as large as it may be, unless they say that it is to grow.
    if (system.get('tcp_moderate_rcvbuf') !== '1') made.options.receiveBufferSize = receiveBuffer;
    const unsent = Number(system.get('tcp_notsent_lowat') ?? UNBOUNDED);
    if (unsent < UNBOUNDED) made.options.unsentLimit = unsent;
    made.isNonBlocking = (type & CONSTANTS.SOCK_NONBLOCK!) !== 0;
    return done(open(context, made));
  };
}

function bind(context: CallContext): Attempt {
  const made = socketOf(context);
  const address = parameter(context.call.parameters, 1, context.line);
  const { localPort, localAddress } = context.machine.settings;
  return () => {
    if (!isGiven(address)) made.local = { port: localPort, isAny: true };
    else {
      const { host, port } = socketAddressOf(address);
      const isAny = /^[0.:]*$/.test(host);
      if (!isAny && !parseAddress(host).equals(parseAddress(localAddress))) return failed('EADDRNOTAVAIL');
      made.local = { port, isAny };
    }
    return done();
  };
}

function listen(context: CallContext): Attempt {
  const made = socketOf(context);
  const backlog = numberAt(context, 1);
  const { machine } = context;
  return () => {
    const { localAddress, localPort } = machine.settings;
    const { port, isAny } = made.local ?? { port: localPort, isAny: true };
    const options: ListenOptions = {
      ...made.options,
      port,
      backlog,
      address: parseAddress(isAny ? (machine.settings.version === 6 ? '::' : '0.0.0.0') : localAddress),
    };
    try {
      made.listen(machine.host.stack.listenTcp(options, machine.now));
    } catch (error) {
      if (error instanceof TunnelError) return failed(errorName(error));
      throw error;
    }
    machine.listeningPort = port;
    machine.flows.current = undefined;
    return done();
  };
}

function accept(context: CallContext): Attempt {
  const listening = socketOf(context);
  const { machine, call } = context;
  const flags = call.name === 'accept4' ? numberAt(context, 3) : 0;
  return () => {
    if (!listening.listener) return failed('EINVAL');
    const connection = listening.listener.accept();
    if (!connection) return listening.isNonBlocking ? failed('EAGAIN') : BLOCKED;
    listening.waiting--;
    const made = new StreamSocket();
    Object.assign(made.options, listening.options);
    for (const [name, value] of listening.remembered) made.remembered.set(name, value);
    made.isNonBlocking = (flags & CONSTANTS.SOCK_NONBLOCK!) !== 0;
    made.adopt(connection);
    machine.flows.accepted(connection.local.port, connection.remote.port);
    machine.connectionUnderTest = connection;
    return done(open(context, made));
  };
}

function connect(context: CallContext): Attempt {
  const made = socketOf(context);
  return () => {
    if (!made.connection) {
      const error = startConnecting(context, made);
      if (error !== undefined) return failed(error);
      if (made.isNonBlocking) return failed('EINPROGRESS');
      return BLOCKED;
    }
    return connected(made);
  };
}

function startConnecting({ machine, call, line }: CallContext, made: StreamSocket): string | undefined {
  const { remoteAddress, remotePort } = machine.settings;
  const address = parameter(call.parameters, 1, line);
  const to = isGiven(address) ? socketAddressOf(address) : { host: remoteAddress, port: remotePort };
  const options: ConnectOptions = { ...made.options };
  if (made.local?.port) options.localPort = made.local.port;
  try {
    const remote = { address: parseAddress(to.host), port: to.port };
    const connection = machine.host.stack.connectTcp(remote, options, machine.now);
    made.isConnecting = true;
    made.adopt(connection);
    machine.flows.connecting(connection.local.port, to.port);
    machine.connectionUnderTest = connection;
    return undefined;
  } catch (error) {
    if (error instanceof TunnelError) return errorName(error);
    throw error;
  }
}

/** What a call to `connect` on a socket that connects, or has tried to, comes to. */
function connected(made: StreamSocket): ReturnType<Attempt> {
  const error = made.takeError();
  if (error !== undefined) {
    made.isConnecting = false;
    return failed(error);
  }
  if (made.hasEnded) return failed('ECONNABORTED');
  if (!made.isEstablished) return made.isNonBlocking ? failed('EALREADY') : BLOCKED;
  if (!made.isConnecting) return failed('EISCONN');
  made.isConnecting = false;
  return done();
}

function shutdown(context: CallContext): Attempt {
  const made = socketOf(context);
  const how = numberAt(context, 1);
  return () => {
    const { connection } = made;
    if (!connection || made.hasEnded) return failed('ENOTCONN');
    if (how !== CONSTANTS.SHUT_WR) made.isReadShut = true;
    if (how !== CONSTANTS.SHUT_RD) {
      made.isWriteShut = true;
      connection.shutdown();
    }
    // Both ways, and nothing unread: nobody is there any more.
    if (made.isReadShut && made.isWriteShut && connection.readableBytes === 0) connection.close();
    return done();
  };
}

function close(context: CallContext): Attempt {
  const { machine, line } = context;
  const number = numberAt(context, 0);
  const descriptor = machine.descriptor(number, line);
  let lingersUntil: number | undefined;
  return () => {
    if (!(descriptor instanceof StreamSocket)) {
      machine.descriptors.delete(number);
      return done();
    }
    const { connection, linger, listener } = descriptor;
    machine.descriptors.delete(number);
    listener?.close();
    if (!connection) return done();
    if (linger.on && linger.seconds === 0) connection.abort();
    else connection.close();
    if (!linger.on || linger.seconds === 0 || descriptor.isNonBlocking) return done();
    // The call waits until the peer has everything, or for as long as the script allows.
    lingersUntil ??= machine.now + linger.seconds * 1000;
    const isDelivered = ['FIN-WAIT-2', 'TIME-WAIT', 'CLOSED'].includes(connection.state);
    if (isDelivered || machine.now >= lingersUntil) return done();
    machine.wakeAt(lingersUntil);
    return BLOCKED;
  };
}

function fcntl(context: CallContext): Attempt {
  const made = socketOf(context);
  const { F_GETFL, F_SETFL, O_RDWR, O_NONBLOCK } = CONSTANTS as Record<string, number>;
  const command = numberAt(context, 1);
  if (command !== F_GETFL && command !== F_SETFL) throw new Skip(`fcntl ${command}`);
  return () => {
    if (command === F_GETFL) return done(O_RDWR! | (made.isNonBlocking ? O_NONBLOCK! : 0));
    made.isNonBlocking = (numberAt(context, 2) & O_NONBLOCK!) !== 0;
    return done();
  };
}

function ioctl(context: CallContext): Attempt {
  const made = socketOf(context);
  const request = parameter(context.call.parameters, 1, context.line);
  const answer = (context.call.parameters[2] ?? { kind: 'ellipsis' }) as Expression;
  const name = request.kind === 'word' ? request.name : '';
  if (!['SIOCINQ', 'FIONREAD', 'SIOCOUTQ', 'SIOCOUTQNSD'].includes(name)) throw new Skip(`ioctl ${name}`);
  return () => {
    const { connection } = made;
    if (!connection) return failed('EINVAL');
    const { bytesInFlight, unsentBytes } = connection.info();
    const value =
      name === 'SIOCOUTQ'
        ? bytesInFlight + unsentBytes
        : name === 'SIOCOUTQNSD'
          ? unsentBytes
          : made.readableBytes;
    expectNumber(answer, value, name, context.line);
    return done();
  };
}
