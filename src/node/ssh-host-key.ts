import ssh2 from 'ssh2';

type Options = NonNullable<Parameters<typeof ssh2.utils.generateKeyPairSync<'ed25519'>>[1]>;
type KeyPair = ReturnType<typeof ssh2.utils.generateKeyPairSync>;

/**
 * A new Ed25519 key pair in OpenSSH's form. ssh2 1.17 drops a zero byte at the end of a public key, about once in 160, and
 * then reads its own file no more: such a pair is thrown away.
 */
export function makeHostKey(options: Options = {}): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', options);
    if (isWhole(pair, 'passphrase' in options ? options.passphrase : undefined)) return pair;
  }
}

function isWhole(pair: KeyPair, passphrase: string | Buffer | undefined): boolean {
  const secret = ssh2.utils.parseKey(pair.private, passphrase);
  const shown = ssh2.utils.parseKey(pair.public);
  if (secret instanceof Error || shown instanceof Error) return false;
  const signature = secret.sign('probe');
  return !(signature instanceof Error) && shown.verify('probe', signature) === true;
}
