import { importPrivate } from '../bridge/crypto-key.ts';
import { wipe } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { RawIdentity, type StaticIdentity } from '../core/crypto/identity.ts';
import type { CryptoSuite } from '../core/crypto/suite.ts';
import { CryptoKeyIdentity } from '../service/crypto-key-identity.ts';

/**
 * The identity of a private key. Bytes go into WebCrypto and are wiped; where that has no X25519, they are used here.
 * Throws ERR_UNSUPPORTED for a CryptoKey that this platform cannot use.
 */
export async function createIdentity(
  privateKey: Uint8Array | CryptoKey,
  { crypto, clock }: { crypto: CryptoSuite; clock: Clock },
  answered: (mistake?: unknown) => void,
): Promise<StaticIdentity> {
  if (!(privateKey instanceof Uint8Array)) return CryptoKeyIdentity.of(privateKey, clock, answered);
  try {
    return await CryptoKeyIdentity.of(await importPrivate(privateKey), clock, answered);
  } catch {
    return new RawIdentity(privateKey, crypto);
  } finally {
    wipe(privateKey);
  }
}
