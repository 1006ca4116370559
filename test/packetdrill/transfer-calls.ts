// read and write, in all their forms. What is written follows the pattern, and what is read must.
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
import { pattern, patternByte } from './packet-bytes.ts';
import { type Expression, ScriptFailure, Skip } from './script.ts';
import type { StreamSocket } from './stream-socket.ts';
import { entry, expectNumber, isGiven, parameter, vectorLength } from './values.ts';

export const TRANSFER_CALLS: CallTable = {
  read: (context) => reading(context, numberAt(context, 2), 0),
  recv: (context) => reading(context, numberAt(context, 2), numberAt(context, 3)),
  recvfrom: (context) => reading(context, numberAt(context, 2), numberAt(context, 3)),
  readv: (context) => reading(context, vectorLength(context.call.parameters[1]), 0),
  recvmsg,
  write: (context) => writing(context, numberAt(context, 2), 0),
  send: (context) => writing(context, numberAt(context, 2), numberAt(context, 3)),
  sendto: (context) => writing(context, numberAt(context, 2), numberAt(context, 3)),
  writev: (context) => writing(context, vectorLength(context.call.parameters[1]), 0),
  sendmsg: (context) => {
    const message = parameter(context.call.parameters, 1, context.line);
    return writing(context, vectorLength(entry(message, 'msg_iov')), numberAt(context, 2));
  },
};

const READ_FLAGS =
  CONSTANTS.MSG_DONTWAIT! | CONSTANTS.MSG_NOSIGNAL! | CONSTANTS.MSG_WAITALL! | CONSTANTS.MSG_PEEK!;
const WRITE_FLAGS = CONSTANTS.MSG_DONTWAIT! | CONSTANTS.MSG_NOSIGNAL! | CONSTANTS.MSG_MORE!;

function checkFlags(flags: number, known: number): void {
  if ((flags & ~known) === 0) return;
  const name = Object.keys(CONSTANTS).find(
    (key) => key.startsWith('MSG_') && flags & ~known & CONSTANTS[key]!,
  );
  throw new Skip(`flag ${name ?? flags}`);
}

function reading(context: CallContext, length: number, flags: number): Attempt {
  checkFlags(flags, READ_FLAGS);
  const socket = socketOf(context);
  const isPatient = !socket.isNonBlocking && (flags & CONSTANTS.MSG_DONTWAIT!) === 0;
  const wanted = flags & CONSTANTS.MSG_WAITALL! ? length : 1;
  return () => {
    const { connection } = socket;
    if (!connection) return failed('ENOTCONN');
    const isOver = socket.readEnded || socket.hasEnded || socket.isReadShut;
    if (socket.readableBytes >= wanted || (socket.readableBytes > 0 && isOver)) {
      const isPeek = (flags & CONSTANTS.MSG_PEEK!) !== 0;
      const bytes = isPeek ? socket.peek(length) : socket.take(length);
      comparePattern(bytes, socket, context.line);
      if (!isPeek) socket.read += bytes.length;
      return done(bytes.length);
    }
    if (length === 0) return done(0);
    if (socket.readEnded) return done(0);
    const error = socket.takeError();
    if (error !== undefined) return failed(error);
    if (isOver) return done(0);
    return isPatient ? 'blocked' : failed('EAGAIN');
  };
}

function comparePattern(bytes: Uint8Array, socket: StreamSocket, line: number): void {
  for (const [i, byte] of bytes.entries())
    if (byte !== patternByte(socket.read + i))
      throw new ScriptFailure(line, `byte ${socket.read + i} of the peer's stream`, 'another');
}

/** The length, and with TCP_INQ how much is left to be read. */
function recvmsg(context: CallContext): Attempt {
  const message = parameter(context.call.parameters, 1, context.line);
  const attempt = reading(context, vectorLength(entry(message, 'msg_iov')), numberAt(context, 2));
  const socket = socketOf(context);
  const control = entry(message, 'msg_control');
  return () => {
    const outcome = attempt();
    if (outcome !== 'blocked' && outcome.value >= 0 && control?.kind === 'list')
      for (const item of control.items) compareControl(item, socket, context.line);
    return outcome;
  };
}

function compareControl(item: Expression, socket: StreamSocket, line: number): void {
  const type = entry(item, 'cmsg_type');
  const data = entry(item, 'cmsg_data');
  if (type?.kind !== 'word' || type.name !== 'TCP_CM_INQ') throw new Skip('control messages but TCP_CM_INQ');
  // The end of the stream counts as a byte once nothing stands before it.
  const left = socket.readEnded ? 1 : socket.readableBytes;
  if (isGiven(data)) expectNumber(data, left, 'TCP_CM_INQ', line);
}

/** Scripts that hand over bad pointers are about the kernel. */
function checkBuffer({ call, line }: CallContext): void {
  const buffer = parameter(call.parameters, 1, line);
  if (buffer.kind === 'word' || buffer.kind === 'number') throw new Skip('a pointer to nowhere');
}

function writing(context: CallContext, length: number, flags: number): Attempt {
  checkFlags(flags, WRITE_FLAGS);
  checkBuffer(context);
  const socket = socketOf(context);
  const isPatient = !socket.isNonBlocking && (flags & CONSTANTS.MSG_DONTWAIT!) === 0;
  const hasMore = (flags & CONSTANTS.MSG_MORE!) !== 0;
  let written = 0;
  return () => {
    const { connection } = socket;
    if (!connection) return failed('EPIPE');
    const error = socket.takeError();
    if (error !== undefined) return written > 0 ? done(written) : failed(error);
    if (socket.isWriteShut || socket.hasEnded) return written > 0 ? done(written) : failed('EPIPE');
    if (!socket.isEstablished) return isPatient ? 'blocked' : failed('EAGAIN');
    if (hasMore) cork(socket, true);
    written += socket.write(pattern(socket.written, length - written));
    if (!hasMore) cork(socket, false);
    if (written === length) return done(length);
    if (isPatient) return 'blocked';
    return written > 0 ? done(written) : failed('EAGAIN');
  };
}

/** What MSG_MORE held back goes with what is written without it, unless TCP_CORK holds it, too. */
function cork(socket: StreamSocket, hasMore: boolean): void {
  if (hasMore === socket.hasMore) return;
  socket.hasMore = hasMore;
  if (!socket.options.cork) socket.connection!.setOptions({ cork: hasMore });
}
