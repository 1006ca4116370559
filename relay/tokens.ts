import { createHash, type KeyObject } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import * as v from 'valibot';
import { CLOSE_ORIGIN, CLOSE_TOKEN, MAX_TOKEN } from '../src/core/wire/relay.ts';
import type { Ending } from './context.ts';
import { type Grant, placesOf } from './grant.ts';

/** Whose tokens are good. */
export interface TokenRules {
  /** By their names. */
  readonly keys: ReadonlyMap<string, { readonly alg: 'EdDSA' | 'HS256'; readonly material: KeyObject }>;
  readonly audience: string;
  /** Whom tokens must name; undefined: nobody. */
  readonly issuer: string | undefined;
  /** A token opens one session only, as far as this process knows. */
  readonly once: boolean;
  /** Subjects that are refused whatever their tokens say. */
  readonly denied: ReadonlySet<string>;
}

/** From `iat` to `exp`, in seconds: a token opens a session, it does not carry it. */
export const MAX_LIFETIME = 300;
/** What a subject may be. */
export const SUBJECT = /^[\x21-\x7e]{1,128}$/;
const CLOCK_SKEW = 30;
const MAX_REMEMBERED = 100_000;

const seconds = v.pipe(v.number(), v.integer(), v.minValue(0));
const CLAIMS = v.object({
  sub: v.pipe(v.string(), v.regex(SUBJECT)),
  iat: seconds,
  exp: seconds,
  jti: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  dst: v.pipe(v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(300))), v.minLength(1), v.maxLength(63)),
  org: v.optional(v.pipe(v.string(), v.maxLength(300))),
  ses: v.optional(v.pipe(seconds, v.minValue(1), v.maxValue(43_200))),
  max: v.optional(v.object({ ch: v.optional(seconds), pps: v.optional(seconds), bps: v.optional(seconds) })),
});

/**
 * Says what a token allows (RFC 7519, signed; relay/PROTOCOL.md has the claims). Each key counts for one algorithm, so
 * that a public key never serves as a secret; nothing in a token's header is believed but which key to try.
 */
export class TokenVerifier {
  readonly #rules: TokenRules;
  /** Ids of tokens that were used, and until when they could be used again (ms). In the order of their use. */
  readonly #used = new Map<string, number>();

  constructor(rules: TokenRules) {
    this.#rules = rules;
  }

  /**
   * @param origin the page's, as its browser states it; undefined for other programs
   * @param now wall clock, in ms
   * @param uses whether it opens a session; otherwise it can still be used
   */
  async verify(token: string, origin: string | undefined, now: number, uses = true): Promise<Grant | Ending> {
    const key = this.#keyOf(token);
    if (key === undefined) return refused('token_malformed');
    let payload: unknown;
    try {
      ({ payload } = await jwtVerify(token, key.material, {
        algorithms: [key.alg],
        audience: this.#rules.audience,
        ...(this.#rules.issuer !== undefined && { issuer: this.#rules.issuer }),
        clockTolerance: CLOCK_SKEW,
        currentDate: new Date(now),
      }));
    } catch (error) {
      return refused(reasonOf(error, now));
    }
    const claims = v.safeParse(CLAIMS, payload);
    if (!claims.success) return refused(`token_claims: ${claims.issues[0].path?.[0]?.key ?? ''}`);
    return this.#judge(claims.output, origin, now, uses);
  }

  isDenied(subject: string): boolean {
    return this.#rules.denied.has(subject);
  }

  #keyOf(token: string) {
    if (token.length > MAX_TOKEN) return undefined;
    try {
      const { alg, typ, kid, ...others } = decodeProtectedHeader(token);
      if (Object.keys(others).length > 0 || (typ !== undefined && typ !== 'JWT')) return undefined;
      const key = this.#rules.keys.get(kid ?? '');
      return key?.alg === alg ? key : undefined;
    } catch {
      return undefined;
    }
  }

  #judge(claims: v.InferOutput<typeof CLAIMS>, origin: string | undefined, now: number, uses: boolean) {
    const { sub, iat, exp, jti, dst, org, ses, max = {} } = claims;
    if (exp - iat > MAX_LIFETIME) return refused(`token_lifetime: more than ${MAX_LIFETIME} s`);
    if (iat > now / 1000 + CLOCK_SKEW) return refused('token_not_yet_valid');
    if (this.isDenied(sub)) return refused('token_revoked');
    if (org?.toLowerCase() !== origin?.toLowerCase()) return { code: CLOSE_ORIGIN, reason: 'token_origin' };
    if (uses && !this.#isFirstUse(jti, 1000 * (exp + CLOCK_SKEW), now)) return refused('token_used');
    return {
      subject: sub,
      subjectHash: createHash('sha256').update(sub).digest('hex').slice(0, 8),
      destinations: dst.flatMap(placesOf),
      lifetime: ses === undefined ? undefined : 1000 * ses,
      channels: max.ch,
      datagramsPerSecond: max.pps,
      bytesPerSecond: max.bps,
    };
  }

  #isFirstUse(id: string, until: number, now: number): boolean {
    const used = this.#used;
    if (!this.#rules.once) return true;
    for (const [old, end] of used) {
      if (end > now && used.size < MAX_REMEMBERED) break;
      used.delete(old);
    }
    if (used.has(id)) return false;
    used.set(id, until);
    return true;
  }
}

function refused(reason: string): Ending {
  return { code: CLOSE_TOKEN, reason };
}

function reasonOf(error: unknown, now: number): string {
  if (error instanceof errors.JWTExpired)
    return `token_expired: ${Math.round(now / 1000 - Number(error.payload.exp))} s ago`;
  if (error instanceof errors.JWTClaimValidationFailed)
    return error.claim === 'nbf' ? 'token_not_yet_valid' : `token_claims: ${error.claim}`;
  return error instanceof errors.JWSSignatureVerificationFailed ? 'token_signature' : 'token_malformed';
}
