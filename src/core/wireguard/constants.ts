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

// ---- Against floods of handshake messages (WG §5.3).

/** A secret behind cookies is used for this long (WG §5.4.7). */
export const COOKIE_SECRET_LIFETIME: Millis = 120 * SECOND;
/** Handshake messages whose mac1 is right and which wait for their DHs. */
export const MAX_WAITING_HANDSHAKES = 1024;
/** So many waiting are a load, */
export const LOAD_BACKLOG = MAX_WAITING_HANDSHAKES / 8;
/** and so are more than this many arriving within a second: who works a queue off at once has no backlog. */
export const LOAD_ARRIVALS = 100;
/** Under load, from one IPv4 address or one IPv6 /64. */
export const HANDSHAKES_PER_SECOND = 20;
export const HANDSHAKE_BURST = 5;
/** Senders that the limiter knows at a time. */
export const MAX_LIMITED_SOURCES = 4096;
/**
 * A DH takes 0.46 ms in Chromium on a desktop, an answered initiation needs four, garbage with a right mac1 one. So a
 * flood gets 37 % of a core at most; 200 peers in a second are answered, or a full queue of them in the 5 s until they
 * would try again.
 */
export const DHS_PER_SECOND = 800;
/** At once, before data packets get their turn: 15 ms. */
export const DHS_PER_SLICE = 32;
/** Handshake messages for which a static key that is out of reach (StaticIdentity) has not answered yet. */
export const MAX_OPEN_QUESTIONS = 64;
/**
 * Initiations that nothing but our own coming up is the reason for: a thousand in one instant would hold everything up
 * for a second, and a thousand keepalives would be due in one instant ever after. Each needs two DHs.
 */
export const CALLS_PER_SECOND = DHS_PER_SECOND / 2;
export const CALLS_AT_ONCE = DHS_PER_SLICE / 2;
