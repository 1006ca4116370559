import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { tabwire } from './src/vite/index.ts';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const FIRST_SCRIPT = 'tunnels/fragment-taker.ts';

/**
 * The console and nothing else: web/ → dist/console, hostable under any path (`base: './'`). Everything is a file of
 * its own (no inlined script, style, data URL or wasm), so that it runs under the strict Content-Security-Policy.
 */
export default defineConfig({
  root: 'web',
  base: './',
  define: { __VERSION__: JSON.stringify(version) },
  plugins: [tabwire({ timers: 'page' }), ownNoble(), plainNumbers(), firstScript(), assetList()],
  resolve: {
    alias: [
      // ssh2 looks for a native addon to encrypt its packets with: here it is Tabwire's own WASM.
      {
        find: /^\.\/crypto\/build\/Release\/sshcrypto\.node$/,
        replacement: fileURLToPath(new URL('./web/ssh/crypto/addon.ts', import.meta.url)),
      },
    ],
  },
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    target: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // ssh2 and xterm.js, loaded with the first terminal; test/browser/size.spec.ts weighs them.
    chunkSizeWarningLimit: 1100,
    rolldownOptions: {
      input: { index: 'web/index.html', first: `web/${FIRST_SCRIPT}`, sw: 'web/pwa/sw.ts' },
      // A service worker's name must stay, and its place says what it serves.
      output: {
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        // What a first visit loads anyhow is one file: together it is smaller.
        codeSplitting: { groups: [{ name: 'base', tags: ['$initial'], test: isOfPage }] },
      },
    },
  },
  worker: { format: 'es', plugins: () => [qrEngine()] },
});

/** `virtual:qr-engine`: the code that qr-scanner hides in a string in order to start it from a blob. */
function qrEngine(): Plugin {
  const name = 'virtual:qr-engine';
  return {
    name: 'qr-engine',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load: (id) => (id === `\0${name}` ? qrEngineCode() : undefined),
  };
}

function qrEngineCode(): string {
  const file = createRequire(import.meta.url).resolve('qr-scanner/qr-scanner-worker.min.js');
  const [, literal] = /new Blob\(\[`(.*)`\]/s.exec(readFileSync(file, 'utf8')) ?? [];
  if (literal === undefined) throw new Error('qr-scanner keeps its engine elsewhere now.');
  return literal.replace(/\\([`$\\])/g, '$1');
}

/**
 * What SSH's cryptography takes of @noble is a copy of its own: shared, all of it would come with the first visit, which needs
 * little of the same files.
 */
function ownNoble(): Plugin {
  const mark = '?ssh';
  return {
    name: 'own-noble',
    enforce: 'pre',
    async resolveId(source, importer) {
      const isOwn = importer?.endsWith(mark) === true;
      const begins = source.startsWith('@noble/') && /[\\/]src[\\/]shims[\\/]/.test(importer ?? '');
      if (!importer || !(isOwn || begins)) return undefined;
      const from = isOwn ? importer.slice(0, -mark.length) : importer;
      const resolved = await this.resolve(source, from, { skipSelf: true });
      return resolved && { ...resolved, id: `${resolved.id}${mark}` };
    },
    load: {
      filter: { id: /\?ssh$/ },
      handler: (id) => readFileSync(id.slice(0, -mark.length), 'utf8'),
    },
  };
}

/** One number that ssh2 asks `Function` for, which the page's policy refuses and reports. */
function plainNumbers(): Plugin {
  const number = "new Function('return 2n ** 32n')()";
  return {
    name: 'plain-numbers',
    transform: {
      filter: { id: /[\\/]ssh2[\\/]lib[\\/]protocol[\\/]node-fs-compat\.js$/ },
      handler(code) {
        if (!code.includes(number)) throw new Error('ssh2 has its numbers from elsewhere now.');
        return code.replace(number, '2n ** 32n');
      },
    },
  };
}

/** All but the scripts that must stand alone. */
function isOfPage(id: string): boolean {
  return !/[\\/]web[\\/](pwa[\\/](sw|routes)|tunnels[\\/]fragment-taker)\.ts$/.test(id);
}

/** Puts one script before everything else: what it does, it does before the page loads another file. */
function firstScript(): Plugin {
  return {
    name: 'first-script',
    transformIndexHtml(_html, { bundle }) {
      const injectTo = 'head-prepend';
      // Modules wait for the whole page; where it is not built, there is nothing else.
      if (!bundle) return [{ tag: 'script', attrs: { type: 'module', src: `/${FIRST_SCRIPT}` }, injectTo }];
      const first = Object.values(bundle).find((file) => file.type === 'chunk' && file.name === 'first');
      if (first?.type !== 'chunk' || first.imports.length + first.exports.length > 0)
        throw new Error('The first script must stand alone.');
      return [{ tag: 'script', attrs: { src: `./${first.fileName}` }, injectTo }];
    },
  };
}

/** Tells the service worker what there is to keep. */
function assetList(): Plugin {
  return {
    name: 'asset-list',
    generateBundle(_options, bundle) {
      const worker = bundle['sw.js'];
      if (worker?.type !== 'chunk') throw new Error('There is no service worker in the build.');
      const assets = Object.keys(bundle).filter((name) => name.startsWith('assets/'));
      worker.code = worker.code.replaceAll('__ASSETS__', JSON.stringify(assets));
    },
  };
}
