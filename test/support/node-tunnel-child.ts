// A tunnel of the Node entry point, in a process of its own: `node-tunnel-child.ts CONFIG`. Prints "open", then "ready"
// after the first handshake; then serves a TCP echo on port 8080 inside. SIGTERM closes the tunnel.
import { Tunnel } from '../../src/node/index.ts';

const tunnel = await Tunnel.open(process.argv[2]!);
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
