import { describe, expect, it } from 'vitest';
import { engineConfigOf } from '../../src/client/config.ts';
import { derivePublicKey, generatePrivateKey } from '../../src/client/keys.ts';
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

  it('a malformed file, by the parser’s own error, with no key in the message', () => {
    const error = refusal(file({ key: 'PrivateKey = c2VjcmV0IQ==' }));
    expect(error).toMatchObject({ code: 'ERR_CONFIG', line: 2, key: 'PrivateKey' });
    expect(error.message).not.toContain('c2VjcmV0IQ');
  });
});
