// The outer datagrams and a key log, as Wireshark reads them; and that no key goes anywhere without being asked for.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import {
  derivePublicKey,
  generatePresharedKey,
  generatePrivateKey,
  importPrivateKey,
  type OuterCaptureOptions,
  Tunnel,
} from '../../src/node/index.ts';
import { isFound } from '../support/found.ts';
import { freeUdpPort } from '../support/free-port.ts';

const hasTshark = isFound('tshark');

const folder = mkdtempSync(join(tmpdir(), 'tabwire-outer-'));
afterAll(() => rmSync(folder, { recursive: true }));

const keys = { ours: generatePrivateKey(), theirs: generatePrivateKey(), shared: generatePresharedKey() };

interface Captured {
  ours?: OuterCaptureOptions;
  theirs?: OuterCaptureOptions;
}

/** We ping them, and both are closed. `theirs` answers the handshake. */
async function pingOnce({ ours, theirs }: Captured, host = '127.0.0.1'): Promise<void> {
  const port = await freeUdpPort();
  const them = await Tunnel.open(
    `[Interface]
PrivateKey = ${keys.theirs}
Address = 10.8.0.2/24
ListenPort = ${port}
[Peer]
PublicKey = ${derivePublicKey(keys.ours)}
PresharedKey = ${keys.shared}
AllowedIPs = 10.8.0.1/32`,
    theirs ? { outerCapture: theirs } : {},
  );
  const us = await Tunnel.open(
    `[Interface]
PrivateKey = ${keys.ours}
Address = 10.8.0.1/24
[Peer]
PublicKey = ${derivePublicKey(keys.theirs)}
PresharedKey = ${keys.shared}
AllowedIPs = 10.8.0.0/24
Endpoint = ${host}:${port}`,
    ours ? { outerCapture: ours } : {},
  );
  try {
    await us.ready;
    for await (const reply of us.ping('10.8.0.2', { count: 2, interval: 10, size: 99 }))
      expect(reply.ok).toBe(true);
  } finally {
    await Promise.all([us.close({ timeout: 0 }), them.close({ timeout: 0 })]);
  }
}

function tshark(file: string, keyLog: string | undefined, ...args: string[]): string[] {
  const option = keyLog === undefined ? [] : ['-o', `wg.keylog_file:${keyLog}`];
  const { status, stdout, stderr } = spawnSync('tshark', ['-r', file, ...option, ...args], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return stdout.split('\n').filter((line) => line !== '');
}

const path = (name: string) => join(folder, name);

describe('an outer capture', () => {
  it.for(['ours', 'theirs'] as const)(
    'with the key log of %s Wireshark looks inside',
    async (side, { skip }) => {
      for (const host of ['127.0.0.1', '[::1]']) {
        const [file, keyLog] = [path(`${side}.pcapng`), path(`${side}.keys`)];
        // What was there is emptied, and closed to others.
        for (const each of [file, keyLog]) {
          writeFileSync(each, 'before');
          chmodSync(each, 0o644);
        }
        await pingOnce({ [side]: { file, keyLog } }, host);
        for (const each of [file, keyLog]) expect(statSync(each).mode & 0o777).toBe(0o600);
        const lines = readFileSync(keyLog, 'utf8').trim().split('\n');
        const names = lines.map((line) => /^([A-Z_]+) = [A-Za-z0-9+/]{43}=$/.exec(line)?.[1]);
        expect(names).toEqual([
          'LOCAL_STATIC_PRIVATE_KEY',
          'REMOTE_STATIC_PUBLIC_KEY',
          'LOCAL_EPHEMERAL_PRIVATE_KEY',
          'PRESHARED_KEY',
        ]);
        if (!hasTshark) continue;
        const wrong =
          '_ws.malformed || _ws.expert.severity >= 0x00800000 || ip.checksum.status == 0 || udp.checksum.status == 0';
        const checks = ['-o', 'ip.check_checksum:TRUE', '-o', 'udp.check_checksum:TRUE'];
        expect(tshark(file, keyLog, ...checks, '-Y', wrong)).toEqual([]);
        const types = tshark(file, keyLog, '-T', 'fields', '-e', 'wg.type');
        expect(types.slice(0, 2)).toEqual(['1', '2']);
        expect(types.slice(2).every((type) => type === '4')).toBe(true);
        const pings = tshark(file, keyLog, '-Y', 'icmp', '-T', 'fields', '-e', 'icmp.type', '-e', 'data.len');
        expect(pings.sort()).toEqual(['0\t99', '0\t99', '8\t99', '8\t99']);
        expect(tshark(file, undefined, '-Y', 'icmp')).toEqual([]);
      }
      skip(!hasTshark, 'tshark is not found');
    },
  );

  it('without a key log there is no key, in it or anywhere', async () => {
    const file = path('no-keys.pcapng');
    const before = readdirSync(folder);
    const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write'));
    await pingOnce({ ours: { file } });
    const said = spies.flatMap((spy) => spy.mock.calls.map(([text]) => String(text))).join('');
    for (const spy of spies) spy.mockRestore();
    expect(readdirSync(folder).filter((name) => !before.includes(name))).toEqual(['no-keys.pcapng']);
    const captured = readFileSync(file);
    expect(captured.length).toBeGreaterThan(500);
    for (const key of Object.values(keys)) {
      expect(captured.includes(Buffer.from(key, 'base64')) || captured.includes(key)).toBe(false);
      expect(said).not.toContain(key);
    }
  });

  it('a key that cannot be written down is refused, and so is a file that cannot be written', async () => {
    const config = `[Interface]
PrivateKey = ${keys.ours}
Address = 10.8.0.1/24
[Peer]
PublicKey = ${derivePublicKey(keys.theirs)}
AllowedIPs = 10.8.0.0/24`;
    const outerCapture = { file: path('refused.pcapng'), keyLog: path('refused.keys') };
    const privateKey = await importPrivateKey(keys.ours);
    await expect(Tunnel.open(config, { privateKey, outerCapture })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
    expect(readFileSync(outerCapture.keyLog, 'utf8')).toBe('');
    const nowhere = { file: '/nowhere/outer.pcapng' };
    await expect(Tunnel.open(config, { outerCapture: nowhere })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
    });
  });
});
