import type { Millis } from '../time.ts';
import { SECOND } from '../time.ts';

// ---- Of the specification (WG §6.1; the keep-alive ones as all implementations have them).

export const REKEY_AFTER_TIME: Millis = 120 * SECOND;
export const REJECT_AFTER_TIME: Millis = 180 * SECOND;
/** At least this long between two handshake messages of ours to one peer. */
export const REKEY_TIMEOUT: Millis = 5 * SECOND;
export const KEEPALIVE_TIMEOUT: Millis = 10 * SECOND;
/** Life of a cookie (120 s, WG §5.4.7), less 5 s for the way: Linux does this too. */
export const COOKIE_LIFETIME: Millis = 115 * SECOND;

// Message counters have 64 bits: two unsigned halves.
/** REKEY_AFTER_MESSAGES = 2^60. */
export const REKEY_AFTER_MESSAGES_HIGH = 0x1000_0000;
/** REJECT_AFTER_MESSAGES = 2^64 − 2^13 − 1: counters from here on are neither sent nor accepted. */
export const REJECT_AFTER_MESSAGES_HIGH = 0xffff_ffff;
export const REJECT_AFTER_MESSAGES_LOW = 0xffff_dfff;

// ---- Of the implementations; the numbers are wireguard-go's and Linux's.

/** No answer to data for this long, plus jitter: a new handshake (WG §6.5). */
export const NEW_HANDSHAKE_TIMEOUT: Millis = KEEPALIVE_TIMEOUT + REKEY_TIMEOUT;
/** An initiator that only receives renews the session at this age, once. */
export const REKEY_ON_RECEIVE_TIME: Millis = REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;
/** All keys are zeroed this long after the last new session (WG §6.3). */
export const ZERO_KEYS_TIME: Millis = 3 * REJECT_AFTER_TIME;
/** Whole milliseconds from 0 to this are added to retransmissions and new handshakes. */
export const JITTER_MAX: Millis = 333;
/** 20 initiations in all, which takes REKEY_ATTEMPT_TIME (90 s) and a little more. */
export const MAX_RETRANSMISSIONS = 19;
/** Initiations from one peer closer than this are not answered. */
export const INITIATION_INTERVAL: Millis = 20;
export const PADDING_MULTIPLE = 16;
export const MAX_STAGED_PACKETS = 128;
export const MAX_PEERS = 1 << 16;
/** Handshake messages waiting for the answer of a static key that is out of reach (StaticIdentity). */
export const MAX_WAITING_HANDSHAKES = 64;
