// A TCP connection to the demo's echo: bytes out, bytes in, and each direction ends by itself.
import { Tunnel } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });

const socket = new tunnel.TCPSocket(host, 7, { noDelay: true });
const { readable, writable, remoteAddress, remotePort } = await socket.opened;
print('connected to', remoteAddress, 'port', remotePort);

const writer = writable.getWriter();
await writer.write(new TextEncoder().encode('hello, tunnel'));
await writer.close(); // our direction ends, the other one lives on

print('echo:', await new Response(readable).text());
await socket.closed;
print('closed');

// What goes wrong is a NetworkError, and its cause says what.
const refused = new tunnel.TCPSocket(host, 81);
await refused.opened.catch(({ name, cause }: DOMException) => print(name, (cause as { code: string }).code));
done();
