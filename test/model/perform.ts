// What each action does.
import type { Action, Choices } from './actions.ts';
import { corrupt, makeGarbage, resize, tamper } from './damage.ts';
import type { Message } from './reference-message.ts';
import type { Side } from './side.ts';
import type { Flight, World } from './world.ts';

const NEVER = Number.POSITIVE_INFINITY;
const STRANGER = '203.0.113.7:7';
const THIEF = '203.0.113.9:9';

export function perform(action: Action, world: World): void {
  const act = ACTS[action.act] as (choices: Action, world: World) => void;
  act(action, world);
  for (const side of world.sides) world.settle(side);
}

const ACTS: { [Name in keyof Choices]: (choices: Choices[Name], world: World) => void } = {
  // ---- the network

  deliver: ({ n }, world) => take(world, n, (flight) => world.deliver(flight)),
  'deliver all': (_, world) => {
    // Until nobody says anything more.
    for (let left = 400; left > 0 && world.flights.length > 0; left--) world.deliver(world.flights.shift()!);
  },
  drop: ({ n }, world) => take(world, n, () => {}),
  'drop all': (_, world) => {
    world.flights = [];
  },
  duplicate: ({ n }, world) => look(world, n, (flight) => world.launch({ ...flight })),
  hold: ({ n, ms }, world) =>
    look(world, n, (flight) => {
      flight.due = world.now + ms;
    }),
  replay: ({ n }, world) => {
    const old = world.history[n % world.history.length];
    if (old) world.deliver(old);
  },
  spoof: ({ n }, world) => take(world, n, (flight) => world.deliver({ ...flight, from: THIEF })),
  reflect: ({ n }, world) =>
    take(world, n, (flight) => world.deliver({ ...flight, from: flight.to, to: flight.from })),
  corrupt: ({ n, at, bit }, world) => change(world, n, (bytes, message) => corrupt(bytes, message, at, bit)),
  tamper: ({ n, at, bit }, world) =>
    change(world, n, (bytes, message) => {
      const changed = tamper(bytes, message, at, bit, world.suite);
      if (changed.kind === 'response' && !changed.broken && message.kind === 'response')
        world.isMisled ||= changed.sender !== message.sender;
      return changed;
    }),
  resize: ({ n, by }, world) => change(world, n, (bytes, message) => resize(bytes, message, by)),
  garbage: ({ side, kind, size }, world) => deliverGarbage(world, world.sides[side]!, kind, size),
  flood: ({ side, n, times }, world) => {
    const isInitiation = ({ message, isTouched }: Flight) => message.kind === 'initiation' && !isTouched;
    const initiations = n > 0 ? world.history.filter(isInitiation) : [];
    const old = initiations[n % initiations.length];
    for (let i = 0; i < times; i++)
      if (old) world.deliver(old);
      else deliverGarbage(world, world.sides[side]!, 'static', 0);
  },
  answer: ({ n }, world) => {
    const { questions } = world;
    if (questions.length > 0) world.answer(questions[n % questions.length]!);
  },
  calm: ({ on }, world) => {
    world.isCalm = on;
    for (const each of on ? [...world.flights, ...world.questions] : [])
      if (each.due === NEVER) each.due = world.now;
  },

  // ---- time

  wait: ({ ms }, world) => world.wait(ms),
  jump: ({ ms }, world) => world.jump(ms),
  sleep: ({ ms }, world) => {
    world.jump(ms);
    world.pollAll();
  },
  'set wall clock': ({ ms }, world) => {
    world.wall += ms;
    world.wallWentBack ||= ms < 0;
  },

  // ---- the users

  send: ({ side, to, size, times, flaw }, world) => {
    for (let i = 0; i < times; i++) world.offer(side, to, size, flaw);
  },
  lag: ({ side, to, by, isLate }, world) => {
    world.flights = [];
    const say = () => {
      world.offer(side, to, 60);
      return world.flights.splice(0);
    };
    const arrive = (flights: Flight[]) => {
      for (const flight of flights) world.deliver(flight);
    };
    const first = say();
    if (!isLate) arrive(first);
    for (let i = 1; i < by; i++) {
      const lost = say();
      if (i === by >> 1 && !isLate) arrive(lost);
    }
    arrive(say());
    if (isLate) arrive(first);
  },
  restart: ({ side, keepsTimestamp }, world) => {
    // Who forgets its timestamps and has its clock set back is refused for that long (WG §5.1).
    world.sides[side]!.begin(keepsTimestamp || world.wallWentBack);
  },
  'new key': ({ side, key, tells }, world) => newKey(world, world.sides[side]!, key, tells),
  psk: ({ side, to, psk, both }, world) => {
    world.sides[side]!.setPsk(to, psk);
    if (both) world.sides[to]!.setPsk(side, psk);
  },
  remove: ({ side, to }, world) => world.sides[side]!.removePeer(to),
  add: ({ side, to }, world) => {
    const from = world.sides[side]!;
    from.addPeer(to, world.relation(from, world.sides[to]!));
  },
  endpoint: ({ side, to }, world) => world.sides[side]!.setEndpoint(to, world.sides[to]!.endpoint),
  keepalive: ({ side, to, seconds }, world) => world.sides[side]!.setKeepalive(to, seconds),
  move: ({ side, notices }, world) => {
    world.sides[side]!.move();
    if (notices) world.sides[side]!.reconnected();
  },
  'handshake needed': ({ side, to }, world) => world.sides[side]!.handshakeNeeded(world.sides[to]!.endpoint),
  up: ({ side }, world) => world.sides[side]!.up(),
  down: ({ side }, world) => world.sides[side]!.down(),
};

/** The others may be told; what they knew of the old key they forget. */
function newKey(world: World, side: Side, key: number, tells: boolean): void {
  side.setKey(key);
  world.settle(side);
  for (const other of world.sides) {
    const relation = other.peers.get(side.number);
    if (!tells || !relation) continue;
    other.removePeer(side.number);
    other.addPeer(side.number, { ...relation, identity: side.identity });
  }
}

function take(world: World, n: number, use: (flight: Flight) => void): void {
  if (world.flights.length > 0) use(world.flights.splice(n % world.flights.length, 1)[0]!);
}

function look(world: World, n: number, use: (flight: Flight) => void): void {
  if (world.flights.length > 0) use(world.flights[n % world.flights.length]!);
}

/** Of each datagram there is one change at most, or one could undo the other. */
function change(world: World, n: number, alter: (bytes: Uint8Array, message: Message) => Message): void {
  look(world, n, (flight) => {
    if (flight.isTouched) return;
    const bytes = new Uint8Array(flight.bytes.length + 64);
    bytes.set(flight.bytes);
    const message = alter(bytes, flight.message);
    const changed = { ...flight, bytes: bytes.slice(0, message.size), message, isTouched: true };
    world.flights[world.flights.indexOf(flight)] = changed;
    world.history.push(changed);
  });
}

function deliverGarbage(
  world: World,
  side: Side,
  kind: 'random' | 'reserved' | 'static',
  size: number,
): void {
  const { bytes, message } = makeGarbage(kind, size, side.identity, world.suite);
  const known = { ...message, id: world.messageId() };
  world.deliver({ bytes, message: known, from: STRANGER, to: side.endpoint, due: NEVER, isTouched: true });
}
