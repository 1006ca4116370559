// Which tokens the operator says are good.
import { createHash, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { TokenVerifier } from '../../relay/tokens.ts';
import { RelayConfigError } from './config-error.ts';

/** One key of those who may issue tokens. */
export interface TokenKey {
  /** The only algorithm with which this key counts. */
  alg: 'EdDSA' | 'HS256';
  /** EdDSA: an Ed25519 public key as PEM (SPKI). HS256: a secret of 32 bytes or more, as it is. */
  key: string;
  /** As tokens name it; default, for EdDSA: `keyIdOf` the public key. */
  kid?: string;
}

/** Which tokens a relay accepts. */
export interface TokenOptions {
  /** Whose tokens are good. */
  keys: readonly TokenKey[];
  /** Default `wgrelay`. */
  audience?: string;
  /** Whom tokens must name as their issuer. Default: nobody. */
  issuer?: string;
  /** A token opens one session only, as far as this process knows. */
  once?: boolean;
  /** Subjects that are refused whatever their tokens say. */
  deny?: readonly string[];
}

const MIN_SECRET = 32;

/** Throws RelayConfigError. */
export function readTokens(options: TokenOptions): TokenVerifier {
  const { audience = 'wgrelay', issuer, once = false, deny = [] } = options;
  const keys = new Map<string, { alg: TokenKey['alg']; material: KeyObject }>();
  if (options.keys.length === 0) throw new RelayConfigError('auth: name at least one key');
  for (const [i, { alg, key, kid }] of options.keys.entries()) {
    const material = alg === 'EdDSA' ? publicKey(key, i) : secretKey(key, i);
    const name = kid ?? (alg === 'EdDSA' ? keyIdOf(material) : undefined);
    if (name === undefined) throw new RelayConfigError(`auth: key ${i + 1} needs a kid`);
    if (keys.has(name)) throw new RelayConfigError(`auth: two keys are called "${name}"`);
    keys.set(name, { alg, material });
  }
  return new TokenVerifier({ keys, audience, issuer, once, denied: new Set(deny) });
}

/** How a key is called where nobody gave it a name: its JWK thumbprint (RFC 7638, RFC 8037 §2). */
export function keyIdOf(key: KeyObject): string {
  const { crv, kty, x } = key.export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
}

function publicKey(pem: string, index: number): KeyObject {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below.
  }
  throw new RelayConfigError(`auth: key ${index + 1} is not an Ed25519 public key (PEM)`);
}

function secretKey(secret: string, index: number): KeyObject {
  if (Buffer.byteLength(secret) >= MIN_SECRET) return createSecretKey(Buffer.from(secret));
  throw new RelayConfigError(`auth: key ${index + 1} is a secret of less than ${MIN_SECRET} bytes`);
}
