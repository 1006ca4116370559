// Opens a tunnel, waits for the first handshake, looks at its status, and closes it.
import { Tunnel } from 'tabwire';
import { config, done, print, relay } from './demo.ts';

const tunnel = await Tunnel.open(config, { relay });
tunnel.addEventListener('handshake', ({ detail }) => print('handshake with', detail.peer));
tunnel.addEventListener('close', () => print('closed'));
await tunnel.ready;

const { transport, peers } = await tunnel.status();
print('transport:', transport.state);
for (const peer of peers) print('peer at', peer.endpoint, 'may send from', peer.allowedIps.join(', '));

await tunnel.close();
done();
