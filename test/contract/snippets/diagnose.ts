// What README.md shows, word for word; above the line what it takes for granted.
import type { Tunnel } from 'tabwire';
declare const tunnel: Tunnel;
export {};

// ——
for await (const { leg, ok, detail, advice } of tunnel.diagnose())   // browser, relay, endpoint, handshake, inside
  console.log(ok ? '✓' : '✗', leg, detail, advice ?? '')
