// What README.md shows, word for word; above the line what it takes for granted.
import type { Tunnel } from 'tabwire';
declare const tunnel: Tunnel;
declare const stream: ReadableStream<Uint8Array<ArrayBuffer>>;
export {};

// ——
const response = await tunnel.fetch('http://intranet.internal/report', { headers: { Cookie: 'session=1' } })
for await (const chunk of response.body!)       // as it comes; who does not read closes the server's window
  console.log(chunk.length)
await tunnel.fetch('http://10.0.0.5/upload', { method: 'POST', body: stream })   // in chunks, as the stream gives them
