// Ten lines of code in somebody else's project reach a service behind the demo peer: with Vite, with esbuild, and with no
// build at all. The package is the packed tarball, installed outside the repository. And what needs no browser: README's
// program for Node, and the compiler.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test as base, expect } from '../support/browser-test.ts';
import { run } from '../support/child-process.ts';
import { everyProject } from '../support/projects.ts';

const test = everyProject(base);

test("README's program for Node reaches the demo's web site", async ({ demo, stranger }) => {
  const shown = readFileSync(join(import.meta.dirname, '../contract/snippets/node.ts'), 'utf8');
  stranger.write('demo.conf', demo.config);
  stranger.write('node.js', shown);
  const said = await run(process.execPath, ['node.js'], { cwd: stranger.folder });
  expect(said).toContain('<h1>You are inside</h1>');
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
