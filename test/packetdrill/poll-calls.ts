// poll, epoll_create, epoll_ctl, epoll_wait.
import { type Attempt, type CallContext, type CallTable, done, numberAt } from './call-context.ts';
import { CONSTANTS } from './constants.ts';
import { EventPoll } from './event-poll.ts';
import { type Expression, ScriptFailure, Skip } from './script.ts';
import { entry, isGiven, numberOf, parameter } from './values.ts';

export const POLL_CALLS: CallTable = {
  poll,
  epoll_create: create,
  epoll_create1: create,
  epoll_ctl: control,
  epoll_wait: wait,
};

/** Milliseconds from now; −1 is for ever. */
function deadline({ machine }: CallContext, timeout: number): number {
  return timeout < 0 ? Number.POSITIVE_INFINITY : machine.now + timeout;
}

function poll(context: CallContext): Attempt {
  const { machine, line } = context;
  const list = parameter(context.call.parameters, 0, line);
  if (list.kind !== 'list') throw new Skip('poll without a list');
  const until = deadline(context, numberAt(context, 2));
  return () => {
    const got = list.items.map((item) => readiness(context, item));
    const count = got.filter((bits) => bits !== 0).length;
    if (count === 0 && machine.now < until) {
      // Time alone must end it.
      machine.wakeAt(until);
      return 'blocked';
    }
    for (const [i, item] of list.items.entries()) {
      const expected = entry(item, 'revents');
      const wanted = isGiven(expected) ? numberOf(expected) : got[i]!;
      if (wanted !== got[i])
        throw new ScriptFailure(line, `revents=${printPoll(wanted)}`, printPoll(got[i]!));
    }
    return done(count);
  };
}

function readiness({ machine, line }: CallContext, item: Expression): number {
  const descriptor = entry(item, 'fd');
  const events = entry(item, 'events');
  if (!descriptor || !events) throw new Skip('a pollfd of another form');
  const socket = machine.descriptor(numberOf(descriptor), line);
  if (socket instanceof EventPoll) throw new Skip('poll of an epoll');
  return socket.readiness() & (numberOf(events) | CONSTANTS.POLLERR! | CONSTANTS.POLLHUP!);
}

function create(context: CallContext): Attempt {
  return () => {
    const number = numberOf(context.call.result);
    context.machine.descriptors.set(number, new EventPoll());
    return done(number);
  };
}

function eventPollOf({ machine, call, line }: CallContext): EventPoll {
  const number = numberOf(parameter(call.parameters, 0, line));
  const found = machine.descriptor(number, line);
  if (found instanceof EventPoll) return found;
  throw new ScriptFailure(line, `descriptor ${number} to be an epoll`, 'a socket');
}

function control(context: CallContext): Attempt {
  const { machine, call, line } = context;
  const eventPoll = eventPollOf(context);
  const operation = numberAt(context, 1);
  const number = numberAt(context, 2);
  return () => {
    const socket = machine.descriptor(number, line);
    if (socket instanceof EventPoll) throw new Skip('an epoll in an epoll');
    if (operation === CONSTANTS.EPOLL_CTL_DEL) {
      eventPoll.remove(number);
      return done();
    }
    const events = entry(call.parameters[3], 'events');
    if (!events) throw new Skip('epoll_ctl without events');
    if (operation === CONSTANTS.EPOLL_CTL_ADD) eventPoll.add(number, socket, numberOf(events));
    else eventPoll.modify(number, numberOf(events));
    return done();
  };
}

function wait(context: CallContext): Attempt {
  const { machine, call, line } = context;
  const eventPoll = eventPollOf(context);
  const expected = parameter(call.parameters, 1, line);
  const until = deadline(context, numberAt(context, 3));
  const most = numberAt(context, 2);
  return () => {
    const told = eventPoll.take(most);
    if (told.length === 0 && machine.now < until) {
      machine.wakeAt(until);
      return 'blocked';
    }
    const items = expected.kind === 'list' ? expected.items : [expected];
    for (const [i, item] of items.entries()) compareEvent(item, told[i], line);
    return done(told.length);
  };
}

function compareEvent(
  item: Expression,
  told: { descriptor: number; events: number } | undefined,
  line: number,
): void {
  const events = entry(item, 'events');
  if (!events || !isGiven(events)) return;
  const wanted = numberOf(events);
  const got = told?.events ?? 0;
  if (wanted !== got) throw new ScriptFailure(line, `events=${printPoll(wanted)}`, printPoll(got));
  const descriptor = entry(item, 'fd');
  if (told && isGiven(descriptor) && numberOf(descriptor) !== told.descriptor)
    throw new ScriptFailure(line, `events of ${numberOf(descriptor)}`, `events of ${told.descriptor}`);
}

function printPoll(bits: number): string {
  const names = ['POLLIN', 'POLLOUT', 'POLLERR', 'POLLHUP', 'POLLRDHUP'];
  return names.filter((name) => bits & CONSTANTS[name]!).join('|') || '0';
}
