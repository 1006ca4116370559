// A company's console: `tabwire relay --console` as built, whose own program makes a peer of a public key.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../support/child-process.ts';
import { connect, editor, enrol, expect, region, status, test } from '../support/console-test.ts';
import { freeTcpPort } from '../support/free-port.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Asks the demo, whose peer it is, and prints what the page then lacks nothing of but its key. */
const PROGRAM = `
const headers = { 'content-type': 'application/json', 'x-tabwire': '1', 'sec-fetch-site': 'same-origin' };
const body = JSON.stringify({ publicKey: process.env.TABWIRE_PUBLIC_KEY });
const answer = await fetch(new URL('/demo/enrol', process.argv[2]), { method: 'POST', headers, body });
console.log((await answer.json()).config);
`;

/** In a folder of its own: the program, the key that signs tokens, the relay's file. */
async function startSite(demo: string, endpoint: string) {
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-site-'));
  const at = (name: string) => join(folder, name);
  const origin = `http://127.0.0.1:${await freeTcpPort()}`;
  const signer = generateKeyPairSync('ed25519');
  writeFileSync(at('key'), signer.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(at('key.pub'), signer.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(at('enrol.mjs'), PROGRAM);
  const file = {
    listen: new URL(origin).host,
    origins: [origin],
    trustedProxies: ['127.0.0.1'],
    allow: [endpoint],
    auth: { keys: [{ alg: 'EdDSA', file: 'key.pub' }] },
    console: {
      token: { userHeader: 'X-User', key: 'key', grants: [{ user: 'alice', to: [endpoint] }] },
      enrol: { command: [process.execPath, at('enrol.mjs'), demo] },
    },
  };
  writeFileSync(at('relay.json'), JSON.stringify(file));
  const args = ['dist/src/cli/main.js', 'relay', '--console', '--config', at('relay.json')];
  const relay = new Child(process.execPath, args, { cwd: ROOT });
  await relay.saw(/^relay: /m);
  const stop = async () => {
    await relay.stop();
    rmSync(folder, { recursive: true });
  };
  return { origin, relay, stop };
}

test.use({ expected: /401/ });

test('a site’s own program gives a configuration to a key that only the page has, and a lost one comes again', async ({
  console: page,
  command,
}) => {
  const endpoint = /^Endpoint = (\S+)$/m.exec((await enrol(page)).config)![1]!;
  const site = await startSite(command.url, endpoint);
  try {
    const response = await page.goto(site.origin);
    expect(response!.headers()['content-security-policy']).toBe(
      [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self'",
        `connect-src 'self' ${site.origin.replace('http', 'ws')}`,
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "manifest-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        'trusted-types default',
      ].join('; '),
    );
    const ask = page.getByRole('button', { name: 'Get a configuration' });
    await ask.click();
    await expect(status(page).getByRole('alert')).toContainText('log in and try again');
    await expect(editor(page)).toHaveValue('');

    // What a proxy that does the login adds.
    await page.setExtraHTTPHeaders({ 'x-user': 'alice' });
    await ask.click();
    await expect(editor(page)).toHaveValue(new RegExp(`Endpoint = ${endpoint}`));
    const first = await editor(page).inputValue();
    await expect(status(page), 'connecting is the next click').toContainText('Not connected');
    await connect(page).click();
    await expect(status(page)).toContainText('Connected');
    await page.getByRole('button', { name: 'Disconnect' }).click();

    await page.getByText('Keep this tunnel').click();
    await page.getByLabel('Name', { exact: true }).fill('Office');
    await page.getByRole('button', { name: 'Save in this browser' }).click();
    await expect(region(page, 'Configuration')).toContainText(
      'may delete it when it needs room: keep the .conf file, or press “Get a configuration” again',
    );
    await ask.click();
    await expect(editor(page)).not.toHaveValue(first);
    await connect(page).click();
    await expect(status(page)).toContainText('Connected');
    expect(site.relay.output).not.toContain(/PrivateKey = (\S+)/.exec(first)![1]!);
  } finally {
    await site.stop();
  }
});
