// What README.md shows, word for word; above the line what it takes for granted.
import type { Tunnel } from 'tabwire';
declare const tunnel: Tunnel;

// ——
// vite.config.ts
import { defineConfig } from 'vite';
import { tabwire } from 'tabwire/vite';                  // for esbuild: plugins: [tabwire()] from 'tabwire/esbuild'

export default defineConfig({ plugins: [tabwire()] });

// the page
import { Redis } from 'ioredis';
import { setDefaultTunnel } from 'tabwire/shims/net';

setDefaultTunnel(tunnel);
const redis = new Redis({ host: 'cache.internal' });
console.log(await redis.ping());
