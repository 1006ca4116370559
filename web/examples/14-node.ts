// A program as it would be for Node: `net` and `http`, unchanged, over the tunnel. The bundler leads them there by the plugin of
// `tabwire/vite` (or `tabwire/esbuild`), for packages of npm as well.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Tunnel } from 'tabwire';
import { setDefaultTunnel } from 'tabwire/shims/net';
import { config, done, host, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });
setDefaultTunnel(tunnel);

const socket = connect({ host, port: 7, noDelay: true });
socket.end('hello, net');
for await (const bytes of socket) print('echo:', bytes);

const [response] = (await once(get(`http://${host}/`), 'response')) as [IncomingMessage];
print(response.statusCode, response.headers['content-type']);
response.resume();
await once(response, 'end');

// What goes wrong has Node's words for it.
const [error] = (await once(connect({ host, port: 81 }), 'error')) as [NodeJS.ErrnoException];
print(error.message);
done();
