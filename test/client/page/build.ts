import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { tabwire } from '../../../src/esbuild/index.ts';
import { buildPage } from '../../support/esbuild-page.ts';

const client = join(import.meta.dirname, '..');

/** What the tables of each kind import, and what that is in a page. Beside these, Node's modules are the stand-ins for them. */
const STAND_INS: Record<string, readonly (readonly [specifier: RegExp, file: string, by?: RegExp])[]> = {
  'direct-sockets': [[/^\.\/ground\.ts$/, 'direct-sockets/page/ground.ts']],
  http: [
    [/^\.\/ground\.ts$/, 'http/page/ground.ts'],
    [/^node:http$/, 'http/page/http-server.ts'],
  ],
  websocket: [
    [/\/loopback-dialer\.ts$/, 'websocket/page/dialer.ts'],
    [/^http$/, 'http/page/http-server.ts', /[\\/]ws[\\/]lib[\\/]websocket-server\.js$/],
  ],
};

/** The page with the tables of this kind, and the product's worker and WASM where its sources look for them. */
export function buildTables(kind: keyof typeof STAND_INS, outdir: string): Promise<void> {
  const standIns: Plugin = {
    name: 'stand-ins',
    setup(bundle) {
      const lead = (filter: RegExp, file: string, by = /[\\/]test[\\/]client[\\/]/) =>
        bundle.onResolve({ filter }, ({ importer }) =>
          by.test(importer) ? { path: join(client, file) } : undefined,
        );
      lead(/^vitest$/, 'page/vitest.ts');
      for (const entry of STAND_INS[kind]!) lead(...entry);
    },
  };
  return buildPage(outdir, {
    page: join(client, kind, 'page/page.ts'),
    html: '<!doctype html><link rel="icon" href="data:," /><script type="module" src="./page.js"></script>',
    plugins: [standIns, ...(kind === 'direct-sockets' ? [] : [tabwire()])],
  });
}
