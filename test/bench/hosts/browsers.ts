// Chromium and Firefox as a user's are started: no WebDriver, no DevTools.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, run } from '../../support/child-process.ts';
import { chromiumExecutable, chromiumOptions } from '../../support/chromium.ts';
import { firefoxExecutable } from '../../support/firefox.ts';

export type BrowserKind = 'chromium' | 'firefox';

/** Nothing of what a new profile does by itself; and the clock as fine as an isolated page may have it. */
const FIREFOX_PREFERENCES = {
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.max_script_run_time': 0,
  'dom.max_chrome_script_run_time': 0,
  'extensions.systemAddon.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'privacy.reduceTimerPrecision': false,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
};

/** Undefined where it is not installed. */
export function executableOf(kind: BrowserKind): string | undefined {
  return kind === 'chromium' ? chromiumExecutable() : firefoxExecutable();
}

/** `Chromium 156.0.8078.79`, without what the distribution adds. */
export async function versionOf(kind: BrowserKind): Promise<string> {
  const text = await run(executableOf(kind)!, ['--version']);
  const version = /\d+(\.\d+)+/.exec(text)?.[0] ?? 'of unknown version';
  return `${kind === 'chromium' ? 'Chromium' : 'Firefox'} ${version}`;
}

/** A browser with one page and a profile of its own. */
export class Browser {
  readonly #child: Child;
  readonly #profile: string;

  private constructor(child: Child, profile: string) {
    this.#child = child;
    this.#profile = profile;
  }

  static open(kind: BrowserKind, url: string): Browser {
    const profile = mkdtempSync(join(tmpdir(), `tabwire-bench-${kind}-`));
    return new Browser(new Child(executableOf(kind)!, argumentsOf(kind, profile, url)), profile);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get exited(): Promise<number | null> {
    return this.#child.exited;
  }

  get output(): string {
    return this.#child.output;
  }

  async close(): Promise<void> {
    await this.#child.stop();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function argumentsOf(kind: BrowserKind, profile: string, url: string): string[] {
  if (kind === 'chromium')
    return [...chromiumOptions.args!, '--headless=new', `--user-data-dir=${profile}`, url];
  const lines = Object.entries(FIREFOX_PREFERENCES).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  );
  writeFileSync(join(profile, 'user.js'), lines.join('\n'));
  return ['--headless', '--no-remote', '--profile', profile, url];
}
