// Noise_IKpsk2 (WG §5.4.2–§5.4.5). Read the paper beside it: the two messages are created and consumed by four
// functions, line for line. They are pure: ephemeral keys, indices and timestamps are given, nothing is kept, and a
// message that is refused has changed nothing. mac1 and mac2 are not looked at here (cookie.ts).
//
//     initiator                                              responder
//     createInitiation  ── e, es, s, ss, timestamp ──►  consumeInitiation
//     consumeResponse   ◄── e, ee, se, psk ───────────  createResponse
//
// The two DHs with our own static key, es for the responder and se for the initiator, are done by the caller, because
// that key may be out of reach (StaticIdentity). Every DH that is all zero ends the handshake.
import { wipe } from '../bytes.ts';
import type { CryptoSuite } from '../crypto/suite.ts';
import {
  field,
  INITIATION,
  INITIATION_FIELDS,
  newMessage,
  RESPONSE,
  RESPONSE_FIELDS,
  RESPONSE_RECEIVER_INDEX,
  readIndex,
  SENDER_INDEX,
  writeIndex,
} from './messages.ts';
import { SymmetricState } from './noise.ts';

const NOTHING = new Uint8Array(0);

/** What two parties know of each other before they speak. */
export interface Acquaintance {
  readonly ourPublicKey: Uint8Array;
  readonly peerPublicKey: Uint8Array;
  /** DH of the two static keys. */
  readonly staticStatic: Uint8Array;
  /** 32 zero bytes when there is none: the step is never skipped. */
  readonly presharedKey: Uint8Array;
}

/** An initiation that was sent, waiting for its response. */
export interface SentInitiation {
  readonly symmetric: SymmetricState;
  readonly ephemeralPrivateKey: Uint8Array;
  readonly localIndex: number;
}

/** An initiation that was received and found good, to be answered in the same turn. */
export interface ReceivedInitiation {
  readonly symmetric: SymmetricState;
  readonly remoteEphemeral: Uint8Array;
  readonly remoteIndex: number;
}

/** The outcome for one side. Fresh arrays: wipe them once imported. */
export interface TransportKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
  readonly remoteIndex: number;
}

/**
 * The first message (WG §5.4.2). Takes the ephemeral private key over. Undefined when the peer's public key is of low
 * order.
 */
export function createInitiation(
  crypto: CryptoSuite,
  known: Acquaintance,
  ephemeralPrivateKey: Uint8Array,
  localIndex: number,
  timestamp: Uint8Array,
): { message: Uint8Array; sent: SentInitiation } | undefined {
  const es = crypto.dh(ephemeralPrivateKey, known.peerPublicKey);
  if (!es) {
    wipe(ephemeralPrivateKey);
    return undefined;
  }
  const message = newMessage(INITIATION);
  writeIndex(message, SENDER_INDEX, localIndex);
  const symmetric = SymmetricState.begin(crypto, known.peerPublicKey);

  const ephemeral = crypto.publicKey(ephemeralPrivateKey);
  message.set(ephemeral, INITIATION_FIELDS.ephemeral[0]);
  symmetric.mixEphemeral(ephemeral);

  const staticKey = symmetric.mixKeyForField(es);
  wipe(es);
  message.set(symmetric.sealField(staticKey, known.ourPublicKey), INITIATION_FIELDS.encryptedStatic[0]);

  const timestampKey = symmetric.mixKeyForField(known.staticStatic);
  message.set(symmetric.sealField(timestampKey, timestamp), INITIATION_FIELDS.encryptedTimestamp[0]);

  return { message, sent: { symmetric, ephemeralPrivateKey, localIndex } };
}

/**
 * The first half of consuming an initiation (WG §5.4.2): who sends it? `es` is the DH of our static key with its
 * ephemeral. Undefined when the static key does not open. The state goes on to `openTimestamp` or is wiped by the
 * caller.
 */
export function openStatic(
  crypto: CryptoSuite,
  ourPublicKey: Uint8Array,
  message: Uint8Array,
  es: Uint8Array,
): { symmetric: SymmetricState; peerPublicKey: Uint8Array } | undefined {
  const symmetric = SymmetricState.begin(crypto, ourPublicKey);
  symmetric.mixEphemeral(field(message, INITIATION_FIELDS.ephemeral));
  const staticKey = symmetric.mixKeyForField(es);
  const peerPublicKey = symmetric.openField(staticKey, field(message, INITIATION_FIELDS.encryptedStatic));
  if (peerPublicKey) return { symmetric, peerPublicKey };
  symmetric.wipe();
  return undefined;
}

/** The second half: the timestamp proves that the sender has the static key it named. */
export function openTimestamp(
  symmetric: SymmetricState,
  message: Uint8Array,
  staticStatic: Uint8Array,
): { timestamp: Uint8Array; received: ReceivedInitiation } | undefined {
  const timestampKey = symmetric.mixKeyForField(staticStatic);
  const timestamp = symmetric.openField(timestampKey, field(message, INITIATION_FIELDS.encryptedTimestamp));
  if (!timestamp) {
    symmetric.wipe();
    return undefined;
  }
  const remoteEphemeral = field(message, INITIATION_FIELDS.ephemeral).slice();
  const remoteIndex = readIndex(message, SENDER_INDEX);
  return { timestamp, received: { symmetric, remoteEphemeral, remoteIndex } };
}

/** The second message (WG §5.4.3). Uses the received initiation up. Undefined when a DH is all zero. */
export function createResponse(
  crypto: CryptoSuite,
  known: Acquaintance,
  { symmetric, remoteEphemeral, remoteIndex }: ReceivedInitiation,
  ephemeralPrivateKey: Uint8Array,
  localIndex: number,
): { message: Uint8Array; keys: TransportKeys } | undefined {
  const ee = crypto.dh(ephemeralPrivateKey, remoteEphemeral);
  const se = crypto.dh(ephemeralPrivateKey, known.peerPublicKey);
  const ephemeral = crypto.publicKey(ephemeralPrivateKey);
  wipe(ephemeralPrivateKey);
  if (!ee || !se) {
    if (ee) wipe(ee);
    if (se) wipe(se);
    symmetric.wipe();
    return undefined;
  }
  const message = newMessage(RESPONSE);
  writeIndex(message, SENDER_INDEX, localIndex);
  writeIndex(message, RESPONSE_RECEIVER_INDEX, remoteIndex);

  message.set(ephemeral, RESPONSE_FIELDS.ephemeral[0]);
  symmetric.mixEphemeral(ephemeral);
  symmetric.mixKey(ee);
  symmetric.mixKey(se);
  wipe(ee, se);

  const emptyKey = symmetric.mixPresharedKey(known.presharedKey);
  message.set(symmetric.sealField(emptyKey, NOTHING), RESPONSE_FIELDS.encryptedEmpty[0]);

  const [receive, send] = symmetric.split();
  return { message, keys: { send, receive, remoteIndex } };
}

/**
 * Consumes the second message (WG §5.4.3). Works on copies: after a response that does not open, the same initiation can
 * still meet a good one. `se` is the DH of our static key with the response's ephemeral. A wrong preshared key shows
 * here and nowhere else.
 */
export function consumeResponse(
  crypto: CryptoSuite,
  known: Acquaintance,
  sent: SentInitiation,
  message: Uint8Array,
  se: Uint8Array,
): TransportKeys | 'zero-dh' | 'does-not-open' {
  const ephemeral = field(message, RESPONSE_FIELDS.ephemeral);
  const ee = crypto.dh(sent.ephemeralPrivateKey, ephemeral);
  if (!ee) return 'zero-dh';
  const symmetric = sent.symmetric.copy();
  symmetric.mixEphemeral(ephemeral);
  symmetric.mixKey(ee);
  symmetric.mixKey(se);
  wipe(ee);

  const emptyKey = symmetric.mixPresharedKey(known.presharedKey);
  if (!symmetric.openField(emptyKey, field(message, RESPONSE_FIELDS.encryptedEmpty))) {
    symmetric.wipe();
    return 'does-not-open';
  }
  const [send, receive] = symmetric.split();
  return { send, receive, remoteIndex: readIndex(message, SENDER_INDEX) };
}

export function wipeInitiation(sent: SentInitiation): void {
  sent.symmetric.wipe();
  wipe(sent.ephemeralPrivateKey);
}
