// Ping, traceroute, a port check and the path MTU.
import { Tunnel } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });

for await (const reply of tunnel.ping(host, { count: 3, interval: 50 }))
  print('ping', reply.sequence, reply.ok ? `${reply.bytes} bytes from ${reply.from}` : reply.reason);

for await (const hop of tunnel.traceroute(host))
  print('hop', hop.hop, hop.addresses.join(' '), hop.reached ? 'is the host' : '');

for (const port of [7, 80, 81]) print('port', port, await tunnel.checkPort(host, port));

print('path MTU:', await tunnel.pathMtu(host), 'bytes');
done();
