import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, type test as Test } from './browser-test.ts';
import { run } from './child-process.ts';
import { PageServer } from './page-server.ts';
import { RelayProcess } from './relay-process.ts';
import { Stranger } from './stranger.ts';

/** `from` is how the project calls the package, `options` what it has to say beside the relay. */
const program = (from: string, options = '') => `import { Tunnel } from '${from}';

const { config, relay, url } = await (await fetch('settings.json')).json();
const tunnel = await Tunnel.open(config, { relay${options} });
const response = await tunnel.fetch(url);
const [, heading] = /<h1>(.*)<\\/h1>/.exec(await response.text());
document.title = \`\${response.status} \${heading}\`;
await tunnel.close();
`;

/** A package that knows Node's `http` only, in the page. */
const nodeProgram = (options = '') => `import http from 'node:http';
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

const html = (script: string) =>
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

const projects: { name: string; make: (stranger: Stranger) => Promise<void> }[] = [
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

/** Tests that have a stranger's project. */
function withStranger(base: typeof Test) {
  return base.extend<object, { stranger: Stranger }>({
    stranger: [
      // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names it needs from this pattern
      async ({}, use) => {
        const stranger = await Stranger.arrive();
        await use(stranger);
        stranger.leave();
      },
      { scope: 'worker', timeout: 120_000 },
    ],
  });
}

/** The tests of them, in whatever browser `base` has. Returns what they ran with. */
export function everyProject(base: typeof Test): ReturnType<typeof withStranger> {
  const test = withStranger(base);
  for (const { name, make } of projects)
    test(`ten lines reach the demo's web site, with ${name}`, async ({ page, demo, stranger }) => {
      test.setTimeout(60_000);
      await make(stranger);
      const complaints: string[] = [];
      page.on('pageerror', ({ message }) => complaints.push(message));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      const site = await PageServer.start(join(stranger.folder, 'out', name), () => ['ws://127.0.0.1:*']);
      const relay = await RelayProcess.start({ allow: [demo.endpoint], origins: [site.origin] });
      const settings = { config: demo.config, relay: relay.url, url: `http://${demo.peer4}/` };
      stranger.write(`out/${name}/settings.json`, JSON.stringify(settings));
      try {
        await page.goto(`${site.origin}/`);
        await expect.poll(async () => [...complaints, await page.title()]).toEqual(['200 You are inside']);
      } finally {
        await relay.stop();
        await site.stop();
      }
    });

  test('worker and WASM may come from another origin, as from a CDN', async ({ page, demo, stranger }) => {
    stranger.copy('node_modules/tabwire/dist/browser', 'out/cdn');
    const cdn = await serveToAll(join(stranger.folder, 'out/cdn'));
    stranger.copy('node_modules/tabwire/dist/browser', 'out/far/tabwire');
    stranger.write('out/far/index.html', html('app.js'));
    const assets = `{ worker: '${originOf(cdn)}/tabwire-worker.js' }`;
    stranger.write('out/far/app.js', program('./tabwire/tabwire.js', `, assets: ${assets}`));
    const site = await serveToAll(join(stranger.folder, 'out/far'));
    const relay = await RelayProcess.start({ allow: [demo.endpoint], origins: [originOf(site)] });
    const settings = { config: demo.config, relay: relay.url, url: `http://${demo.peer4}/` };
    stranger.write('out/far/settings.json', JSON.stringify(settings));
    try {
      await page.goto(`${originOf(site)}/index.html`);
      await expect(page).toHaveTitle('200 You are inside');
    } finally {
      await relay.stop();
      for (const server of [site, cdn]) server.close().closeAllConnections();
    }
  });
  return test;
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The files of a folder, with leave for pages of every origin, and without a policy. */
async function serveToAll(folder: string): Promise<Server> {
  const types: Record<string, string> = {
    html: 'text/html',
    js: 'text/javascript',
    wasm: 'application/wasm',
  };
  const server = createServer((request, response) => {
    const name = new URL(request.url!, 'http://x').pathname;
    readFile(join(folder, name)).then(
      (body) => {
        const type = types[name.split('.').at(-1)!] ?? 'application/octet-stream';
        response.writeHead(200, { 'content-type': type, 'access-control-allow-origin': '*' }).end(body);
      },
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
