// What relay/README.md shows, word for word; above the line what it takes for granted.
import type { Server } from 'node:http';
declare const httpServer: Server;

// ——
import { createRelay } from 'tabwire/relay';
const relay = createRelay({ allow: ['192.168.1.2:51820'] });
relay.attach(httpServer); // or: const { url } = await relay.listen();
// in the server's request handler: if (relay.handleRequest(request, response)) return;
await relay.close();
