// Ten lines of code in somebody else's project reach a service behind the demo peer: with Vite, with esbuild, and with no
// build at all. The package is the packed tarball, installed outside the repository. And what needs no browser: README's
// program for Node, and the compiler.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test as base, expect } from '../support/browser-test.ts';
import { Child, run } from '../support/child-process.ts';
import { PageServer } from '../support/page-server.ts';
import { everyProject } from '../support/projects.ts';

const test = everyProject(base);

test("README's program for Node reaches the demo's web site", async ({ demo, stranger }) => {
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
  test(`the declarations of page and Node hold for a strict compiler, by ${moduleResolution}`, async ({
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
