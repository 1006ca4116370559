import { wipe } from '../core/bytes.ts';
import { RawIdentity, type StaticIdentity } from '../core/crypto/identity.ts';
import type { CryptoSuite } from '../core/crypto/suite.ts';
import { TunnelError } from '../core/errors.ts';

/** The identity of a private key; its bytes are wiped. */
export async function createIdentity(
  privateKey: Uint8Array | CryptoKey,
  crypto: CryptoSuite,
): Promise<StaticIdentity> {
  if (!(privateKey instanceof Uint8Array))
    throw new TunnelError(
      'ERR_UNSUPPORTED',
      'A private key is given as base64 text here, not as a CryptoKey.',
    );
  const identity = new RawIdentity(privateKey, crypto);
  wipe(privateKey);
  return identity;
}
