import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The URL of the built worker with `code` before it, for the `assets` option: Playwright's init scripts do not reach
 * workers, and a script that its router serves has no address, so Chromium lets it connect to no WebSocket on loopback.
 */
export function workerAfter(code: string): string {
  const assets = join(import.meta.dirname, '../../dist/harness/assets');
  const worker = readdirSync(assets).find((name) => /^worker-.*\.js$/.test(name))!;
  return `/assets/${worker}?prelude=${encodeURIComponent(code)}`;
}
