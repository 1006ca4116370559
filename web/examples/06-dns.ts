// Names: of one's own, from a DNS server, and one that does not exist.
import { Tunnel, type TunnelError } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';
import { serveNames } from './name-server.ts';

const ourAddress = /^Address = ([\d.]+)/m.exec(config)![1]!;
const withDns = config.replace(/^DNS = .*$/m, `DNS = ${ourAddress}`);
await using tunnel = await Tunnel.open(withDns, {
  relay,
  dns: { hosts: { 'demo.internal': [host] } },
});
await serveNames(tunnel, { 'www.example': host });

const page = await tunnel.fetch('http://demo.internal/');
print('demo.internal answers', page.status);

for (const { type, name, ttl, address } of await tunnel.resolve('www.example', 'A'))
  print(type, name, address, 'for', ttl, 's');

await tunnel.resolve('nowhere.example').catch(({ code, reason }: TunnelError) => print(code, reason));
done();
