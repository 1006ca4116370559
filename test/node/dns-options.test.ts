import { describe, expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey, Tunnel } from '../../src/node/index.ts';

const config = () => `[Interface]
PrivateKey = ${generatePrivateKey()}
Address = 10.7.0.2/24, fd07::2/64
[Peer]
PublicKey = ${derivePublicKey(generatePrivateKey())}
AllowedIPs = 10.7.0.0/24, fd07::/64`;

describe('names that a program knows by itself', () => {
  it('lead to their addresses, without a DNS server and after another configuration', async () => {
    const text = config();
    const hosts = { 'Me.internal': ['10.7.0.2', 'fd07::2'], none: [] };
    const tunnel = await Tunnel.open(text, { dns: { hosts } });
    const server = new tunnel.TCPServerSocket('10.7.0.2', { localPort: 80 });
    await server.opened;
    for (let round = 0; round < 2; round++) {
      expect(await tunnel.resolve('me.INTERNAL')).toMatchObject([{ type: 'A', address: '10.7.0.2' }]);
      expect(await tunnel.resolve('me.internal', 'AAAA')).toMatchObject([{ address: 'fd07::2' }]);
      await expect(tunnel.resolve('none')).rejects.toMatchObject({ code: 'ERR_NAME_NOT_RESOLVED' });
      const socket = new tunnel.TCPSocket('me.internal', 80, { dnsQueryType: 'ipv4' });
      expect((await socket.opened).remoteAddress).toBe('10.7.0.2');
      await tunnel.configure(text.replace('[Peer]', 'MTU = 1400\n[Peer]'));
    }
    await tunnel.close({ timeout: 0 });
  });

  it('must be names with addresses', async () => {
    await expect(Tunnel.open(config(), { dns: { hosts: { db: 'nowhere' } } })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: 'dns.hosts: "nowhere", of db, is not an IP address.',
    });
  });
});
