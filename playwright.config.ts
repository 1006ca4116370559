import { defineConfig } from '@playwright/test';
import { chromiumOptions } from './test/support/chromium.ts';
import { firefoxExecutable } from './test/support/firefox.ts';

/** Files of interop tests that are also run in Debian's Firefox, as they are. */
const ALSO_IN_FIREFOX = [
  'diagnostics',
  'direct-sockets',
  'fetch',
  'inside',
  'names',
  'node-packages',
  'node-sockets',
  'page-programs',
  'transfer',
  'websocket',
  'wireguard',
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
      testDir: 'test/interop',
      testMatch: ALSO_IN_FIREFOX.map((name) => `${name}.spec.ts`),
      // What only Chromium's DevTools can tell.
      grepInvert: /@chromium/,
      use: {
        browserName: 'firefox',
        channel: 'moz-firefox',
        launchOptions: { executablePath: firefoxExecutable() },
      },
    },
  ],
});
