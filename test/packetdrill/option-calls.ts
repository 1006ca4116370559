// setsockopt and getsockopt.
import type { TcpOptions } from '../../src/core/netstack/tcp/state.ts';
import { type Attempt, type CallContext, type CallTable, done, failed, socketOf } from './call-context.ts';
import { ERRORS } from './constants.ts';
import type { Machine } from './machine.ts';
import { type Expression, Skip } from './script.ts';
import type { StreamSocket } from './stream-socket.ts';
import { entry, expectNumber, isGiven, numberOf, parameter } from './values.ts';

export const OPTION_CALLS: CallTable = { setsockopt, getsockopt };

interface SocketOption {
  set?: (socket: StreamSocket, value: number, machine: Machine) => void;
  get?: (socket: StreamSocket) => number;
}

/** Sets it for a connection to come, and for the one that is there. */
function choose(socket: StreamSocket, options: TcpOptions): void {
  Object.assign(socket.options, options);
  if (socket.listener) Object.assign(socket.listener.options, options);
  socket.connection?.setOptions(options);
}

/** Has no bearing on what the stack does, but reads as it was set. */
const remembered = (name: string, initial = 0): SocketOption => ({
  set: (socket, value) => {
    socket.remembered.set(name, value);
  },
  get: (socket) => socket.remembered.get(name) ?? initial,
});

const OPTIONS: Record<string, SocketOption> = {
  SO_REUSEADDR: remembered('SO_REUSEADDR'),
  SO_REUSEPORT: remembered('SO_REUSEPORT'),
  SO_PRIORITY: remembered('SO_PRIORITY'),
  SO_MARK: remembered('SO_MARK'),
  SO_ERROR: {
    get: (socket) => {
      const error = socket.takeError();
      if (error === undefined) return 0;
      socket.isConnecting = false;
      return ERRORS[error] ?? -1;
    },
  },
  // Linux doubles what it is asked for, and shows that.
  SO_SNDBUF: {
    set: (socket, value) => {
      socket.remembered.set('SO_SNDBUF', 2 * value);
      choose(socket, { sendBufferSize: 2 * value });
    },
    get: (socket) => socket.remembered.get('SO_SNDBUF') ?? 0,
  },
  // Half of what Linux reserves is for its own bookkeeping: the window comes from the other half.
  SO_RCVBUF: {
    set: (socket, value) => {
      socket.remembered.set('SO_RCVBUF', 2 * value);
      choose(socket, { receiveBufferSize: value });
    },
    get: (socket) => socket.remembered.get('SO_RCVBUF') ?? 0,
  },
  SO_KEEPALIVE: {
    set: (socket, value) => {
      socket.remembered.set('SO_KEEPALIVE', value);
      applyKeepAlive(socket);
    },
    get: (socket) => socket.remembered.get('SO_KEEPALIVE') ?? 0,
  },
  TCP_KEEPIDLE: {
    set: (socket, value) => {
      socket.remembered.set('TCP_KEEPIDLE', value);
      applyKeepAlive(socket);
    },
    get: (socket) => socket.remembered.get('TCP_KEEPIDLE') ?? 7200,
  },
  TCP_NODELAY: {
    set: (socket, value, machine) => {
      choose(socket, { noDelay: value !== 0 });
      if (value !== 0) push(socket, machine);
    },
    get: (socket) => (socket.options.noDelay ? 1 : 0),
  },
  TCP_CORK: {
    set: (socket, value) => choose(socket, { cork: value !== 0 }),
    get: (socket) => (socket.options.cork ? 1 : 0),
  },
  // 0 and the largest number mean the default.
  TCP_NOTSENT_LOWAT: {
    set: (socket, value) => {
      socket.remembered.set('TCP_NOTSENT_LOWAT', value);
      choose(socket, { unsentLimit: value >>> 0 === 0xffff_ffff ? 0 : value });
    },
    get: (socket) => socket.remembered.get('TCP_NOTSENT_LOWAT') ?? 0,
  },
  TCP_USER_TIMEOUT: {
    set: (socket, value) => choose(socket, { userTimeout: value }),
    get: (socket) => socket.options.userTimeout ?? 0,
  },
  TCP_MAXSEG: {
    set: (socket, value) => {
      socket.options.maxSegmentSize = value;
      if (socket.listener) socket.listener.options.maxSegmentSize = value;
    },
    get: (socket) => socket.connection?.info().mss ?? socket.options.maxSegmentSize ?? 536,
  },
  IP_MTU_DISCOVER: remembered('IP_MTU_DISCOVER', 1),
  TCP_INQ: remembered('TCP_INQ'),
  IP_TOS: {
    set: (socket, value) => choose(socket, { tos: value }),
    get: (socket) => socket.options.tos ?? 0,
  },
  IPV6_TCLASS: {
    set: (socket, value) => choose(socket, { tos: value }),
    get: (socket) => socket.options.tos ?? 0,
  },
  IP_TTL: {
    set: (socket, value) => choose(socket, { ttl: value }),
    get: (socket) => socket.options.ttl ?? 64,
  },
};

/** Even what is corked goes now, once, when TCP_NODELAY is set. */
function push({ connection, hasMore, options }: StreamSocket, machine: Machine): void {
  if (!connection || !(options.cork || hasMore)) return;
  connection.setOptions({ cork: false });
  machine.host.stack.poll(machine.now);
  connection.setOptions({ cork: true });
}

/** The stack knows one time for both: idle, and between probes. */
function applyKeepAlive(socket: StreamSocket): void {
  const isOn = socket.remembered.get('SO_KEEPALIVE') === 1;
  choose(socket, { keepAliveDelay: isOn ? 1000 * (socket.remembered.get('TCP_KEEPIDLE') ?? 7200) : 0 });
}

function nameOf(expression: Expression): string {
  return expression.kind === 'word' ? expression.name : String(numberOf(expression));
}

function setsockopt(context: CallContext): Attempt {
  const { parameters } = context.call;
  const socket = socketOf(context);
  const name = nameOf(parameter(parameters, 2, context.line));
  const value = parameter(parameters, 3, context.line);
  if (name === 'SO_LINGER') return () => setLinger(socket, value);
  const set = OPTIONS[name]?.set;
  if (!set) throw new Skip(`setsockopt ${name}`);
  return () => {
    set(socket, numberOf(value), context.machine);
    return done();
  };
}

function setLinger(socket: StreamSocket, value: Expression): ReturnType<Attempt> {
  const [on, seconds] =
    value.kind === 'list'
      ? value.items
      : [
          entry(value, 'onoff') ?? entry(value, 'l_onoff'),
          entry(value, 'linger') ?? entry(value, 'l_linger'),
        ];
  if (!on || !seconds) return failed('EINVAL');
  socket.linger = { on: numberOf(on) !== 0, seconds: numberOf(seconds) };
  return done();
}

function getsockopt(context: CallContext): Attempt {
  const { parameters } = context.call;
  const socket = socketOf(context);
  const name = nameOf(parameter(parameters, 2, context.line));
  const expected = parameter(parameters, 3, context.line);
  if (name === 'TCP_INFO') {
    if (isGiven(expected)) throw new Skip('getsockopt TCP_INFO with a value; code asks for tcpi_…');
    return () => done();
  }
  const get = OPTIONS[name]?.get;
  if (!get) throw new Skip(`getsockopt ${name}`);
  return () => {
    expectNumber(expected, get(socket), name, context.line);
    return done();
  };
}
