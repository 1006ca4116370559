import { defineConfig } from '@playwright/test';
import { chromiumOptions } from './test/support/chromium.ts';
import { firefoxExecutable } from './test/support/firefox.ts';

/**
 * Tests that are also run in Debian's Firefox, as they are. Not yet among them, though they have a page: `console*`, of which
 * `browser/console/everywhere.spec.ts` shows a part in both browsers, `key-elsewhere`, `ssh-forward` and one test of `gateway`.
 * What else is not is Node's engine and other programs.
 */
const ALSO_IN_FIREFOX = [
  'browser/examples',
  'browser/package',
  'interop/diagnostics',
  'interop/fetch',
  'interop/impairment',
  'interop/inside',
  'interop/matrix',
  'interop/names',
  'interop/node-packages',
  'interop/node-sockets',
  'interop/page-programs',
  'interop/rekey',
  'interop/roles',
  'interop/sftp',
  'interop/ssh',
  'interop/stalls',
  'interop/tables',
  'interop/transfer',
  'interop/websocket',
  'interop/wireguard',
  'interop/wstunnel',
];

export default defineConfig({
  globalSetup: './test/support/global-setup.ts',
  outputDir: 'test-results',
  timeout: 30_000,
  expect: { timeout: 10_000 },
  fullyParallel: false,
  forbidOnly: process.env.CI === 'true',
  retries: 0,
  // Two cores: the browser, the relay and the peer already fill them.
  workers: 1,
  reporter: [['list']],
  use: {
    browserName: 'chromium',
    launchOptions: chromiumOptions,
    // Recording slows WebSockets; ask for it with --trace=on when a failure needs it.
    trace: 'off',
    screenshot: 'only-on-failure',
    video: 'off',
  },
  projects: [
    { name: 'browser', testDir: 'test/browser' },
    { name: 'interop', testDir: 'test/interop' },
    {
      name: 'firefox',
      testDir: 'test',
      testMatch: ALSO_IN_FIREFOX.map((name) => `${name}.spec.ts`),
      // What only Chromium tells (DevTools, what is saved), and what has no page in it: the engine is in Node, directly over UDP.
      grepInvert: /@chromium|@node|, directly|under Node/,
      use: {
        browserName: 'firefox',
        channel: 'moz-firefox',
        launchOptions: { executablePath: firefoxExecutable() },
      },
    },
  ],
});
