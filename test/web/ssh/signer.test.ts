import ssh2, { type AuthContext, type ParsedKey } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { makeKeyPair } from '../../../src/node/ssh-key-pair.ts';
import { SshConnection } from '../../../web/ssh/connection.ts';
import { KeyRing, publicLine } from '../../../web/ssh/key-ring.ts';
import { KeyFileError, readKeyFile, type Signer } from '../../../web/ssh/signer.ts';
import { connectionPair, sshOptions } from '../../support/ssh-visit.ts';

const { utils } = ssh2;
const host = makeKeyPair();

interface Kind {
  name: string;
  pair: { private: string; public: string };
  passphrase?: string;
}

const encrypted = { passphrase: 'open sesame', cipher: 'aes256-ctr', rounds: 4 };
const KINDS: Kind[] = [
  { name: 'Ed25519', pair: makeKeyPair({ comment: 'me@laptop' }) },
  {
    name: 'encrypted Ed25519',
    pair: makeKeyPair(encrypted),
    passphrase: 'open sesame',
  },
  ...([256, 384, 521] as const).map((bits) => ({
    name: `ECDSA P-${bits}`,
    pair: utils.generateKeyPairSync('ecdsa', { bits }),
  })),
  { name: 'RSA', pair: utils.generateKeyPairSync('rsa', { bits: 2048 }) },
];

/** A server that lets in whoever holds this key, and says with which algorithm that was shown. */
function serverFor(publicKey: string): { server: InstanceType<typeof ssh2.Server>; algorithms: string[] } {
  const wanted = utils.parseKey(publicKey) as ParsedKey;
  const algorithms: string[] = [];
  const server = new ssh2.Server({ hostKeys: [host.private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (login: AuthContext) => {
      if (login.method !== 'publickey') return login.reject(['publickey']);
      if (!wanted.getPublicSSH().equals(login.key.data)) return login.reject();
      if (login.signature && !wanted.verify(login.blob!, login.signature, login.hashAlgo))
        return login.reject();
      if (login.signature) algorithms.push(login.key.algo, login.hashAlgo ?? '');
      login.accept();
    });
  });
  return { server, algorithms };
}

async function logIn(publicKey: string, signers: Signer[]): Promise<string[]> {
  const { server, algorithms } = serverFor(publicKey);
  const [ours, theirs] = connectionPair();
  server.injectSocket(theirs as never);
  const connection = await SshConnection.open(ours, sshOptions({ signers }));
  connection.end();
  return algorithms;
}

describe('a key file', () => {
  it.each(KINDS)('of kind $name opens, and logs in', async ({ pair, passphrase }) => {
    const signer = await readKeyFile(pair.private, passphrase);
    expect(`${signer.type} ${Buffer.from(signer.publicBlob).toString('base64')}`).toBe(
      pair.public.split(' ').slice(0, 2).join(' '),
    );
    expect(await logIn(pair.public, [signer])).not.toEqual([]);
  });

  it('of RSA never signs with SHA-1', async () => {
    const rsa = KINDS.at(-1)!.pair;
    const signer = await readKeyFile(rsa.private);
    const [, hash] = await logIn(rsa.public, [signer]);
    expect(hash).toMatch(/^sha(256|512)$/);
    await expect(signer.sign(new Uint8Array(8))).rejects.toThrow('SHA-1');
  });

  it('among others is found', async () => {
    const signers = await Promise.all(
      KINDS.map(({ pair, passphrase }) => readKeyFile(pair.private, passphrase)),
    );
    expect(await logIn(KINDS.at(-1)!.pair.public, signers)).not.toEqual([]);
    await expect(logIn(host.public, signers.slice(0, 2))).rejects.toThrow('did not let us in');
  });

  it('says what is missing: the passphrase, the right one, the private half, or everything', async () => {
    const { pair } = KINDS[1]!;
    await expect(readKeyFile(pair.private)).rejects.toMatchObject({ wantsPassphrase: true });
    await expect(readKeyFile(pair.private, 'wrong')).rejects.toMatchObject({
      wantsPassphrase: true,
      message: 'This passphrase does not open the key: try again.',
    });
    await expect(readKeyFile(pair.public)).rejects.toThrow('choose the file without “.pub”');
    await expect(readKeyFile('hello')).rejects.toThrow('This is no private key that SSH knows');
    await expect(readKeyFile('ssh-ed25519-cert-v01@openssh.com AAAA')).rejects.toThrow(
      'OpenSSH certificates are not supported yet',
    );
    for (const text of ['', 'x'.repeat(65_536), pair.private.slice(0, 200)])
      await expect(readKeyFile(text)).rejects.toBeInstanceOf(KeyFileError);
  });
});

describe('the key ring', () => {
  class Shelf {
    readonly saved: unknown[] = [];
    isBroken = false;

    list() {
      return Promise.resolve(this.saved);
    }

    put(key: unknown) {
      if (this.isBroken) return Promise.reject(new DOMException('no', 'DataCloneError'));
      this.saved.push(key);
      return Promise.resolve();
    }

    delete(id: string) {
      this.saved.splice(
        this.saved.findIndex((key) => (key as { id: string }).id === id),
        1,
      );
      return Promise.resolve();
    }
  }

  it('makes a key that logs in, that nobody can read, and that is there the next time', async () => {
    const shelf = new Shelf();
    const made = await new KeyRing(shelf).generate('my laptop');
    const { privateKey } = shelf.saved[0] as { privateKey: CryptoKey };
    expect(privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('pkcs8', privateKey)).rejects.toThrow();
    const line = publicLine(made);
    expect(line).toMatch(/^ssh-ed25519 AAAA\S+ my-laptop$/);
    const later = new KeyRing(shelf);
    await later.load();
    expect(later.keys.value).toMatchObject([{ name: 'my laptop', isSaved: true }]);
    expect(await logIn(line, later.signers)).toEqual(['ssh-ed25519', '']);
    await later.remove(made.id);
    expect(shelf.saved).toEqual([]);
  });

  it('keeps a key for the tab where the browser keeps none', async () => {
    const shelf = new Shelf();
    shelf.isBroken = true;
    const ring = new KeyRing(shelf);
    expect(await ring.generate('')).toMatchObject({ isSaved: false, name: 'This browser' });
    expect(ring.signers).toHaveLength(1);
  });

  it('holds five keys: a server counts each that it is offered', async () => {
    const shelf = new Shelf();
    const ring = new KeyRing(shelf);
    for (let i = 0; i < 5; i++) await ring.generate(`${i}`);
    await expect(ring.generate('one more')).rejects.toThrow('5 keys are here already: remove one first.');
    expect(shelf.saved).toHaveLength(5);
    const signer = await readKeyFile(KINDS[0]!.pair.private);
    expect(() => ring.add(signer, '')).toThrow('remove one first');
    await ring.remove(ring.keys.value[0]!.id);
    ring.add(signer, '');
    expect(ring.keys.value.at(-1)).toMatchObject({ name: 'me@laptop', isSaved: false });
  });
});
