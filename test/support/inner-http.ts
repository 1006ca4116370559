// An HTTP server behind a peer, in its namespace: `node --import tsx inner-http.ts`. Prints "ready". Port 8082: says every
// body again while it comes; /silent never answers, and prints "asked", and "left" when whoever asked is gone.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  if (request.url === '/silent') {
    console.log('asked');
    response.on('close', () => console.log('left'));
  } else {
    // Not with the first part of the body: whoever waits for the head before sending has one.
    response.flushHeaders();
    request.pipe(response);
  }
});
server.listen(8082, '::', () => console.log('ready'));
