import { existsSync } from 'node:fs';
import { chromium, type LaunchOptions } from '@playwright/test';

const DEBIANS = '/usr/bin/chromium';

/** Debian's Chromium, else the one Playwright downloaded, else undefined. */
export function chromiumExecutable(): string | undefined {
  return [DEBIANS, chromium.executablePath()].find((path) => path !== '' && existsSync(path));
}

/** Quiet: the browser talks to nobody but the page's own servers. */
export const chromiumOptions: LaunchOptions = {
  executablePath: chromiumExecutable(),
  args: [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--disable-gpu',
    '--disable-quic',
  ],
};
