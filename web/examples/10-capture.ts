// Three pings, captured; the file can be saved.
import { Tunnel } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });
await tunnel.ready;

const reader = tunnel.capture({ filter: `icmp and host ${host}` }).getReader();
const chunks = [(await reader.read()).value!]; // its header: from here on everything is in it
for await (const reply of tunnel.ping(host, { count: 3, interval: 10 }))
  print('ping', reply.sequence, reply.ok);
chunks.push((await reader.read()).value!);
await reader.cancel();

const file = new Blob(chunks, { type: 'application/x-pcapng' });
const magic = new DataView(await file.arrayBuffer()).getUint32(0, true).toString(16);
print('a pcapng file:', magic.padStart(8, '0'), file.size > 300 ? 'with packets' : 'without packets');

const link = document.createElement('a');
Object.assign(link, { href: URL.createObjectURL(file), download: 'pings.pcapng', textContent: 'Save it' });
document.body.append(link);
done();
