// Two or three sides, the network between them, and time. Whatever happens to a device happens to its reference too;
// `settle` compares what came out, `compare` what is visible of their states.
import { type Endpoint, printEndpoint } from '../../src/core/endpoint.ts';
import type { SeededRandom } from '../support/random.ts';
import { POOL_SIZE, poolKey } from './curve.ts';
import type { Question } from './deferred.ts';
import type { FastSuite } from './ledger.ts';
import type { Inner, Message } from './reference-message.ts';
import { nameOf, Side, STATIC_KEYS } from './side.ts';
import { Violation } from './violation.ts';

/** A datagram on its way. */
export interface Flight {
  readonly bytes: Uint8Array;
  /** What it means. */
  readonly message: Message;
  readonly from: string;
  readonly to: string;
  due: number;
  /** The adversary has changed it; once is enough. */
  readonly isTouched: boolean;
}

export interface WorldOptions {
  seed: number;
  sides: 2 | 3;
  /** Side A knows the others' endpoints; they know hers only if this is true. */
  mutual: boolean;
  /** Indices are drawn from 0 to 23 only, so that they collide and come again. */
  fewIndices: boolean;
  psk: boolean;
  /** Static keys answer later, and there is no reference (deferred.ts). */
  isDeferred: boolean;
}

const NEVER = Number.POSITIVE_INFINITY;
const TYPES = { initiation: 1, response: 2, cookie: 3, transport: 4 };
/** Of a network that is left alone. */
const DELAY = 10;
/** Of a static key out of reach, when nobody interferes. */
const ANSWER_DELAY = 2;
const MAX_FLIGHTS = 200;
const MAX_HISTORY = 300;
/** Where an inner packet has its number: behind the IPv4 header. */
const ID_OFFSET = 20;

export class World {
  readonly seed: number;
  readonly sides: Side[] = [];
  now = 1_000_000;
  wall = 1_800_000_000_000;
  wallWentBack = false;
  /** Someone may believe a wrong index to be the other side's (peace.ts). */
  isMisled = false;
  /** While true, datagrams arrive by themselves. */
  isCalm = true;
  flights: Flight[] = [];
  readonly history: Flight[] = [];
  /** DHs that are not answered yet. */
  questions: Question[] = [];
  /** By id, what was offered, and how often it came. */
  readonly packets = new Map<number, { bytes: Uint8Array; times: number }>();
  readonly options: WorldOptions;
  readonly suite: FastSuite;
  readonly #endpoints = new Map<string, Endpoint>();
  #messages = 0;
  #ephemerals: number;

  constructor(options: WorldOptions, suite: FastSuite) {
    this.options = options;
    this.suite = suite;
    this.seed = options.seed;
    this.#ephemerals = options.seed * 37;
    for (let number = 0; number < options.sides; number++) this.sides.push(new Side(number, this, suite));
    for (const side of this.sides) {
      for (const other of this.sides)
        if (other !== side) side.peers.set(other.number, this.relation(side, other));
      side.begin(false);
      this.settle(side);
    }
  }

  /** What a configuration says of the other side. */
  relation(
    side: Side,
    other: Side,
  ): { identity: string; psk: number; endpoint: string | undefined; keepalive: number } {
    const knows = this.options.mutual || side.number < other.number;
    const psk = this.options.psk ? 7 : 0;
    return { identity: other.identity, psk, endpoint: knows ? other.endpoint : undefined, keepalive: 0 };
  }

  // ---- chance

  readonly messageId = (): number => ++this.#messages;

  ephemeral(): Uint8Array {
    return poolKey(STATIC_KEYS + (this.#ephemerals++ % (POOL_SIZE - STATIC_KEYS)));
  }

  indexFrom(random: SeededRandom): number {
    return this.options.fewIndices ? random.below(24) : random.next();
  }

  // ---- endpoints, each one object

  endpointAt(side: number, move: number): Endpoint {
    return this.endpoint(`198.51.100.${side + 1}:${1000 + move}`);
  }

  endpoint(name: string): Endpoint {
    let endpoint = this.#endpoints.get(name);
    if (!endpoint) {
      const [host, port] = name.split(':');
      endpoint = { host: host!, port: Number(port) };
      this.#endpoints.set(name, endpoint);
    }
    return endpoint;
  }

  nameOfEndpoint(endpoint: Endpoint): string {
    return printEndpoint(endpoint);
  }

  // ---- time

  /** Lets time go by, everything at its time. */
  wait(duration: number): void {
    const end = this.now + duration;
    for (let turns = 0; ; turns++) {
      let next = NEVER;
      for (const side of this.sides) next = Math.min(next, side.device.pollAt());
      for (const { due } of [...this.flights, ...this.questions]) next = Math.min(next, due);
      if (next > end) break;
      if (next > this.now) turns = 0;
      this.jump(Math.max(0, next - this.now));
      if (turns > 1000) throw new Violation('11: time stands still');
      this.pollAll();
      this.#answerDue();
      this.#deliverDue();
    }
    this.jump(end - this.now);
  }

  /** Time passes unnoticed. */
  jump(duration: number): void {
    this.now += duration;
    this.wall += duration;
  }

  pollAll(): void {
    for (const side of this.sides) {
      const wasDue = side.model.peersDeadline <= this.now;
      side.poll();
      this.settle(side);
      side.ledger.check();
      // What the device as a whole says may be earlier (Alarm); its peers are exact.
      const next = Math.min(NEVER, ...[...side.device.peers].map((peer) => peer.pollAt()));
      if (wasDue) same(`${side.name}'s next deadline after poll`, next, side.model.peersDeadline);
    }
  }

  #deliverDue(): void {
    for (;;) {
      const at = this.flights.findIndex((flight) => flight.due <= this.now);
      if (at < 0) return;
      this.deliver(this.flights.splice(at, 1)[0]!);
    }
  }

  // ---- answers of static keys

  ask(answer: () => void): void {
    this.questions.push({ due: this.isCalm ? this.now + ANSWER_DELAY : NEVER, answer });
  }

  answer(question: Question): void {
    this.questions = this.questions.filter((each) => each !== question);
    question.answer();
    for (const side of this.sides) this.settle(side);
  }

  #answerDue(): void {
    for (;;) {
      const question = this.questions.find(({ due }) => due <= this.now);
      if (!question) return;
      this.answer(question);
    }
  }

  // ---- the network

  /** Arrives, from where it seems to come. */
  deliver({ bytes, message, from, to }: Flight): void {
    const side = this.sides.find(({ endpoint }) => endpoint === to);
    if (!side) return;
    const before = side.sent.length;
    if (before > 0) throw new Error('not settled');
    side.receive(bytes, message, from);
    this.settle(side, bytes.length);
  }

  launch(flight: Flight): void {
    this.flights.push(flight);
    if (this.flights.length > MAX_FLIGHTS) this.flights.shift();
  }

  // ---- packets

  /** An inner packet with a number, its id; with a flaw, its receiver refuses it, or nobody is found for it. */
  offer(from: number, to: number, size: number, flaw?: 'source' | 'length' | 'route'): number {
    const id = this.packets.size;
    const source = flaw === 'source' ? 77 : from + 1;
    const destination = flaw === 'route' ? -1 : to + 1;
    const bytes = new Uint8Array(size).fill(id);
    const view = new DataView(bytes.buffer);
    bytes[0] = 0x45;
    view.setUint16(2, flaw === 'length' ? size + 100 : size);
    bytes.set([10, 0, 0, source], 12);
    bytes.set(flaw === 'route' ? [192, 0, 2, 1] : [10, 0, 0, destination], 16);
    view.setUint32(ID_OFFSET, id);
    this.packets.set(id, { bytes, times: 0 });
    const side = this.sides[from]!;
    const inner: Inner = { id, size, source, destination, isSound: flaw !== 'length' };
    const [verdict, expected] = side.send(bytes, inner);
    this.settle(side);
    if (!this.options.isDeferred) same('verdict', verdict, expected);
    return id;
  }

  // ---- comparison

  /** Takes what a device and its reference have put out, compares, and sends it on its way. */
  settle(side: Side, received = 0): void {
    const { sent, model, name } = side;
    this.#checkInitiations(side);
    this.#checkAmplification(side, received);
    this.#checkDeliveries(side);
    if (!this.options.isDeferred) {
      const is = sent.map(({ bytes, to }) => describe(bytes, printEndpoint(to)));
      sameText(`what ${name} sent`, is, model.sent.map(expected));
      const ids = side.delivered.map((bytes) => String(idOf(bytes)));
      sameText(`what ${name} delivered`, ids, model.delivered.map(String));
      sameText(`what ${name} noticed`, side.events, model.events);
    }
    sent.forEach(({ bytes, to }, i) => {
      const message = model.sent[i]?.message ?? this.#meaning(bytes, printEndpoint(to));
      this.#put({ bytes, message, from: side.endpoint, to: printEndpoint(to) });
    });
    for (const list of [sent, side.delivered, side.events, model.sent, model.delivered, model.events])
      list.length = 0;
  }

  #put(datagram: Pick<Flight, 'bytes' | 'message' | 'from' | 'to'>): void {
    const flight = { ...datagram, due: this.isCalm ? this.now + DELAY : NEVER, isTouched: false };
    // Cookie replies to strangers would push other datagrams out.
    if (!flight.to.startsWith('203.')) this.launch(flight);
    // While the first copy of a datagram waits for a static key, the second may come.
    if (this.options.isDeferred && this.messageId() % 4 === 0) this.launch({ ...flight });
    this.history.push(flight);
    if (this.history.length > MAX_HISTORY) this.history.shift();
  }

  /** As much of it as can be seen, where there is no reference. */
  #meaning(bytes: Uint8Array, to: string): Message {
    const side = this.sides.find(({ endpoint }) => endpoint === to) ?? this.sides[0]!;
    const common = { id: 0, by: '', to: side.identity, size: bytes.length, sender: 0, receiver: 0 };
    if (bytes[0] === 1) return { ...common, kind: 'initiation', timestamp: 0 };
    if (bytes[0] === 2) return { ...common, kind: 'response', answers: 0, psk: '' };
    if (bytes[0] === 3) return { ...common, kind: 'cookie', about: 0, cookie: '' };
    return { ...common, kind: 'transport', session: 0, fromInitiator: false, counter: 0 };
  }

  /** Invariant 6: a handshake message has one answer at most, which is shorter than an initiation. */
  #checkAmplification(side: Side, received: number): void {
    const answers = side.sent.filter(({ bytes }) => bytes[0] === 2 || bytes[0] === 3);
    if (received === 0 || answers.length === 0) return;
    if (answers.length > 1 || answers[0]!.bytes.length > received)
      throw new Violation('6: more is answered than was asked');
  }

  /** Invariant 5: initiations to one peer are 5 s apart, with growing timestamps. */
  #checkInitiations(side: Side): void {
    for (const event of side.events) {
      const [type, peer] = event.split(' ') as [string, string];
      if (type !== 'handshake-attempt') continue;
      if (this.now - (side.initiatedAt.get(peer) ?? -NEVER) < 5000)
        throw new Violation('5: two initiations to one peer within 5 s');
      side.initiatedAt.set(peer, this.now);
    }
    for (const timestamp of side.ledger.timestamps.splice(0)) {
      if (side.greatestTimestamp && Buffer.compare(timestamp, side.greatestTimestamp) <= 0)
        throw new Violation('5: a timestamp that is not greater than the last');
      side.greatestTimestamp = timestamp;
    }
  }

  /** Invariant 9: what comes was sent, as it comes, and comes once; who may have sent it is the reference's business. */
  #checkDeliveries(side: Side): void {
    for (const bytes of side.delivered) {
      const packet = this.packets.get(idOf(bytes));
      if (!packet || Buffer.compare(packet.bytes, bytes) !== 0)
        throw new Violation('9: delivered what nobody sent');
      if (++packet.times > 1) throw new Violation('9: delivered twice');
    }
  }

  /** Compares all that is visible of each device with its reference. */
  compare(): void {
    for (const side of this.sides)
      if (this.options.isDeferred) this.#checkSide(side);
      else this.#compareSide(side);
  }

  /** What can be said without a reference. */
  #checkSide({ ledger, device, isUp }: Side): void {
    const most = isUp ? 6 * [...device.peers].length : 0;
    if (ledger.liveKeys > most) throw new Violation(`1: ${ledger.liveKeys} session keys, ${most} may be`);
  }

  #compareSide(side: Side): void {
    const { device, model, ledger, name } = side;
    const status = side.status();
    // A device may be early, because a timer that was cancelled still rings, but never late (Alarm).
    if (device.pollAt() > model.deadline) same(`${name}'s next deadline`, device.pollAt(), model.deadline);
    sameCounts(`${name}'s drops`, status.drops, model.drops);
    same(`${name}'s number of peers`, status.peers.length, model.peers.size);
    let sessions = 0;
    for (const peer of status.peers) {
      const who = nameOf(peer.publicKey);
      const wanted = model.peers.get(who);
      const what = `${name}'s peer ${who}:`;
      if (!wanted) throw new Violation(`reference: ${what} should not be`);
      sessions += wanted.sessions.length;
      if (wanted.sessions.length > 3) throw new Violation('1: more than three sessions of one peer');
      same(`${what} endpoint`, peer.endpoint, wanted.endpoint);
      same(`${what} has a session`, peer.hasSession, wanted.canSend(this.now));
      same(`${what} latest handshake`, peer.latestHandshake, wanted.latestHandshake);
      same(`${what} rx`, peer.rxBytes, wanted.rx);
      same(`${what} tx`, peer.txBytes, wanted.tx);
      same(`${what} attempts`, peer.handshakeAttempts, wanted.attemptsShown);
      same(`${what} keepalive`, peer.persistentKeepalive, wanted.keepalive);
      sameCounts(`${what} drops`, peer.drops, wanted.drops);
    }
    same(`${name}'s number of session keys`, ledger.liveKeys, 2 * sessions);
    same(
      `${name}'s last timestamp`,
      device.lastTimestamp && stepsOf(device.lastTimestamp),
      model.lastTimestamp,
    );
  }
}

function idOf(packet: Uint8Array): number {
  return new DataView(packet.buffer).getUint32(ID_OFFSET);
}

/** A datagram in words, for comparison and for reading. */
function describe(bytes: Uint8Array, to: string): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [type, first] = [view.getUint32(0, true), view.getUint32(4, true)];
  const second = type === 2 || type === 4 ? view.getUint32(8, true) : 0;
  const hasMac2 = type <= 2 && bytes.subarray(bytes.length - 16).some((byte) => byte !== 0);
  return `${type} ${first} ${second} ${bytes.length} ${hasMac2} to ${to}`;
}

function expected({ message, to }: { message: Message; to: string }): string {
  const fields = 'sender' in message ? [message.sender, 'receiver' in message ? message.receiver : 0] : [];
  if (message.kind === 'cookie') fields.push(message.receiver, 0);
  if (message.kind === 'transport') fields.push(message.receiver, message.counter);
  return `${TYPES[message.kind]} ${fields.join(' ')} ${message.size} ${message.mac2 !== undefined} to ${to}`;
}

/** TAI64N as the reference counts: sixty steps of 2^24 ns to a second of Unix time. */
function stepsOf(timestamp: Uint8Array): number {
  const view = new DataView(timestamp.buffer, timestamp.byteOffset);
  const seconds = (view.getUint32(0) - 0x4000_0000) * 2 ** 32 + view.getUint32(4) - 10;
  return seconds * 60 + Math.floor(view.getUint32(8) / 2 ** 24);
}

function same(what: string, is: unknown, should: unknown): void {
  if (is !== should) throw new Violation(`reference: ${what} is ${is}, expected ${should}`);
}

function sameText(what: string, is: readonly string[], should: readonly string[]): void {
  const [one, two] = [is.join(', '), should.join(', ')];
  if (one !== two)
    throw new Violation(`reference: ${what}: ${one || 'nothing'}, expected ${two || 'nothing'}`);
}

function sameCounts(what: string, is: Record<string, number>, should: Record<string, number>): void {
  for (const key in is) if (is[key] !== should[key]) same(`${what} (${key})`, is[key], should[key]);
  for (const key in should) if (is[key] !== should[key]) same(`${what} (${key})`, is[key], should[key]);
}
