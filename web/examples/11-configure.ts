// What is wrong with a file, and a smaller MTU for a tunnel that runs.
import { checkConfig, formatConfig, parseConfig, Tunnel } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

const { issues } = checkConfig(`${config}\nColour = blue\n`);
for (const { severity, line, key, message } of issues) print(severity, 'in line', line, key, '–', message);

await using tunnel = await Tunnel.open(config, { relay });
const socket = new tunnel.TCPSocket(host, 7);
await socket.opened;

const changed = parseConfig(config);
changed.interface.mtu = 1280;
const { peers, resets } = await tunnel.configure(formatConfig(changed));
print('peers changed:', peers.changed.length);
for (const { change, resets: lost, detail } of resets) print(change, 'resets', lost, '–', detail);
print('the connection is', (await socket.info()).state);
done();
