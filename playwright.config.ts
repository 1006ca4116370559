import { defineConfig } from '@playwright/test';
import { chromiumOptions } from './test/support/chromium.ts';

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
  ],
});
