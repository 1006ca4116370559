import { wipe } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { RawIdentity, type StaticIdentity } from '../core/crypto/identity.ts';
import type { CryptoSuite } from '../core/crypto/suite.ts';
import { CryptoKeyIdentity } from '../service/crypto-key-identity.ts';

/** The identity of a private key, whose bytes are wiped. Bytes stay here: Node's own curve answers at once. */
export async function createIdentity(
  privateKey: Uint8Array | CryptoKey,
  { crypto, clock }: { crypto: CryptoSuite; clock: Clock },
  answered: (mistake?: unknown) => void,
): Promise<StaticIdentity> {
  if (!(privateKey instanceof Uint8Array)) return CryptoKeyIdentity.of(privateKey, clock, answered);
  try {
    return new RawIdentity(privateKey, crypto);
  } finally {
    wipe(privateKey);
  }
}
