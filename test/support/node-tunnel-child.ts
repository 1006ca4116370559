// A tunnel of the Node entry point, in a process of its own: `node-tunnel-child.ts CONFIG [crypto-key]`. Prints "open",
// then "ready" after the first handshake; then serves a TCP echo on port 8080 inside. SIGTERM closes the tunnel. With
// `crypto-key`, the configuration's private key becomes a CryptoKey that cannot be read.
import { importPrivateKey, Tunnel } from '../../src/node/index.ts';

const [, , config = '', kind] = process.argv;
const tunnel = kind === 'crypto-key' ? await openWithCryptoKey() : await Tunnel.open(config);
process.once('SIGTERM', () => {
  void tunnel.close().then(() => process.exit());
});
const { readable } = await new tunnel.TCPServerSocket('::', { localPort: 8080 }).opened;
console.log('open');
await tunnel.ready;
console.log('ready');
for await (const socket of readable as unknown as AsyncIterable<InstanceType<typeof tunnel.TCPSocket>>) {
  const connection = await socket.opened;
  connection.readable.pipeTo(connection.writable).catch(() => {});
}

async function openWithCryptoKey(): Promise<Tunnel> {
  const line = /^PrivateKey = (.*)\n/m;
  const privateKey = await importPrivateKey(line.exec(config)![1]!);
  return Tunnel.open(config.replace(line, ''), { privateKey });
}
