// A WebSocket to the demo's echo, and one that is refused.
import { Tunnel } from 'tabwire';
import { config, done, host, print, relay } from './demo.ts';

await using tunnel = await Tunnel.open(config, { relay });

const socket = new tunnel.WebSocket(`ws://${host}/echo`);
socket.binaryType = 'arraybuffer';
await new Promise((resolve) => {
  socket.onopen = () => {
    print('open');
    socket.send('text');
    socket.send(Uint8Array.of(1, 2, 3));
  };
  socket.onmessage = ({ data }) => {
    print('echo:', typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer).join(' '));
    if (typeof data !== 'string') socket.close(1000, 'done');
  };
  socket.onclose = resolve;
});
print('closed');

const refused = new tunnel.WebSocket(`ws://${host}/`);
await new Promise<void>((resolve) => {
  refused.onerror = ({ error }) => {
    print(error instanceof Error ? error.message : error);
    resolve();
  };
});
done();
