// Projects of somebody else's, ten lines each, by who builds them.
import { join } from 'node:path';
import { run } from './child-process.ts';
import type { Stranger } from './stranger.ts';

/** `from` is how the project calls the package, `options` what it has to say beside the relay. */
export const program = (from: string, options = '') => `import { Tunnel } from '${from}';

const { config, relay, url } = await (await fetch('settings.json')).json();
const tunnel = await Tunnel.open(config, { relay${options} });
const response = await tunnel.fetch(url);
const [, heading] = /<h1>(.*)<\\/h1>/.exec(await response.text());
document.title = \`\${response.status} \${heading}\`;
await tunnel.close();
`;

/** A package that knows Node's `http` only, in the page. */
export const nodeProgram = (options = '') => `import http from 'node:http';
import { Tunnel } from 'tabwire';
import { setDefaultTunnel } from 'tabwire/shims/net';

const { config, relay, url } = await (await fetch('settings.json')).json();
const tunnel = await Tunnel.open(config, { relay${options} });
setDefaultTunnel(tunnel);
http.get(url, async (response) => {
  let text = '';
  for await (const part of response) text += part;
  const [, heading] = /<h1>(.*)<\\/h1>/.exec(text);
  document.title = \`\${response.statusCode} \${heading}\`;
  await tunnel.close();
});
`;

/** For a page that no bundler has seen: where the names in its modules lead. */
export const IMPORT_MAP = `<script type="importmap">
{
  "imports": {
    "tabwire": "./tabwire/tabwire.js",
    "tabwire/shims/net": "./tabwire/shims/net.js",
    "node:http": "./tabwire/shims/http.js"
  }
}
</script>
`;

export const html = (script: string) =>
  `<!doctype html>\n<link rel="icon" href="data:,">\n<title>nothing yet</title>\n<script type="module" src="${script}"></script>\n`;

const ESBUILD_OUT = 'out/esbuild and Node’s http';
/** Of esbuild only its own place is ours. */
const esbuildScript = (
  out: string,
) => `import { build } from ${JSON.stringify(import.meta.resolve('esbuild'))};
import { tabwire } from 'tabwire/esbuild';

await build({
  entryPoints: ['node-app.js'],
  outdir: ${JSON.stringify(out)},
  bundle: true,
  splitting: true,
  format: 'esm',
  logLevel: 'warning',
  plugins: [tabwire()],
});
`;

/** Each makes `out/NAME`, a site that wants a `settings.json`. */
export const projects: { name: string; make: (stranger: Stranger) => Promise<void> }[] = [
  {
    name: 'Vite',
    async make(stranger) {
      stranger.write('index.html', html('/main.js'));
      stranger.write('main.js', program('tabwire'));
      await stranger.tool('vite', 'build', '--logLevel', 'warn', '--outDir', 'out/Vite');
    },
  },
  {
    name: 'esbuild',
    async make(stranger) {
      stranger.write('app.js', program('tabwire', ", assets: { worker: 'tabwire/tabwire-worker.js' }"));
      const flags = [
        '--bundle',
        '--splitting',
        '--format=esm',
        '--outdir=out/esbuild',
        '--log-level=warning',
      ];
      await stranger.tool('esbuild', 'app.js', ...flags);
      stranger.copy('node_modules/tabwire/dist/browser', 'out/esbuild/tabwire');
      stranger.write('out/esbuild/index.html', html('app.js'));
    },
  },
  {
    name: 'Vite and Node’s http',
    async make(stranger) {
      const config = `import { tabwire } from 'tabwire/vite';\nexport default { root: 'with-vite', plugins: [tabwire()] };\n`;
      stranger.write('with-vite.config.js', config);
      stranger.write('with-vite/index.html', html('/main.js'));
      stranger.write('with-vite/main.js', nodeProgram());
      const outDir = join(stranger.folder, 'out/Vite and Node’s http');
      await stranger.tool(
        ...['vite', 'build', '--config', 'with-vite.config.js', '--logLevel', 'warn', '--outDir', outDir],
      );
    },
  },
  {
    name: 'esbuild and Node’s http',
    async make(stranger) {
      const out = join(stranger.folder, ESBUILD_OUT);
      stranger.write('node-app.js', nodeProgram(", assets: { worker: 'tabwire/tabwire-worker.js' }"));
      stranger.write('build.js', esbuildScript(out));
      await run(process.execPath, ['build.js'], { cwd: stranger.folder });
      stranger.copy('node_modules/tabwire/dist/browser', `${ESBUILD_OUT}/tabwire`);
      stranger.write(`${ESBUILD_OUT}/index.html`, html('node-app.js'));
    },
  },
  {
    name: 'no build',
    make(stranger) {
      stranger.copy('node_modules/tabwire/dist/browser', 'out/no build/tabwire');
      stranger.write('out/no build/app.js', program('./tabwire/tabwire.js'));
      stranger.write('out/no build/index.html', html('app.js'));
      return Promise.resolve();
    },
  },
];
