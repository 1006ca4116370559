// A server that runs in a peer's namespace: `node --import tsx inner-lines.ts PORT`. To whoever connects it sends a numbered
// line every 100 ms, from 0, for ever. Prints "ready".
import { createServer } from 'node:net';

createServer((socket) => {
  let line = 0;
  const timer = setInterval(() => socket.write(`${line++}\n`), 100);
  socket.on('error', () => {});
  socket.on('close', () => clearInterval(timer));
  socket.resume();
}).listen(Number(process.argv[2]), () => console.log('ready'));
