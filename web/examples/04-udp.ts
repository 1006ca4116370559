// Datagrams to the demo's echo, from a connected socket and from a bound one.
import { Tunnel } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });
const text = (data: BufferSource) => new TextDecoder().decode(data);
const data = new TextEncoder().encode('a datagram');

const connected = new tunnel.UDPSocket({ remoteAddress: host, remotePort: 7 });
const one = await connected.opened;
await one.writable.getWriter().write({ data });
print('connected:', text((await one.readable.getReader().read()).value!.data));

const bound = new tunnel.UDPSocket({ localAddress: '0.0.0.0', localPort: 5000 });
const two = await bound.opened;
await two.writable.getWriter().write({ data, remoteAddress: host, remotePort: 7 });
const { value } = await two.readable.getReader().read();
print('bound:', text(value!.data), 'from', value!.remoteAddress, 'port', value!.remotePort);
done();
