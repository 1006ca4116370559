// What README.md shows, word for word; above the line what it takes for granted.
declare const wgQuickText: string;

// ——
import { Tunnel } from 'tabwire';

const tunnel = await Tunnel.open(wgQuickText, { relay: 'wss://relay.example.com/v1' });
await tunnel.ready;                                     // the first handshake

const socket = new tunnel.TCPSocket('10.0.0.1', 80);    // Direct Sockets, inside the tunnel
const { readable, writable } = await socket.opened;
await writable.getWriter().write(new TextEncoder().encode('GET / HTTP/1.0\r\n\r\n'));
for await (const text of readable.pipeThrough(new TextDecoderStream())) console.log(text);

for await (const reply of tunnel.ping('10.0.0.1', { count: 3 })) console.log(reply);
for await (const hop of tunnel.traceroute('10.20.0.9')) console.log(hop);
console.log(await tunnel.pathMtu('10.20.0.9'));         // 1420, or what the narrowest link takes
console.log(await tunnel.checkPort('10.0.0.1', 22));    // 'open', 'closed' or 'filtered'
console.log(await tunnel.status());                     // what `wg show` says
console.log(await tunnel.sockets());                    // what `ss` says
await tunnel.close();
