// Node's own crypto says what is right.
import * as nodes from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as ours from '../../src/shims/crypto.ts';

const DATA = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7 + (i >> 3)) & 255));
/** Ends within blocks, at their ends, and nowhere. */
const CUTS = [0, 1, 15, 16, 17, 63, 64, 65, 128, 300, 301, 301, 700, 999, 1000];

function pieces(data: Buffer): Buffer[] {
  return CUTS.map((at, i) => data.subarray(at, CUTS[i + 1] ?? data.length));
}

describe('hashes', () => {
  for (const name of ours.getHashes().filter((hash) => !hash.startsWith('RSA-'))) {
    it(`${name} and its HMAC are Node's`, () => {
      expect(ours.createHash(name).update(DATA).digest('hex')).toBe(
        nodes.createHash(name).update(DATA).digest('hex'),
      );
      expect(ours.createHmac(name, 'key').update('text').digest('base64')).toBe(
        nodes.createHmac(name, 'key').update('text').digest('base64'),
      );
    });
  }

  it('knows SHA256, sha-256 and RSA-SHA256, and says what it does not know', () => {
    for (const name of ['SHA256', 'sha-256', 'RSA-SHA256'])
      expect(ours.createHash(name).update('').digest('hex')).toBe(
        nodes.createHash('sha256').update('').digest('hex'),
      );
    expect(() => ours.createHash('whirlpool')).toThrow('Digest method not supported');
  });

  it('goes on from a copy, ends once, and is a stream', async () => {
    const hash = ours.createHash('sha1').update('one');
    const copy = hash.copy().update('two');
    expect(copy.digest('hex')).toBe(nodes.createHash('sha1').update('onetwo').digest('hex'));
    expect(hash.digest('hex')).toBe(nodes.createHash('sha1').update('one').digest('hex'));
    expect(() => hash.digest()).toThrow('Digest already called');
    const streamed = ours.createHash('md5');
    streamed.end('streamed');
    const [digest] = await streamed.toArray();
    expect(Buffer.from(digest as Buffer)).toEqual(nodes.createHash('md5').update('streamed').digest());
  });
});

describe('keys from passwords', () => {
  it("are Node's", () => {
    expect(ours.pbkdf2Sync('password', 'salt', 10, 40, 'sha512')).toEqual(
      nodes.pbkdf2Sync('password', 'salt', 10, 40, 'sha512'),
    );
    expect(ours.scryptSync('password', 'salt', 33, { N: 16 })).toEqual(
      nodes.scryptSync('password', 'salt', 33, { N: 16 }),
    );
    expect(Buffer.from(ours.hkdfSync('sha256', 'key', 'salt', 'info', 42))).toEqual(
      Buffer.from(nodes.hkdfSync('sha256', 'key', 'salt', 'info', 42)),
    );
  });
});

describe('ciphers', () => {
  for (const name of ours.getCiphers())
    it(`${name} gives what Node's gives, in pieces, and back`, () => {
      const { keyLength, ivLength } = nodes.getCipherInfo(name) as { keyLength: number; ivLength: number };
      const key = DATA.subarray(0, keyLength);
      const iv = DATA.subarray(100, 100 + ivLength);
      const theirs = nodes.createCipheriv(name as 'aes-128-gcm', key, iv);
      const expected = Buffer.concat([theirs.update(DATA), theirs.final()]);
      const enciphering = ours.createCipheriv(name, key, iv);
      const ciphertext = Buffer.concat([
        ...pieces(DATA).map((part) => enciphering.update(part)),
        enciphering.final(),
      ]);
      expect(ciphertext).toEqual(expected);
      const deciphering = ours.createDecipheriv(name, key, iv);
      if (name.endsWith('gcm')) deciphering.setAuthTag(theirs.getAuthTag());
      const plain = pieces(ciphertext.subarray(0, 1000)).map((part) => deciphering.update(part));
      plain.push(deciphering.update(ciphertext.subarray(1000)), deciphering.final());
      expect(Buffer.concat(plain)).toEqual(DATA);
    });

  it('GCM authenticates what goes with the text, with a nonce of any length, and notices a changed bit', () => {
    const [key, iv] = [DATA.subarray(0, 32), DATA.subarray(0, 20)];
    const theirs = nodes.createCipheriv('aes-256-gcm', key, iv);
    theirs.setAAD(DATA.subarray(0, 5));
    const ciphertext = Buffer.concat([theirs.update('some text'), theirs.final()]);
    const tag = theirs.getAuthTag();
    const enciphering = ours.createCipheriv('aes-256-gcm', key, iv).setAAD(DATA.subarray(0, 5));
    expect(Buffer.concat([enciphering.update('some text'), enciphering.final()])).toEqual(ciphertext);
    expect(enciphering.getAuthTag()).toEqual(tag);
    const deciphering = ours.createDecipheriv('aes-256-gcm', key, iv).setAAD(DATA.subarray(0, 5));
    deciphering.setAuthTag(tag);
    const changed = Buffer.from(ciphertext);
    changed[3]! ^= 1;
    deciphering.update(changed);
    expect(() => deciphering.final()).toThrow('unable to authenticate');
    const without = ours.createDecipheriv('aes-256-gcm', key, iv);
    expect(() => without.setAuthTag(Buffer.alloc(5))).toThrow('Invalid authentication tag length');
    without.update(ciphertext);
    expect(() => without.final()).toThrow('unable to authenticate');
  });

  it('CBC goes without padding where one says so, and finds wrong padding', () => {
    const [key, iv] = [DATA.subarray(0, 16), DATA.subarray(16, 32)];
    const theirs = nodes.createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
    const enciphering = ours.createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
    const block = DATA.subarray(0, 32);
    expect(enciphering.update(block)).toEqual(theirs.update(block));
    expect(enciphering.final()).toHaveLength(0);
    const deciphering = ours.createDecipheriv('aes-128-cbc', key, iv);
    deciphering.update(block);
    expect(() => deciphering.final()).toThrow('bad decrypt');
  });

  it('refuses what is no key, no nonce and no cipher', () => {
    expect(() => ours.createCipheriv('aes-128-ctr', DATA.subarray(0, 15), DATA.subarray(0, 16))).toThrow(
      'Invalid key length',
    );
    expect(() => ours.createCipheriv('aes-128-ctr', DATA.subarray(0, 16), DATA.subarray(0, 12))).toThrow(
      'Invalid initialization vector',
    );
    expect(() => ours.createCipheriv('rc4', 'key', null)).toThrow('Unknown cipher');
  });
});

describe('exchanges of keys', () => {
  for (const name of ours.getCurves())
    it(`on ${name}, with Node at the other end`, () => {
      const [mine, other] = [ours.createECDH(name), nodes.createECDH(name)];
      mine.generateKeys();
      other.generateKeys();
      expect(mine.computeSecret(other.getPublicKey())).toEqual(
        other.computeSecret(mine.getPublicKey() as Buffer),
      );
      const again = nodes.createECDH(name);
      again.setPrivateKey(mine.getPrivateKey() as Buffer);
      expect(mine.getPublicKey('hex', 'compressed')).toBe(again.getPublicKey('hex', 'compressed'));
    });

  it('refuses a point that is not on the curve', () => {
    const mine = ours.createECDH('prime256v1');
    mine.generateKeys();
    const wrong = Buffer.from(mine.getPublicKey() as Buffer);
    wrong[40]! ^= 1;
    expect(() => mine.computeSecret(wrong)).toThrow('Public key is not valid for specified curve');
  });

  it('X25519, from an SPKI as SSH makes it', () => {
    const mine = ours.generateKeyPairSync('x25519') as unknown as {
      privateKey: never;
      publicKey: { export(o: object): Buffer };
    };
    const other = nodes.generateKeyPairSync('x25519');
    const publicKey = ours.createPublicKey({
      key: other.publicKey.export({ type: 'spki', format: 'der' }),
      type: 'spki',
      format: 'der',
    });
    const spki = mine.publicKey.export({ type: 'spki', format: 'der' });
    expect(ours.diffieHellman({ privateKey: mine.privateKey, publicKey })).toEqual(
      nodes.diffieHellman({
        privateKey: other.privateKey,
        publicKey: nodes.createPublicKey({ key: spki, type: 'spki', format: 'der' }),
      }),
    );
  });

  for (const group of ['modp1', 'modp2', 'modp5', 'modp14', 'modp15', 'modp16', 'modp17', 'modp18'])
    it(`${group} has the prime that Node knows`, () => {
      const mine = ours.createDiffieHellmanGroup(group);
      const theirs = nodes.getDiffieHellman(group).getPrime();
      expect(mine.getPrime()).toEqual(theirs);
    });

  it('Diffie-Hellman with Node at the other end, over a group and over a given prime', () => {
    for (const mine of [
      ours.createDiffieHellmanGroup('modp14'),
      ours.createDiffieHellman(nodes.getDiffieHellman('modp14').getPrime(), Buffer.of(2)),
    ]) {
      const other = nodes.getDiffieHellman('modp14');
      mine.generateKeys();
      other.generateKeys();
      expect(mine.computeSecret(other.getPublicKey())).toEqual(
        other.computeSecret(mine.getPublicKey() as Buffer),
      );
      for (const bad of [0, 1]) expect(() => mine.computeSecret(Buffer.of(bad))).toThrow('out of range');
    }
  });
});

const PAIRS = {
  ed25519: nodes.generateKeyPairSync('ed25519'),
  p256: nodes.generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  p384: nodes.generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  p521: nodes.generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
  rsa: nodes.generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

describe('signatures', () => {
  for (const [name, { privateKey, publicKey }] of Object.entries(PAIRS)) {
    const types = { ed25519: ['pkcs8'], rsa: ['pkcs8', 'pkcs1'] }[name] ?? ['pkcs8', 'sec1'];
    for (const type of types)
      it(`${name} from ${type}: what we sign Node verifies, and the other way round`, () => {
        const secret = privateKey.export({ type: type as 'pkcs8', format: 'pem' });
        const open = publicKey.export({ type: 'spki', format: 'pem' });
        for (const hash of name === 'ed25519' ? [null] : ['sha256', 'sha512']) {
          const signature = ours.sign(hash, DATA, secret as string);
          expect(nodes.verify(hash, DATA, publicKey, signature)).toBe(true);
          const theirs = nodes.sign(hash, DATA, privateKey);
          expect(ours.verify(hash, DATA, open as string, theirs)).toBe(true);
          theirs[theirs.length - 3]! ^= 1;
          expect(ours.verify(hash, DATA, open as string, theirs)).toBe(false);
          expect(ours.verify(hash, DATA, open as string, Buffer.alloc(7))).toBe(false);
        }
      });

    it(`${name}: a key goes out as it came in`, () => {
      const secret = privateKey.export({ type: 'pkcs8', format: 'pem' });
      expect(ours.createPrivateKey(secret as string).export({ type: 'pkcs8', format: 'pem' })).toBe(secret);
      const open = publicKey.export({ type: 'spki', format: 'pem' });
      expect(ours.createPublicKey(secret as string).export({ type: 'spki', format: 'pem' })).toBe(open);
      expect(ours.createPublicKey(open as string) instanceof ours.KeyObject).toBe(true);
    });
  }

  it('in pieces, and as two numbers behind each other', () => {
    const secret = PAIRS.p256.privateKey.export({ type: 'sec1', format: 'pem' }) as string;
    const signature = ours.createSign('sha256').update('one').update('two').sign(secret) as Buffer;
    expect(nodes.createVerify('sha256').update('onetwo').verify(PAIRS.p256.publicKey, signature)).toBe(true);
    const options = { key: secret, dsaEncoding: 'ieee-p1363' } as const;
    const plain = ours.sign('sha256', DATA, options);
    expect(plain).toHaveLength(64);
    expect(
      nodes.verify('sha256', DATA, { key: PAIRS.p256.publicKey, dsaEncoding: 'ieee-p1363' }, plain),
    ).toBe(true);
  });

  it('says what it does not read', () => {
    expect(() => ours.createPrivateKey('no key')).toThrow('Unsupported key');
    expect(() => ours.createPublicKey({ key: Buffer.of(48, 3, 2, 1), format: 'der', type: 'spki' })).toThrow(
      'DER',
    );
  });
});

describe('random', () => {
  it('fills, in its bounds', () => {
    const bytes = Buffer.alloc(100_000);
    ours.randomFillSync(bytes, 10, 99_980);
    expect(bytes.subarray(0, 10).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(-10).every((byte) => byte === 0)).toBe(true);
    expect(new Set(bytes.subarray(10, 99_990)).size).toBe(256);
    for (let i = 0; i < 200; i++) expect([5, 6, 7]).toContain(ours.randomInt(5, 8));
    expect(ours.randomUUID()).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(ours.timingSafeEqual(Buffer.of(1, 2), Buffer.of(1, 2))).toBe(true);
    expect(ours.timingSafeEqual(Buffer.of(1, 2), Buffer.of(1, 3))).toBe(false);
  });
});
