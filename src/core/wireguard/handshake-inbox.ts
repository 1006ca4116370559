// The way of a handshake message from the datagram to its peer (WG §5.3): gate, queue, DH with our static key, peer. A DH
// is by far the dearest thing that a stranger can make us do, and anyone who knows our public key can; so they are
// counted, and what is beyond the budget waits while data packets pass.
import { toBase64, wipe } from '../bytes.ts';
import type { Endpoint } from '../endpoint.ts';
import type { PacketBuffer } from '../packet-buffer.ts';
import { type Instant, NEVER, type Pollable } from '../time.ts';
import { TokenBucket } from '../token-bucket.ts';
import { DHS_PER_SECOND, DHS_PER_SLICE, MAX_OPEN_QUESTIONS, MAX_WAITING_HANDSHAKES } from './constants.ts';
import type { DatagramDrop } from './drops.ts';
import { openStatic } from './handshake.ts';
import { HandshakeGate } from './handshake-gate.ts';
import {
  field,
  INITIATION,
  INITIATION_FIELDS,
  RECEIVER_INDEX,
  RESPONSE_FIELDS,
  RESPONSE_RECEIVER_INDEX,
  readIndex,
} from './messages.ts';
import type { Peer } from './peer.ts';
import type { PeerHost } from './peer-host.ts';

interface WaitingMessage {
  readonly message: Uint8Array;
  readonly from: Endpoint;
}

export class HandshakeInbox implements Pollable {
  readonly #host: PeerHost;
  /** By public key in base64. */
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #gate: HandshakeGate;
  readonly #budget = new TokenBucket(DHS_PER_SECOND, DHS_PER_SLICE);
  readonly #queue: WaitingMessage[] = [];
  /** Messages for which our identity has not answered yet. */
  #openQuestions = 0;

  constructor(host: PeerHost, peers: ReadonlyMap<string, Peer>) {
    this.#host = host;
    this.#peers = peers;
    this.#gate = new HandshakeGate(host);
  }

  /** An initiation or a response: its turn is at once if nothing waits before it. */
  receive(datagram: PacketBuffer, from: Endpoint, now: Instant): void {
    const message = datagram.memory.subarray(datagram.start, datagram.end);
    const drop = this.#gate.check(message, from, this.#queue.length + this.#openQuestions, now);
    if (drop) this.#host.drops.count(drop);
    else if (this.#queue.length >= MAX_WAITING_HANDSHAKES) this.#host.drops.count('handshake_queue_full');
    else if (this.#queue.push({ message: message.slice(), from }) === 1) this.#workOff(now);
  }

  /** Cookie replies have no MACs, cost no DH and change next to nothing. */
  receiveCookieReply(datagram: PacketBuffer, now: Instant): void {
    const reply = datagram.memory.slice(datagram.start, datagram.end);
    const peer = this.#host.indices.get(readIndex(reply, RECEIVER_INDEX))?.peer;
    this.#conclude(peer, peer ? peer.consumeCookieReply(reply, now) : 'unexpected_cookie');
  }

  /** The device went down, or has another key: what was on its way is dropped. */
  clear(reason: 'device_down' | 'identity_changed'): void {
    const dropped = this.#queue.length + (reason === 'identity_changed' ? this.#openQuestions : 0);
    if (dropped > 0) this.#host.drops.count(reason, dropped);
    this.#queue.length = 0;
    // Answers of the old identity never come, and those of one that stays count themselves.
    if (reason === 'identity_changed') this.#openQuestions = 0;
  }

  wipe(): void {
    this.#gate.wipe();
  }

  // ---- The queue

  /** When there is enough for another slice: not in the instant of the last, so that others get their turn. */
  pollAt(): Instant {
    if (this.#queue.length === 0 || this.#openQuestions >= MAX_OPEN_QUESTIONS) return NEVER;
    return this.#budget.availableAt(DHS_PER_SLICE);
  }

  poll(now: Instant): void {
    if (now >= this.pollAt()) this.#workOff(now);
  }

  /** As much as the budget allows. */
  #workOff(now: Instant): void {
    while (this.#openQuestions < MAX_OPEN_QUESTIONS && this.#budget.has(1, now)) {
      const next = this.#queue.shift();
      if (!next) return;
      if (next.message[0] === INITIATION) this.#consumeInitiation(next, now);
      else this.#consumeResponse(next, now);
    }
  }

  // ---- One message

  #consumeInitiation({ message, from }: WaitingMessage, now: Instant): void {
    this.#askIdentity(field(message, INITIATION_FIELDS.ephemeral), now, (es, later) => {
      const { environment, identity } = this.#host;
      const opened = es && openStatic(environment.crypto, identity.publicKey, message, es);
      if (es) wipe(es);
      if (!opened) {
        this.#host.drops.count('bad_static');
        return;
      }
      const peer = this.#peers.get(toBase64(opened.peerPublicKey));
      if (!peer) opened.symmetric.wipe();
      const drop = peer ? peer.consumeInitiation(opened.symmetric, message, from, later) : 'unknown_peer';
      this.#conclude(peer, drop);
      // The answer has an ephemeral key and two DHs of its own.
      if (!drop) this.#budget.charge(3);
    });
  }

  #consumeResponse({ message, from }: WaitingMessage, now: Instant): void {
    const index = readIndex(message, RESPONSE_RECEIVER_INDEX);
    const { drops, indices } = this.#host;
    if (!indices.get(index)?.peer.awaitsResponse(index)) {
      drops.count('unexpected_response');
      return;
    }
    this.#askIdentity(field(message, RESPONSE_FIELDS.ephemeral), now, (se, later) => {
      // Asked again, because another response, a newer initiation or the end of the peer may have come in between.
      const peer = indices.get(index)?.peer;
      if (!peer?.awaitsResponse(index)) drops.count('unexpected_response');
      else {
        this.#budget.charge(1);
        this.#conclude(peer, se ? peer.consumeResponse(message, se, from, later) : 'bad_response');
      }
      if (se) wipe(se);
    });
  }

  /** DH with our static key, which may be answered now or later. */
  #askIdentity(
    publicKey: Uint8Array,
    now: Instant,
    answer: (shared: Uint8Array | undefined, now: Instant) => void,
  ): void {
    this.#budget.charge(1);
    this.#openQuestions++;
    this.#host.identity.dh(publicKey, now, (shared, later) => {
      this.#openQuestions--;
      if (this.#host.isUp) {
        answer(shared, later);
        return;
      }
      if (shared) wipe(shared);
      this.#host.drops.count('device_down');
    });
  }

  #conclude(peer: Peer | undefined, drop: DatagramDrop | undefined): void {
    if (!drop) return;
    if (peer) peer.refuse(drop);
    else this.#host.drops.count(drop);
  }
}
