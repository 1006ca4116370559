// A client that runs in a peer's namespace: `node --import tsx inner-client.ts HOST PORT BYTES`. Connects, sends BYTES of
// a known pattern, ends its direction, and prints "sent SHA256 received SHA256 BYTES" of what came back.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

const [host, port, bytes] = process.argv.slice(2);
const payload = Buffer.alloc(Number(bytes));
for (let i = 0; i < payload.length; i++) payload[i] = (i * 31 + (i >> 8)) & 255;

const socket = connect({ host: host!, port: Number(port), allowHalfOpen: true });
await once(socket, 'connect');
socket.end(payload);
const received = createHash('sha256');
let count = 0;
for await (const chunk of socket as AsyncIterable<Buffer>) {
  received.update(chunk);
  count += chunk.length;
}
console.log(
  `sent ${createHash('sha256').update(payload).digest('hex')} received ${received.digest('hex')} ${count}`,
);
