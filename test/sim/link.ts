import { sum16 } from '../../src/core/wire/checksum.ts';
import { ACK, FIN, RST, SYN } from '../../src/core/wire/tcp.ts';
import { SeededRandom } from '../support/random.ts';
import { Losses, type LossModel, NO_LOSS, type PacketKind } from './loss.ts';

/** One direction of a bad network. Plain data; times in ms, sizes in bytes. */
export interface LinkModel {
  /** One way. */
  delay: number;
  /** Added at random, up to so much; does not change the order. */
  jitter: number;
  /** Of the bottleneck, in bytes per ms. */
  rate: number;
  /** What may wait for the bottleneck; the rest is lost (tail drop). */
  queue: number;
  loss: LossModel;
  /** Probabilities, 0–1, of a second copy, of one flipped bit, and of being held back. */
  duplicate: number;
  corrupt: number;
  reorder: number;
  /** What is held back waits up to so long, or until so many have overtaken it. */
  reorderBy: { ms: number } | { packets: number };
  /** Everything is held for `length` at the end of every `every`, and then comes in one burst: a WebSocket's stall. */
  stall: { every: number; length: number };
  /** Delivered at multiples of so many ms; 0: one by one. */
  batch: number;
  /** Probability that a pure ACK is dropped because a later one of its connection has caught up with it. */
  thinning: number;
  /** What is larger is refused, and its sender told by ICMP unless it is a black hole. */
  mtu: number;
  isBlackHole: boolean;
  /** What a meddling middlebox takes out of SYNs. */
  stripTimestamps: boolean;
  stripSack: boolean;
  stripWindowScale: boolean;
}

export const PERFECT: LinkModel = {
  delay: 10,
  jitter: 0,
  rate: Number.POSITIVE_INFINITY,
  queue: Number.POSITIVE_INFINITY,
  loss: NO_LOSS,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  reorderBy: { ms: 0 },
  stall: { every: 0, length: 0 },
  batch: 0,
  thinning: 0,
  mtu: 65_535,
  isBlackHole: false,
  stripTimestamps: false,
  stripSack: false,
  stripWindowScale: false,
};

/** Something a link did to one packet. */
export interface LinkEvent {
  link: string;
  packet: number;
  what: 'lost' | 'queue full' | 'duplicated' | 'corrupted' | 'held back' | 'thinned';
  kind: PacketKind;
}

export function printEvent({ link, packet, what, kind }: LinkEvent): string {
  return `${link} ${packet} ${what} (${kind})`;
}

interface InTransit {
  at: number;
  bytes: Uint8Array;
  /** Overtaken by so many more, it goes. */
  waitsFor: number;
  isPureAck: boolean;
}

/** What the link does with what comes out, and with what it refuses. */
export interface LinkTarget {
  receive(bytes: Uint8Array): void;
  tooLarge(bytes: Uint8Array, mtu: number): void;
}

/**
 * Takes IP packets and gives them back when due. The fate of a packet hangs on the seed and on its number alone: a
 * fixed count of random numbers is drawn for each.
 */
export class Link {
  readonly model: LinkModel;
  readonly events: LinkEvent[] = [];
  readonly #name: string;
  readonly #random: SeededRandom;
  readonly #losses: Losses;
  readonly #target: LinkTarget;
  readonly #only: ReadonlySet<string> | undefined;
  #transit: InTransit[] = [];
  #packets = 0;
  #waiting = 0;
  #busyUntil = 0;
  #lastAt = 0;

  constructor(name: string, seed: number, model: LinkModel, target: LinkTarget, only?: ReadonlySet<string>) {
    this.#name = name;
    this.model = { ...model };
    this.#random = new SeededRandom(seed);
    this.#losses = new Losses(model.loss, this.#random);
    this.#target = target;
    this.#only = only;
  }

  /** When something is due; Infinity while nothing is under way. */
  get next(): number {
    return this.#transit[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  get packets(): number {
    return this.#packets;
  }

  /** `bytes` becomes the link's. */
  take(bytes: Uint8Array, now: number): void {
    const { model } = this;
    const number = this.#packets++;
    const kind = kindOf(bytes);
    const isLost = this.#losses.takes(kind, number, now);
    const chance = this.#random;
    const [twice, corrupt, bit, late, wait, jitter, thin] = [
      chance.fraction(),
      chance.fraction(),
      chance.next(),
      chance.fraction(),
      chance.fraction(),
      chance.fraction() * model.jitter,
      chance.fraction(),
    ];
    if (isLost && this.#does('lost', number, kind)) return;
    if (bytes.length > model.mtu) {
      if (!model.isBlackHole) this.#target.tooLarge(bytes, model.mtu);
      return;
    }
    const ready = this.#throughBottleneck(bytes, now);
    if (ready === undefined && this.#does('queue full', number, kind)) return;
    this.#meddle(bytes);
    if (corrupt! < model.corrupt && this.#does('corrupted', number, kind)) flip(bytes, bit);
    if (thin! < model.thinning && kind === 'ack') this.#thin(bytes, number);
    const isLate = late! < model.reorder && this.#does('held back', number, kind);
    const at = this.#arrival((ready ?? now) + model.delay + jitter, isLate ? wait : undefined);
    const waitsFor = isLate && 'packets' in model.reorderBy ? model.reorderBy.packets : 0;
    this.#enqueue({ at, bytes, waitsFor, isPureAck: kind === 'ack' });
    if (twice! < model.duplicate && this.#does('duplicated', number, kind))
      this.#enqueue({ at, bytes: bytes.slice(), waitsFor: 0, isPureAck: false });
  }

  /** Hands over all that is due. */
  deliver(now: number): void {
    while (this.next <= now) {
      const { bytes, waitsFor } = this.#transit.shift()!;
      if (waitsFor > 0) this.#waiting--;
      this.#target.receive(bytes);
    }
  }

  #does(what: LinkEvent['what'], packet: number, kind: PacketKind): boolean {
    const event = { link: this.#name, packet, what, kind };
    if (this.#only && !this.#only.has(printEvent(event))) return false;
    this.events.push(event);
    return true;
  }

  /** When it has left the bottleneck, or undefined when its queue is full. */
  #throughBottleneck(bytes: Uint8Array, now: number): number | undefined {
    const { rate, queue } = this.model;
    if (rate === Number.POSITIVE_INFINITY) return now;
    const begin = Math.max(now, this.#busyUntil);
    const size = transportLength(bytes);
    if ((begin - now) * rate + size > queue) return undefined;
    this.#busyUntil = begin + size / rate;
    return this.#busyUntil;
  }

  #arrival(at: number, wait: number | undefined): number {
    const { stall, batch, reorderBy } = this.model;
    if (wait !== undefined) at += 'ms' in reorderBy ? wait * reorderBy.ms : 1000;
    else this.#lastAt = at = Math.max(at, this.#lastAt);
    if (stall.length > 0) {
      const phase = at % stall.every;
      if (phase > stall.every - stall.length) at += stall.every - phase;
    }
    return batch > 0 ? Math.ceil(at / batch) * batch : at;
  }

  #enqueue(item: InTransit): void {
    this.#insert(item);
    for (let i = 0; this.#waiting > 0 && i < this.#transit.length; i++) {
      const other = this.#transit[i]!;
      if (other === item || other.waitsFor === 0 || --other.waitsFor > 0) continue;
      this.#waiting--;
      other.at = Math.min(other.at, item.at);
      this.#transit.splice(i, 1);
      this.#insert(other);
    }
    if (item.waitsFor > 0) this.#waiting++;
  }

  #insert(item: InTransit): void {
    let index = this.#transit.length;
    while (index > 0 && this.#transit[index - 1]!.at > item.at) index--;
    this.#transit.splice(index, 0, item);
  }

  /** Like a cable modem: of pure ACKs that wait together, one is enough. */
  #thin(bytes: Uint8Array, packet: number): void {
    const last = this.#transit.at(-1);
    if (!last?.isPureAck || !isSameFlow(last.bytes, bytes)) return;
    if (this.#does('thinned', packet, 'ack')) this.#transit.pop();
  }

  /** Replaces options of a SYN by NOPs and puts the checksum right again. */
  #meddle(bytes: Uint8Array): void {
    const { stripTimestamps, stripSack, stripWindowScale } = this.model;
    if (!(stripTimestamps || stripSack || stripWindowScale)) return;
    const kind = kindOf(bytes);
    if (kind !== 'syn' && kind !== 'syn-ack') return;
    const start = transportStart(bytes);
    const end = start + (bytes[start + 12]! >> 4) * 4;
    for (let at = start + 20; at < end; ) {
      const option = bytes[at]!;
      if (option < 2) {
        at++;
        continue;
      }
      const length = bytes[at + 1]!;
      const isUnwanted =
        (option === 8 && stripTimestamps) ||
        (option === 4 && stripSack) ||
        (option === 3 && stripWindowScale);
      if (isUnwanted) bytes.fill(1, at, at + length);
      at += length;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    view.setUint16(start + 16, 0);
    view.setUint16(start + 16, ~transportSum(view) & 0xffff);
  }
}

// ---- what the simulator knows of IP, by itself

export function versionOf(bytes: Uint8Array): 4 | 6 {
  return bytes[0]! >> 4 === 4 ? 4 : 6;
}

export function protocolOf(bytes: Uint8Array): number {
  return bytes[versionOf(bytes) === 4 ? 9 : 6]!;
}

/** Where the transport's header begins: nothing here sends options or extension headers. */
export function transportStart(bytes: Uint8Array): number {
  return versionOf(bytes) === 4 ? 20 : 40;
}

/** With 40 bytes for IP, whichever it is: both families meet the same bottleneck. */
function transportLength(bytes: Uint8Array): number {
  return bytes.length - transportStart(bytes) + 40;
}

/** The sum over transport header, payload and pseudo-header. */
export function transportSum(view: DataView): number {
  const isIpv4 = view.getUint8(0) >> 4 === 4;
  const start = isIpv4 ? 20 : 40;
  const protocol = view.getUint8(isIpv4 ? 9 : 6);
  const length = view.byteLength - start;
  const withPseudoHeader = protocol !== 1;
  const pseudo = withPseudoHeader ? sum16(view, isIpv4 ? 12 : 8, start, protocol + length) : 0;
  return sum16(view, start, view.byteLength, pseudo);
}

export function kindOf(bytes: Uint8Array): PacketKind {
  if (protocolOf(bytes) !== 6) return 'other';
  const start = transportStart(bytes);
  const flags = bytes[start + 13]!;
  if (flags & RST) return 'rst';
  if (flags & SYN) return flags & ACK ? 'syn-ack' : 'syn';
  if (flags & FIN) return 'fin';
  return bytes.length > start + (bytes[start + 12]! >> 4) * 4 ? 'data' : 'ack';
}

function isSameFlow(a: Uint8Array, b: Uint8Array): boolean {
  const start = transportStart(a);
  if (versionOf(a) !== versionOf(b)) return false;
  const from = versionOf(a) === 4 ? 12 : 8;
  for (let i = from; i < start + 4; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** One flipped bit behind the IP header can never leave the checksum right. */
function flip(bytes: Uint8Array, random: number): void {
  const start = transportStart(bytes);
  bytes[start + ((random >>> 3) % (bytes.length - start))]! ^= 1 << (random & 7);
}
