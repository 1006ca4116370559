import { type Browser, firefox } from '@playwright/test';
import { firefoxExecutable } from './firefox.ts';

/** Debian's: Playwright's own is another, which would have to be downloaded. */
export function launchFirefox(): Promise<Browser> {
  return firefox.launch({ channel: 'moz-firefox', executablePath: firefoxExecutable()! });
}
