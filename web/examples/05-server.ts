// A server in this page, which greets whoever calls.
import { Tunnel } from 'tabwire';
import { config, done, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });
const [address] = (await tunnel.status()).addresses;

const server = new tunnel.TCPServerSocket('0.0.0.0', { localPort: 8080 });
const { readable, localPort } = await server.opened;
const callers = readable.getReader();

const caller = new tunnel.TCPSocket(address!.split('/')[0]!, localPort);
const { value: accepted } = await callers.read();
const { writable } = await accepted!.opened;
const writer = writable.getWriter();
await writer.write(new TextEncoder().encode('welcome'));
await writer.close();
print('the server says:', await new Response((await caller.opened).readable).text());

callers.releaseLock();
await server.close();
print('nobody listens any more');
done();
