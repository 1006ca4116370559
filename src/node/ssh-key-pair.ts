import ssh2 from 'ssh2';

type Options = NonNullable<Parameters<typeof ssh2.utils.generateKeyPairSync<'ed25519'>>[1]>;

/**
 * A new Ed25519 key pair in OpenSSH's form. ssh2 1.17 cuts off the zero byte that one public key in 256 begins with, and then
 * cannot read its own file: such a pair is thrown away.
 */
export function makeKeyPair(options: Options = {}): ReturnType<typeof ssh2.utils.generateKeyPairSync> {
  const passphrase = 'passphrase' in options ? options.passphrase : undefined;
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', options);
    if (!(ssh2.utils.parseKey(pair.private, passphrase) instanceof Error)) return pair;
  }
}
