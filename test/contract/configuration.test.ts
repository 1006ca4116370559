import { expect } from 'vitest';
import {
  ConfigError,
  checkConfig,
  derivePublicKey,
  formatConfig,
  generateKeyPair,
  generatePresharedKey,
  generatePrivateKey,
  importPrivateKey,
  parseConfig,
  TunnelError,
} from '../../src/index.ts';
import { contract } from './contract.ts';

const FILE = `[Interface]
PrivateKey = ${generatePrivateKey()}
Address = 10.0.0.2/24, fd00::2/64
DNS = 10.0.0.53, corp.example
MTU = 1380
ListenPort = 51820
PostUp = iptables -A FORWARD
[Peer]
PublicKey = ${derivePublicKey(generatePrivateKey())}
PresharedKey = ${generatePresharedKey()}
Endpoint = vpn.example:51820
AllowedIPs = 10.0.0.0/24, ::/0
PersistentKeepalive = 25
`;
const BAD = '[Interface]\nMTU = big\n[Peer]\nPublicKey = short\n';

contract('Configuration and keys', [
  [
    'parseConfig(text) gives a TunnelConfig: interface and peers, plain data',
    () => {
      const config = parseConfig(FILE);
      expect(config.interface).toMatchObject({
        addresses: ['10.0.0.2/24', 'fd00::2/64'],
        dns: ['10.0.0.53'],
        searchDomains: ['corp.example'],
        mtu: 1380,
        listenPort: 51820,
      });
      expect(config.interface.privateKey).toHaveLength(44);
      expect(config.peers).toHaveLength(1);
      expect(config.peers[0]).toMatchObject({
        endpoint: 'vpn.example:51820',
        allowedIPs: ['10.0.0.0/24', '::/0'],
        persistentKeepalive: 25,
      });
      expect(config.peers[0]!.publicKey).toHaveLength(44);
      expect(config.peers[0]!.presharedKey).toHaveLength(44);
      expect(JSON.parse(JSON.stringify(config))).toEqual(config);
    },
  ],
  [
    'parseConfig throws the first ConfigError, an Error with line, column, key; it says what is allowed',
    () => {
      expect(() => parseConfig(BAD)).toThrow(ConfigError);
      try {
        parseConfig(BAD);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        expect(error).toMatchObject({ line: 2, column: 7, key: 'MTU' });
        expect((error as Error).message).toMatch(/576/);
      }
    },
  ],
  [
    'checkConfig(text) gives all issues: severity, line, column, key, message',
    () => {
      const { config, issues } = checkConfig(BAD);
      expect(config).toBeUndefined();
      expect(issues.filter(({ severity }) => severity === 'error')).toMatchObject([
        { line: 2, key: 'MTU' },
        { line: 4, key: 'PublicKey' },
      ]);
      for (const issue of issues)
        expect(issue).toMatchObject({ column: expect.any(Number), message: expect.stringMatching(/\w/) });
    },
  ],
  [
    'parse(format(parse(x))) equals parse(x)',
    () => {
      const config = parseConfig(FILE);
      expect(parseConfig(formatConfig(config))).toEqual(config);
    },
  ],
  [
    'generatePrivateKey() is base64, clamped, new each time',
    () => {
      const key = Buffer.from(generatePrivateKey(), 'base64');
      expect(key).toHaveLength(32);
      expect([key[0]! & 7, key[31]! & 0xc0]).toEqual([0, 0x40]);
      expect(generatePrivateKey()).not.toBe(generatePrivateKey());
    },
  ],
  [
    'generateKeyPair() gives a private key, as text or as a CryptoKey, and its public key',
    async () => {
      const text = await generateKeyPair();
      expect(derivePublicKey(text.privateKey)).toBe(text.publicKey);
      const { privateKey, publicKey } = await generateKeyPair({ extractable: false });
      expect(privateKey).toBeInstanceOf(CryptoKey);
      expect(privateKey.extractable).toBe(false);
      expect(await derivePublicKey(privateKey)).toBe(publicKey);
    },
  ],
  [
    'importPrivateKey(base64) gives a non-extractable X25519 key',
    async () => {
      const text = generatePrivateKey();
      const key = await importPrivateKey(text);
      expect([key.extractable, key.algorithm.name]).toEqual([false, 'X25519']);
      expect(await derivePublicKey(key)).toBe(derivePublicKey(text));
    },
  ],
  [
    'derivePublicKey is at once for text, a promise for a CryptoKey',
    async () => {
      expect(typeof derivePublicKey(generatePrivateKey())).toBe('string');
      expect(derivePublicKey(await importPrivateKey(generatePrivateKey()))).toBeInstanceOf(Promise);
    },
  ],
  [
    'generatePresharedKey() is 32 bytes, base64',
    () => expect(Buffer.from(generatePresharedKey(), 'base64')).toHaveLength(32),
  ],
  [
    'a ConfigError is a TunnelError with ERR_CONFIG, and never says key material',
    () => {
      const secret = generatePrivateKey().replace('=', '');
      try {
        parseConfig(`[Interface]\nPrivateKey = ${secret}`);
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(TunnelError);
        expect(error).toMatchObject({ code: 'ERR_CONFIG', line: 2, key: 'PrivateKey' });
        expect(String(error)).not.toContain(secret);
      }
    },
  ],
  [
    'keys that a page cannot honour are kept, and reported with severity info',
    () => {
      const { config, issues } = checkConfig(FILE);
      expect(issues).toContainEqual(expect.objectContaining({ severity: 'info', key: 'PostUp', line: 7 }));
      expect(config!.interface.postUp).toEqual(['iptables -A FORWARD']);
      expect(formatConfig(config!)).toContain('PostUp = iptables -A FORWARD');
    },
  ],
  [
    'a missing PrivateKey or Address parses',
    () => {
      const { config } = checkConfig('[Interface]\n');
      expect(config).toMatchObject({ interface: { addresses: [] }, peers: [] });
    },
  ],
  [
    '… and Tunnel.open refuses it, unless the option supplies the key',
    ['test/client/config.test.ts', 'takes a private key given beside the file'],
  ],
]);
