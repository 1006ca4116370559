import { join } from 'node:path';
import { Child } from '../support/child-process.ts';
import { freeUdpPort } from '../support/free-port.ts';
import { expect, test } from '../support/interop-test.ts';
import { generateKeys } from '../support/keys.ts';
import { INNER, RealPeer } from '../support/real-peer.ts';

for (const role of ['calls', 'is called'] as const) {
  test(`with a private key that cannot be read, the Node engine ${role} @core`, async ({ interopWorks }) => {
    expect(interopWorks).toBe(true);
    const keys = generateKeys();
    const port = await freeUdpPort();
    const endpoint = `127.0.0.1:${port}`;
    // One second between keepalives: the peer tries again soon if its first call came before our socket.
    const peer = await RealPeer.up({
      publicKey: keys.publicKey,
      ...(role === 'is called' && { endpoint, keepalive: 1 }),
    });
    const tunnel = new Child(process.execPath, [
      '--import',
      'tsx',
      join(import.meta.dirname, '../support/node-tunnel-child.ts'),
      `[Interface]
PrivateKey = ${keys.privateKey}
ListenPort = ${port}
Address = ${INNER.our4}/24, ${INNER.our6}/64

[Peer]
PublicKey = ${peer.publicKey}
${role === 'calls' ? `Endpoint = ${peer.endpoint}\n` : ''}AllowedIPs = ${INNER.peer4}/32, ${INNER.peer6}/128
`,
      'crypto-key',
    ]);
    try {
      await tunnel.saw(/^ready$/m, 15_000);
      for (const host of [INNER.our4, INNER.our6])
        expect(await peer.exec('ping', '-n', '-c', '3', '-i', '0.05', '-W', '2', host)).toContain(
          '3 received',
        );
      const said = await peer.exec(
        process.execPath,
        '--import',
        'tsx',
        join(import.meta.dirname, '../support/inner-client.ts'),
        INNER.our4,
        '8080',
        '1000000',
      );
      const [, sent, received] = /^sent (\w+) received (\w+) \d+$/m.exec(said)!;
      expect(received).toBe(sent);
    } finally {
      await tunnel.stop();
      await peer.down();
    }
    expect(tunnel.output).not.toMatch(/error/i);
  });
}
