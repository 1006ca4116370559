// A WebSocket server behind a peer, in its namespace: `node --import tsx inner-websocket.ts`. Prints "ready". Port 8081:
// says every message again, pings first, agrees on the subprotocol "echo", and compresses for whom offers it. "end CODE WORDS"
// has it close so, "vanish" break the connection off.
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({
  host: '::',
  port: 8081,
  handleProtocols: () => 'echo',
  perMessageDeflate: true,
});
server.on('connection', (socket) => {
  socket.ping('are you there');
  socket.on('pong', (data) => console.log(`pong ${data}`));
  socket.on('message', (data: Buffer, isBinary) => {
    const [, code, reason] = (!isBinary && /^end (\d+) (.*)$/.exec(data.toString())) || [];
    if (code) socket.close(Number(code), reason);
    else if (data.toString() === 'vanish') socket.terminate();
    else socket.send(data, { binary: isBinary });
  });
  socket.on('close', (code, reason) => console.log(`closed ${code} ${reason}`));
});
server.on('listening', () => console.log('ready'));
