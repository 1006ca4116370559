// Services that run behind a peer, in its namespace: `node --import tsx inner-services.ts`. Prints "ready".
//   TCP 7  echo, half-closing when its client does        UDP 7  echo
//   TCP 9  takes all until FIN, then answers with "BYTES SHA256" and closes; prints "sink BYTES SHA256" too
//   TCP 11 ends its direction at once, and does as 9 otherwise, but cannot answer
//   TCP 19 sends without end, and says on standard output every 100 ms how many bytes its socket has taken
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

function listen(port: number, serve: (socket: Socket) => void): Server {
  // Both families; half-open, because a client may end its direction first.
  return createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  }).listen(port, '::');
}

function echo(socket: Socket): void {
  socket.pipe(socket);
}

function sink(socket: Socket): void {
  const hash = createHash('sha256');
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  socket.on('end', () => {
    const result = `${bytes} ${hash.digest('hex')}`;
    console.log(`sink ${result}`);
    if (socket.writable) socket.end(result);
  });
}

function endsFirst(socket: Socket): void {
  socket.end();
  sink(socket);
}

/** Without end, until the client closes: for what a closed window does to the sender. */
function source(socket: Socket): void {
  const chunk = Buffer.alloc(65_536, 'abcdefgh');
  let accepted = 0;
  const fill = (): void => {
    while (socket.writable && socket.write(chunk)) accepted += chunk.length;
    accepted += chunk.length;
  };
  socket.on('drain', fill);
  fill();
  const report = setInterval(() => console.log(`accepted ${accepted}`), 100);
  socket.on('close', () => clearInterval(report));
  socket.on('end', () => socket.destroy());
  socket.resume();
}

const servers = [listen(7, echo), listen(9, sink), listen(11, endsFirst), listen(19, source)];
const udp = createSocket('udp6');
udp.on('message', (datagram, from) => udp.send(datagram, from.port, from.address));
udp.bind(7, '::');
await Promise.all([...servers.map((server) => once(server, 'listening')), once(udp, 'listening')]);
console.log('ready');
