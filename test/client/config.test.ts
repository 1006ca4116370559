import { describe, expect, it } from 'vitest';
import { engineConfigOf } from '../../src/client/config.ts';
import { derivePublicKey, generateKeyPair, generatePrivateKey } from '../../src/client/keys.ts';
import type { TunnelError } from '../../src/core/errors.ts';

const privateKey = generatePrivateKey();
const publicKey = derivePublicKey(generatePrivateKey());

function file({
  key = `PrivateKey = ${privateKey}`,
  address = 'Address = 10.0.0.2/32',
  peer = '',
  peers = true,
} = {}): string {
  return `[Interface]\n${key}\n${address}\n${peers ? `[Peer]\nPublicKey = ${publicKey}\nAllowedIPs = 10.0.0.0/24\n${peer}` : ''}`;
}

function refusal(text: string, isRelayed = true): TunnelError {
  try {
    engineConfigOf(text, { isRelayed });
  } catch (error) {
    return error as TunnelError;
  }
  throw new Error('was not refused');
}

describe('what the engine is given', () => {
  it('takes addresses, keys and endpoint from the file', () => {
    const config = engineConfigOf(file({ peer: 'Endpoint = [2001:db8::1]:51820\nPersistentKeepalive = 7' }), {
      isRelayed: true,
    });
    expect(config.addresses).toEqual(['10.0.0.2/32']);
    expect(config.mtu).toBe(1420);
    expect(config.privateKey).toHaveLength(32);
    expect(config.peers[0]).toMatchObject({
      endpoint: { host: '2001:db8::1', port: 51820 },
      allowedIps: ['10.0.0.0/24'],
      persistentKeepalive: 7,
    });
  });

  it('takes DNS servers and search domains apart', () => {
    const text = file({ address: 'Address = 10.0.0.2/32\nDNS = 10.0.0.53, corp.example, fd00::53' });
    const config = engineConfigOf(text, { isRelayed: true });
    expect(config).toMatchObject({ dns: ['10.0.0.53', 'fd00::53'], searchDomains: ['corp.example'] });
  });

  it('assumes a keepalive of 25 s behind a relay when the file says nothing, and none over UDP', () => {
    const text = file({ peer: 'Endpoint = vpn.example:51820' });
    expect(engineConfigOf(text, { isRelayed: true }).peers[0]!.persistentKeepalive).toBe(25);
    expect(engineConfigOf(text, { isRelayed: false }).peers[0]!.persistentKeepalive).toBe(0);
  });

  it('keeps the keepalive off where the file says off', () => {
    const text = file({ peer: 'Endpoint = vpn.example:51820\nPersistentKeepalive = off' });
    expect(engineConfigOf(text, { isRelayed: true }).peers[0]!.persistentKeepalive).toBe(0);
  });

  it('takes a private key given beside the file', () => {
    const text = file({ key: '' });
    expect(engineConfigOf(text, { privateKey, isRelayed: true }).privateKey).toHaveLength(32);
  });

  it('takes a CryptoKey as it is, in place of the file’s PrivateKey', async () => {
    const { privateKey } = await generateKeyPair({ extractable: false });
    for (const text of [file(), file({ key: '' })])
      expect(engineConfigOf(text, { privateKey, isRelayed: true }).privateKey).toBe(privateKey);
  });
});

describe('what is refused, with one sentence', () => {
  it('a file without PrivateKey', () => {
    expect(refusal(file({ key: '' })).message).toMatch(/no PrivateKey/);
  });

  it('a file without Address', () => {
    expect(refusal(file({ address: '' })).message).toMatch(/no Address/);
  });

  it('a file without a peer', () => {
    expect(refusal(file({ peers: false })).message).toMatch(/no \[Peer\] section/);
  });

  it('a CryptoKey that is no private X25519 key for deriving bits', async () => {
    const make = (algorithm: object, ...usages: KeyUsage[]) =>
      crypto.subtle.generateKey(algorithm as EcKeyGenParams, false, usages) as Promise<CryptoKeyPair>;
    const x25519 = await make({ name: 'X25519' }, 'deriveBits');
    const cases: [CryptoKey, RegExp][] = [
      [x25519.publicKey, /"public"; it must be of type "private"/],
      [(await make({ name: 'X25519' }, 'deriveKey')).privateKey, /usage "deriveBits"/],
      [(await make({ name: 'Ed25519' }, 'sign')).privateKey, /CryptoKey for Ed25519/],
      [(await make({ name: 'ECDH', namedCurve: 'P-256' }, 'deriveBits')).privateKey, /CryptoKey for ECDH/],
      [new Uint8Array(32) as unknown as CryptoKey, /base64 text or a CryptoKey/],
    ];
    for (const [privateKey, message] of cases) {
      const attempt = () => engineConfigOf(file(), { privateKey, isRelayed: true });
      expect(attempt).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringMatching(message) }),
      );
    }
  });

  it('a private key of zeros', () => {
    const zeros = `${'A'.repeat(43)}=`;
    const attempt = () => engineConfigOf(file(), { privateKey: zeros, isRelayed: true });
    expect(attempt).toThrow(/all zero/);
  });

  it('a malformed file, by the parser’s own error, with no key in the message', () => {
    const error = refusal(file({ key: 'PrivateKey = c2VjcmV0IQ==' }));
    expect(error).toMatchObject({ code: 'ERR_CONFIG', line: 2, key: 'PrivateKey' });
    expect(error.message).not.toContain('c2VjcmV0IQ');
  });
});
