// What runs behind the WireGuard peer: `node --import tsx services.ts`. Prints "ready".
//   TCP 7     echo                 TCP 9002  sends without end
//   TCP 9001  takes without end    TCP 9004  tells what was seen, as JSON
//   UDP 9003  from the first datagram on, a stream back to where it came from, until nothing has come for a second
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import {
  type Arrival,
  clock,
  PORTS,
  type Progress,
  readStreamDatagram,
  STREAM_EVERY,
  writeStreamDatagram,
} from './protocol.ts';

const stream: Arrival[] = [];
const sinkProgress: Progress = [];
let sunk = 0;

function listen(port: number, serve: (socket: Socket) => void): Server {
  return createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  }).listen(port, '0.0.0.0');
}

function source(socket: Socket): void {
  const chunk = Buffer.alloc(65_536);
  const fill = (): void => {
    while (socket.writable && socket.write(chunk));
  };
  socket.on('drain', fill);
  fill();
}

const servers = [
  listen(PORTS.echo, (socket) => socket.pipe(socket)),
  listen(PORTS.sink, (socket) =>
    socket.on('data', ({ length }) => sinkProgress.push([clock(), (sunk += length)])),
  ),
  listen(PORTS.source, source),
  listen(PORTS.record, (socket) => socket.end(JSON.stringify({ stream, sink: sinkProgress }))),
];

const udp = createSocket('udp4');
let caller: RemoteInfo | undefined;
let heardAt = 0;
let number = 0;
udp.on('message', (datagram, from) => {
  stream.push(readStreamDatagram(datagram));
  caller = from;
  heardAt = clock();
});
setInterval(() => {
  if (caller && clock() - heardAt < 1000)
    udp.send(writeStreamDatagram(number++), caller.port, caller.address);
}, STREAM_EVERY);
udp.bind(PORTS.stream, '0.0.0.0');

await Promise.all([...servers.map((server) => once(server, 'listening')), once(udp, 'listening')]);
console.log('ready');
