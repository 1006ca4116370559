// Ten lines of code in somebody else's project reach a service behind the demo peer: with Vite, with esbuild, and with no
// build at all. The package is the packed tarball, installed outside the repository. And what needs no browser (`@node`):
// README's program for Node, and the compiler.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Child, run } from '../support/child-process.ts';
import { PageServer } from '../support/page-server.ts';
import { html, IMPORT_MAP, nodeProgram, program, projects } from '../support/projects.ts';
import { RelayProcess } from '../support/relay-process.ts';
import { expect, test } from '../support/stranger-test.ts';

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
  try {
    await expectInside(originOf(site), 'far', { page, demo, stranger });
  } finally {
    for (const server of [site, cdn]) server.close().closeAllConnections();
  }
});

test('Node’s http reaches it without a build, by an import map', async ({ page, demo, stranger }) => {
  stranger.copy('node_modules/tabwire/dist/browser', 'out/map/tabwire');
  stranger.write('out/map/index.html', `${IMPORT_MAP}${html('app.js')}`);
  stranger.write('out/map/app.js', nodeProgram());
  const site = await serveToAll(join(stranger.folder, 'out/map'));
  try {
    await expectInside(originOf(site), 'map', { page, demo, stranger });
  } finally {
    site.close().closeAllConnections();
  }
});

test("README's program for Node reaches the demo's web site @node", async ({ demo, stranger }) => {
  const shown = readFileSync(join(import.meta.dirname, '../contract/snippets/node.ts'), 'utf8');
  stranger.write('demo.conf', demo.config);
  stranger.write('node.js', shown);
  const said = await run(process.execPath, ['node.js'], { cwd: stranger.folder });
  expect(said).toContain('<h1>You are inside</h1>');
});

test('the demo lets a page of one’s own in that it was told of, and no other', async ({ page, stranger }) => {
  stranger.copy('node_modules/tabwire/dist/browser', 'out/own/tabwire');
  stranger.write('out/own/index.html', '<!doctype html>\n<link rel="icon" href="data:,">\n');
  const site = await PageServer.start(join(stranger.folder, 'out/own'), () => [
    'ws://127.0.0.1:*',
    'http://127.0.0.1:*',
  ]);
  const ask = async (origins: string[]) => {
    const flags = origins.flatMap((origin) => ['--origin', origin]);
    const demo = new Child(
      process.execPath,
      ['node_modules/tabwire/dist/src/cli/main.js', 'demo', '--port', '0', '--write', 'own.conf', ...flags],
      { cwd: stranger.folder },
    );
    try {
      const [, relay] = await demo.saw(/^Its relay is at (\S+)$/m);
      const config = readFileSync(join(stranger.folder, 'own.conf'), 'utf8');
      await page.goto(`${site.origin}/`);
      return await page.evaluate(
        async (given) => {
          const { Tunnel } = (await import(
            './tabwire/tabwire.js' as string
          )) as typeof import('../../src/index.ts');
          const tunnel = await Tunnel.open(given.config, { relay: given.relay });
          const answer = tunnel.ready.then(async () => (await tunnel.fetch('http://demo.internal/')).status);
          return answer.catch((error: { code: string }) => error.code).finally(() => tunnel.close());
        },
        { config, relay: relay! },
      );
    } finally {
      await demo.stop();
    }
  };
  try {
    expect(await ask([])).toBe('ERR_RELAY_ORIGIN');
    expect(await ask(['http://localhost:1', site.origin])).toBe(200);
  } finally {
    await site.stop();
  }
});

for (const [module, moduleResolution] of [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])
  test(`the declarations of page and Node hold for a strict compiler, by ${moduleResolution} @node`, async ({
    stranger,
  }) => {
    stranger.write('strict.ts', "export * from 'tabwire';\nexport * as node from 'tabwire/node';\n");
    const wishes = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--lib',
      'es2022,dom',
      '--skipLibCheck',
      'false',
    ];
    await stranger.tool(
      'tsc',
      ...wishes,
      '--module',
      module!,
      '--moduleResolution',
      moduleResolution!,
      'strict.ts',
    );
  });

type Fixtures = Parameters<Parameters<typeof test>[2]>[0];

/** The page of `out/NAME`, at that origin, shows what the demo's web site says. */
async function expectInside(
  origin: string,
  name: string,
  { page, demo, stranger }: Pick<Fixtures, 'page' | 'demo' | 'stranger'>,
): Promise<void> {
  const relay = await RelayProcess.start({ allow: [demo.endpoint], origins: [origin] });
  const settings = { config: demo.config, relay: relay.url, url: `http://${demo.peer4}/` };
  stranger.write(`out/${name}/settings.json`, JSON.stringify(settings));
  try {
    await page.goto(`${origin}/index.html`);
    await expect(page).toHaveTitle('200 You are inside');
  } finally {
    await relay.stop();
  }
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
