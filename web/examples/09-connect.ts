// The same echo by way of connect().
import { Tunnel } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });

const socket = tunnel.connect({ hostname: host, port: 7 }, { allowHalfOpen: true });
const writer = socket.writable.getWriter();
await writer.write(new TextEncoder().encode('one call'));
await writer.close();
print('echo:', await new Response(socket.readable).text());
print('remote:', (await socket.opened).remoteAddress);

// TLS needs a layer, which Tunnel.open takes as `tls`; without one it is an error that says so.
const secure = tunnel.connect(`${host}:443`, { secureTransport: 'on' });
await secure.opened.catch(({ cause }: Error) => print((cause as { code: string }).code));
done();
