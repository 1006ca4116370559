// The printer against the real tools: what it prints, wg setconf takes, and wg showconf prints back.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatConfig, parseConfig, type TunnelConfig } from '../../../src/core/wireguard/config.ts';
import { Child, run, until } from '../../support/child-process.ts';
import { freeUdpPort } from '../../support/free-port.ts';
import { uniqueName } from '../../support/namespace.ts';
import { obstacle, strict } from '../../support/prerequisites.ts';
import { configText } from '../../support/random-config.ts';

const why = await obstacle('interop');
if (why) console.log(`${strict ? 'Will fail' : 'Skipped'}: configurations under the real wg, because ${why}`);

/** Keys that only wg-quick(8) knows; it strips them before it calls wg. */
const QUICK = /^(Address|DNS|MTU|Table|SaveConfig|Pre(Up|Down)|Post(Up|Down)) = .*\n/gm;

/** What wg can hold of a configuration. It sorts prefixes as it likes, and shows nothing where a keepalive is off. */
function heldByWg({ interface: { privateKey, listenPort, fwMark }, peers }: TunnelConfig): unknown {
  return {
    own: { privateKey, listenPort, fwMark },
    peers: peers
      .map((peer) => ({
        ...peer,
        allowedIPs: [...peer.allowedIPs].sort(),
        persistentKeepalive: peer.persistentKeepalive || undefined,
      }))
      .sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1)),
  };
}

describe.skipIf(why && !strict)('a printed configuration under the real wg', () => {
  const name = uniqueName();
  let wireguard: Child;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tabwire-wg-'));
    wireguard = new Child('wireguard-go', ['--foreground', name], { env: { LOG_LEVEL: 'silent' } });
    await until(
      'an interface',
      async () => (await run('wg', ['show', name]).catch(() => undefined)) !== undefined,
    );
  });

  afterAll(async () => {
    await wireguard.stop();
    rmSync(folder, { recursive: true });
  });

  async function through(config: TunnelConfig): Promise<TunnelConfig> {
    // It is bound at once; without one, wg shows a random one.
    config.interface.listenPort = await freeUdpPort();
    const file = join(folder, 'wg.conf');
    writeFileSync(file, formatConfig(config).replace(QUICK, ''), { mode: 0o600 });
    await run('wg', ['setconf', name, file]);
    return parseConfig(await run('wg', ['showconf', name]));
  }

  it('is taken, and shown again as the same', async () => {
    await fc.assert(
      fc.asyncProperty(configText, async (text) => {
        const config = parseConfig(text);
        for (const peer of config.peers)
          if (peer.endpoint && /^[a-z]/.test(peer.endpoint)) peer.endpoint = '192.0.2.1:51820';
        expect(heldByWg(await through(config))).toEqual(heldByWg(config));
      }),
      { numRuns: 60 },
    );
  });

  it('and what wg shows, we print in its very words', async () => {
    await fc.assert(
      fc.asyncProperty(configText, async (text) => {
        const config = parseConfig(text);
        for (const peer of config.peers) {
          peer.endpoint = '[2001:db8::1]:51820';
          // The C library prints ::1:0 as ::0.1.0.0, which RFC 5952 §5 does not ask for.
          peer.allowedIPs = peer.allowedIPs.filter((prefix) => prefix === '::/0' || !prefix.startsWith('::'));
        }
        await through(config);
        const shown = await run('wg', ['showconf', name]);
        expect(formatConfig(parseConfig(shown)).trim()).toBe(shown.trim());
      }),
      { numRuns: 30 },
    );
  });
});
