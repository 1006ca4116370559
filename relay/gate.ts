/**
 * Decides from the first 16 bytes of a datagram whether it may pass, so that the relay serves WireGuard and
 * nothing else: no scanning, no reflection, no free UDP. One gate per channel; it never reads a payload and
 * holds no key.
 *
 * What makes it strong is that the other side must speak first in the right words: a response is 92 bytes,
 * type 2, and repeats a 32-bit index that the client chose. Only a WireGuard peer that knows the client's key
 * sends that; an echo, DNS or NTP server cannot.
 *
 * Message layouts: core/wire/wireguard.ts.
 */

import * as wg from '../src/core/wire/wireguard.ts';
import type { Counts } from './counters.ts';
import type { Shape } from './rule.ts';

/** A keypair dies after 180 s (REJECT_AFTER_TIME, WG §6.2); the rest is slack for what was on its way. */
export const PAIR_LIFETIME = 190_000;
/**
 * A living peer answers data within 10 s (KEEPALIVE_TIMEOUT), and WireGuard itself starts a handshake after
 * 15 s of silence, so honest data never goes unanswered for this long.
 */
export const SILENCE = 30_000;
/** How often one keepalive may pass towards an endpoint that is silent. */
export const KEEPALIVE_WHEN_SILENT = 5_000;

/** What may leave on pairs that came with a ticket, until the endpoint has shown that it knows them, too. */
export const UNPROVEN_DATAGRAMS = 64;
export const UNPROVEN_BYTES = 64 * 1024;

const MAX_PENDING = 4;
/** WireGuard's previous, current and next. */
const MAX_PAIRS = 3;

/** Why a datagram of a session was refused. */
export type GateRefusal =
  /** Not a WireGuard message by its type, reserved bytes and length. */
  | 'shape'
  /** Data before any handshake, or for a keypair that nobody agreed on. */
  | 'no_handshake'
  /** Data for a keypair that WireGuard itself would refuse by now. */
  | 'expired_key'
  | 'unsolicited_initiation'
  | 'unsolicited_response'
  | 'unsolicited_cookie'
  /** Data towards an endpoint that has long stopped answering. */
  | 'endpoint_silent'
  /** Too much on pairs from a ticket that the endpoint has not answered yet. */
  | 'unproven';

/** Both sides' indices of one keypair. */
interface Pair {
  readonly client: number;
  readonly endpoint: number;
  readonly since: number;
}

/** A pair on its way to another gate: the client's index, the endpoint's, and its age in ms. */
export type PairState = readonly [client: number, endpoint: number, age: number];

export class Gate {
  /** As the endpoint's rule says; until that is known, WireGuard's own. */
  shape: Shape = 'wireguard';
  readonly #maxDatagram: number;
  readonly #listens: boolean;
  readonly #clientCalls: Calls;
  readonly #endpointCalls: Calls;
  readonly #pairs: Pair[] = [];
  /** When data first went unanswered; undefined while the endpoint answers. */
  #unansweredSince: number | undefined;
  #lastSilentKeepalive = Number.NEGATIVE_INFINITY;
  /** What may leave still, while `#isProven` is not. */
  #isProven = true;
  #datagramsLeft = UNPROVEN_DATAGRAMS;
  #bytesLeft = UNPROVEN_BYTES;
  /** How many pairs there ever were. */
  pairsMade = 0;

  /** `listens`: the endpoint may call before there was any handshake. */
  constructor(maxDatagram: number, handshakes: Counts, listens = false) {
    this.#maxDatagram = maxDatagram;
    this.#listens = listens;
    this.#clientCalls = new Calls('up', handshakes);
    this.#endpointCalls = new Calls('down', handshakes);
  }

  /** What was not answered is not going to be. */
  close(): void {
    this.#clientCalls.close();
    this.#endpointCalls.close();
  }

  /** Whether any handshake has completed through this gate. */
  get hasPair(): boolean {
    return this.#pairs.length > 0;
  }

  /** What another gate needs to let the same sessions pass. */
  pairs(now: number): PairState[] {
    const living = this.#pairs.filter(({ since }) => now - since <= PAIR_LIFETIME);
    return living.map(({ client, endpoint, since }) => [client, endpoint, Math.round(now - since)]);
  }

  /** Takes the pairs of a ticket, newest first. `elapsed`: ms since they had their age. */
  restore(pairs: readonly PairState[], elapsed: number, now: number): void {
    for (const [client, endpoint, age] of pairs.slice(0, MAX_PAIRS).reverse())
      this.#addPair(client, endpoint, now - age - Math.max(0, elapsed));
    this.#isProven = false;
  }

  /** 1 to 4 if `bytes[start, end)` has the outer form of that message, as this endpoint's rule has it; otherwise 0. */
  typeOf(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const type = bytes[start]!;
    if (length > this.#maxDatagram) return 0;
    if (this.shape === 'off') return length > 0 ? wg.TRANSPORT : 0;
    if (length < wg.TRANSPORT_MIN_SIZE) return 0;
    // Data need not be a multiple of 16 long: padding stops at the MTU.
    if (this.shape === 'sized') return typeByLength(length, type);
    if ((bytes[start + 1]! | bytes[start + 2]! | bytes[start + 3]!) !== 0) return 0;
    return type === wg.TRANSPORT || LENGTHS[type] === length ? type : 0;
  }

  /** Whether there is a packet in it: it is no handshake, nor a keepalive, both of which are few and must not wait. */
  isPacket(type: number, length: number): boolean {
    return type === wg.TRANSPORT && (length > wg.TRANSPORT_MIN_SIZE || this.shape === 'off');
  }

  /** From the client to the endpoint: why `bytes[start, end)`, whose `typeOf` is `type`, may not pass, or undefined if it may. */
  up(bytes: Uint8Array, start: number, end: number, now: number, type: number): GateRefusal | undefined {
    switch (type) {
      case wg.INITIATION:
        this.#clientCalls.add(wg.readIndex(bytes, start + wg.SENDER_INDEX));
        return undefined;
      case wg.RESPONSE: {
        const receiver = wg.readIndex(bytes, start + wg.RESPONSE_RECEIVER_INDEX);
        if (!this.#endpointCalls.answer(receiver)) return 'unsolicited_response';
        this.#addPair(wg.readIndex(bytes, start + wg.SENDER_INDEX), receiver, now);
        return undefined;
      }
      case wg.COOKIE_REPLY:
        return this.#endpointCalls.has(wg.readIndex(bytes, start + wg.RECEIVER_INDEX))
          ? undefined
          : 'unsolicited_cookie';
      case wg.TRANSPORT:
        return this.#upData(bytes, start, end, now);
      default:
        return 'shape';
    }
  }

  /** From the endpoint to the client. */
  down(bytes: Uint8Array, start: number, now: number, type: number): GateRefusal | undefined {
    switch (type) {
      case wg.INITIATION: {
        const sender = wg.readIndex(bytes, start + wg.SENDER_INDEX);
        // A first call that repeats one of the client's indices is an echo of its own initiation.
        if (!this.hasPair && (!this.#listens || this.#clientCalls.has(sender)))
          return 'unsolicited_initiation';
        this.#endpointCalls.add(sender);
        break;
      }
      case wg.RESPONSE: {
        const receiver = wg.readIndex(bytes, start + wg.RESPONSE_RECEIVER_INDEX);
        if (!this.#clientCalls.answer(receiver)) return 'unsolicited_response';
        this.#addPair(receiver, wg.readIndex(bytes, start + wg.SENDER_INDEX), now);
        break;
      }
      case wg.COOKIE_REPLY: {
        // A cookie reply proves nothing about the endpoint: it does not end a silence.
        const receiver = wg.readIndex(bytes, start + wg.RECEIVER_INDEX);
        if (this.#clientCalls.has(receiver)) return undefined;
        return this.#pairs.some((pair) => pair.client === receiver) ? undefined : 'unsolicited_cookie';
      }
      case wg.TRANSPORT: {
        const refusal = this.#judgeIndex('client', bytes, start, now);
        if (refusal !== undefined) return refusal;
        break;
      }
      default:
        return 'shape';
    }
    this.#unansweredSince = undefined;
    this.#isProven = true;
    return undefined;
  }

  #upData(bytes: Uint8Array, start: number, end: number, now: number): GateRefusal | undefined {
    const refusal = this.#judgeIndex('endpoint', bytes, start, now);
    if (refusal !== undefined) return refusal;
    if (!this.#isProven) {
      if (this.#datagramsLeft < 1 || this.#bytesLeft < end - start) return 'unproven';
      this.#datagramsLeft--;
      this.#bytesLeft -= end - start;
    }
    // Keepalives are never answered, so they must not start the clock: an idle tunnel sends nothing else.
    const isData = this.isPacket(wg.TRANSPORT, end - start);
    if (this.#unansweredSince !== undefined && now - this.#unansweredSince > SILENCE) {
      // What has no handshakes that could end a silence, may try as often as keepalives.
      const mayTry = !isData || this.shape === 'off';
      if (!mayTry || now - this.#lastSilentKeepalive < KEEPALIVE_WHEN_SILENT) return 'endpoint_silent';
      this.#lastSilentKeepalive = now;
    } else if (isData) {
      this.#unansweredSince ??= now;
    }
    return undefined;
  }

  /** Of data: whether it is of a pair of which its receiver is that side. */
  #judgeIndex(side: 'client' | 'endpoint', bytes: Uint8Array, start: number, now: number) {
    if (this.shape === 'off') return undefined;
    const receiver = wg.readIndex(bytes, start + wg.RECEIVER_INDEX);
    for (const { client, endpoint, since } of this.#pairs)
      if ((side === 'client' ? client : endpoint) === receiver)
        return now - since > PAIR_LIFETIME ? 'expired_key' : undefined;
    return 'no_handshake';
  }

  #addPair(client: number, endpoint: number, since: number): void {
    this.pairsMade++;
    this.#pairs.unshift({ client, endpoint, since });
    if (this.#pairs.length > MAX_PAIRS) this.#pairs.pop();
  }
}

/** Of handshake messages, by type. */
const LENGTHS = [0, wg.INITIATION_SIZE, wg.RESPONSE_SIZE, wg.COOKIE_REPLY_SIZE];

/** Where the first four bytes are not WireGuard's: as long as a cookie reply may also be data, and then is. */
function typeByLength(length: number, type: number): number {
  const likely = LENGTHS.indexOf(length);
  const isOther = likely < 0 || type === wg.TRANSPORT || (likely === wg.COOKIE_REPLY && type !== likely);
  return isOther ? wg.TRANSPORT : likely;
}

/** Initiations of one side that have had no response, by their indices, the newest first. Each ends up counted, once. */
class Calls {
  readonly #from: 'up' | 'down';
  readonly #handshakes: Counts;
  readonly #pending: number[] = [];

  constructor(from: 'up' | 'down', handshakes: Counts) {
    this.#from = from;
    this.#handshakes = handshakes;
  }

  has(index: number): boolean {
    return this.#pending.includes(index);
  }

  add(index: number): void {
    this.#pending.unshift(index);
    if (this.#pending.length > MAX_PENDING) this.#end(MAX_PENDING, 'unanswered');
  }

  /** False if there is no such call. */
  answer(index: number): boolean {
    const at = this.#pending.indexOf(index);
    if (at >= 0) this.#end(at, 'answered');
    return at >= 0;
  }

  close(): void {
    while (this.#pending.length > 0) this.#end(0, 'unanswered');
  }

  #end(at: number, result: string): void {
    this.#pending.splice(at, 1);
    this.#handshakes.count(`${this.#from} ${result}`);
  }
}
