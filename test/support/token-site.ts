// A site whose relay wants a token, and whose login has one for everybody: an ear at the relay's door hears what is shown there.
import { generateKeyPairSync } from 'node:crypto';
import type { Page } from '@playwright/test';
import { issueToken } from '../../src/relay-host/index.ts';
import { connect, editor, enrol, expect, status } from './console-test.ts';
import { RelayProcess } from './relay-process.ts';
import { RelayTap } from './relay-tap.ts';
import type { Secret } from './secret-scan.ts';

/** A token that counts; one of somebody else's, as the relay sees it; none, as one has to log in first. */
type Giving = 'good' | 'foreign' | 'none';

export class TokenSite {
  readonly config: string;
  readonly keys: { publicKey: string; privateKey: string };
  /** With whom the page's tunnel is. */
  readonly peer: string;
  readonly tap: RelayTap;
  /** What its login gives from now on. */
  gives: Giving;
  readonly #relay: RelayProcess;

  private constructor(
    enrolled: Awaited<ReturnType<typeof enrol>>,
    relay: RelayProcess,
    tap: RelayTap,
    gives: Giving,
  ) {
    this.config = enrolled.config;
    this.keys = enrolled.keys;
    this.peer = /^PublicKey = (\S+)$/m.exec(enrolled.config)![1]!;
    this.#relay = relay;
    this.tap = tap;
    this.gives = gives;
  }

  /** Around a page of the demo command, which is loaded anew with these settings. */
  static async open(page: Page, gives: Giving = 'good'): Promise<TokenSite> {
    const enrolled = await enrol(page);
    const endpoint = /^Endpoint = (\S+)$/m.exec(enrolled.config)![1]!;
    const [ours, another] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
    const key = ours.publicKey.export({ type: 'spki', format: 'pem' }) as string;
    const { origin } = new URL(page.url());
    const relay = await RelayProcess.start({
      allow: [endpoint],
      origins: [origin],
      auth: { keys: [{ alg: 'EdDSA', key }] },
    });
    const tap = await RelayTap.start(relay.url);
    const site = new TokenSite(enrolled, relay, tap, gives);
    const settings = { relay: [tap.url], token: '/tabwire/token', login: '/login' };
    await page.route('**/tabwire.json', (route) => route.fulfill({ json: settings }));
    await page.route('**/tabwire/token', async (route) => {
      if (site.gives === 'none') return route.fulfill({ status: 401 });
      const request = { subject: 'alice', destinations: [endpoint], origin };
      const { privateKey } = site.gives === 'good' ? ours : another;
      await route.fulfill({ json: { token: await issueToken(privateKey, request, Date.now()) } });
    });
    await page.reload();
    return site;
  }

  /** Until the engine has a ticket, too. */
  async connect(page: Page): Promise<void> {
    await editor(page).fill(this.config);
    await connect(page).click();
    await expect(status(page)).toContainText('Connected');
    await expect.poll(() => this.tap.tickets.length, 'the engine has a ticket').toBeGreaterThan(0);
  }

  /** What only the engine may have: with what a session is continued. */
  get returns(): Secret[] {
    return [
      ...this.tap.tickets.map((bytes) => ({ name: 'a ticket', bytes })),
      ...this.tap.secrets.map((bytes) => ({ name: 'the secret of a ticket', bytes })),
    ];
  }

  /** As they were shown; what they say, and what makes them count, on their own too. */
  get tokens(): Secret[] {
    return this.tap.tokens.flatMap((token) => {
      const [, claims, signature] = token.split('.') as [string, string, string];
      return [
        { name: 'a token', bytes: Buffer.from(token) },
        { name: 'claims of a token', bytes: Buffer.from(claims) },
        { name: 'signature of a token', bytes: Buffer.from(signature) },
      ];
    });
  }

  async stop(): Promise<void> {
    await this.tap.stop();
    await this.#relay.stop();
  }
}
