import { test as base, expect, type Page } from '@playwright/test';
import { Lab, type LabOptions } from './lab.ts';
import { obstacle, strict } from './prerequisites.ts';
import { Sshd, type SshdOptions } from './sshd.ts';

export { expect };

interface Fixtures {
  /** True; where interop cannot run, asking for it skips the test, or fails it in CI. */
  interopWorks: true;
  /** Brings up a peer, a relay and the page; opens the page. All of it goes away with the test. */
  startLab: (options?: LabOptions) => Promise<Lab>;
  /** OpenSSH's server inside. */
  startSshd: (lab: Lab, options?: SshdOptions) => Promise<Sshd>;
}

export const test = base.extend<Fixtures, { why: string | undefined }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names it needs from this pattern
  why: [async ({}, use) => use(await obstacle('interop')), { scope: 'worker' }],
  interopWorks: async ({ why }, use, testInfo) => {
    if (why && strict) throw new Error(why);
    testInfo.skip(why !== undefined, why);
    await use(true);
  },
  startLab: async ({ page, interopWorks: _ }, use, testInfo) => {
    const labs: Lab[] = [];
    await use(async (options = {}) => {
      const lab = await Lab.up(options);
      labs.push(lab);
      await page.goto(`${lab.site.origin}/`);
      if (options.site !== 'console') await expect(page).toHaveTitle('ready');
      return lab;
    });
    if (testInfo.status !== testInfo.expectedStatus)
      for (const lab of labs) {
        await testInfo.attach('wireguard-go.log', { body: lab.peer.log });
        await testInfo.attach('relay.log', { body: lab.relay.output });
      }
    for (const lab of labs) await lab.down();
  },
  startSshd: async ({ startLab: _ }, use, testInfo) => {
    const servers: Sshd[] = [];
    await use(async (lab, options) => {
      const server = await Sshd.start(lab.peer.namespace, options);
      servers.push(server);
      return server;
    });
    const isAsExpected = testInfo.status === testInfo.expectedStatus;
    for (const server of servers) {
      if (!isAsExpected) await testInfo.attach('sshd.log', { body: server.output });
      await server.stop();
    }
  },
});

/** Opens the tunnel in the page as `window.tunnel` and waits for the handshake. */
export async function openTunnel(page: Page, lab: Lab): Promise<void> {
  await page.evaluate(
    async ([config, relay]) => {
      window.tunnel = await window.tabwire.Tunnel.open(config, { relay });
      await window.tunnel.ready;
    },
    [lab.config, lab.relay.url] as const,
  );
}
