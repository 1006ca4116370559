import { createPublicKey, type KeyObject, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { MAX_LIFETIME } from '../../relay/tokens.ts';
import { keyIdOf } from './tokens.ts';

/** What a token is to say. Times in seconds. */
export interface TokenRequest {
  /** Who gets it: the relay's limits for a subject go by this. */
  subject: string;
  /** Aliases, or `HOST:PORT`. */
  destinations: readonly string[];
  /** The page's; absent for programs that are not pages. */
  origin?: string;
  /** From now until it opens no session any more: at most, and by default, 300. */
  lifetime?: number;
  /** Of the session that it opens. */
  session?: number;
  /** Destinations at a time; absent: as the relay has it. */
  channels?: number;
  /** In each direction; absent: as the relay has it. */
  datagramsPerSecond?: number;
  /** In each direction; absent: as the relay has it. */
  bytesPerSecond?: number;
  /** For which relays; default `wgrelay`. */
  audience?: string;
  /** Who says so, where the relay asks for it. */
  issuer?: string;
}

/**
 * A token for a relay that has the other half of this Ed25519 key, or the same secret (then name it). Rejects with a TypeError
 * for a key of another kind.
 * @param now wall clock, in ms
 */
export function issueToken(
  key: KeyObject,
  request: TokenRequest,
  now: number,
  kid?: string,
): Promise<string> {
  const { subject, destinations, origin, lifetime = MAX_LIFETIME, session, audience = 'wgrelay' } = request;
  const max = { ch: request.channels, pps: request.datagramsPerSecond, bps: request.bytesPerSecond };
  const hasMax = Object.values(max).some((limit) => limit !== undefined);
  const issued = Math.floor(now / 1000);
  const token = new SignJWT({
    dst: [...destinations],
    ...(origin !== undefined && { org: origin.toLowerCase() }),
    ...(session !== undefined && { ses: session }),
    ...(hasMax && { max }),
  });
  const alg = key.type === 'secret' ? 'HS256' : 'EdDSA';
  token.setProtectedHeader({ alg, typ: 'JWT', kid: kid ?? keyIdOf(createPublicKey(key)) });
  token.setSubject(subject).setAudience(audience).setJti(randomUUID());
  token.setIssuedAt(issued).setExpirationTime(issued + lifetime);
  if (request.issuer !== undefined) token.setIssuer(request.issuer);
  return token.sign(key);
}
