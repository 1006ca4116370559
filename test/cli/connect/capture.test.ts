// `tabwire connect` with everything recorded, inside and outside, as tshark reads it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey, Tunnel } from '../../../src/node/index.ts';
import { isFound } from '../../support/found.ts';
import { freeUdpPort } from '../../support/free-port.ts';
import { tsharkFaults, tsharkFields } from '../../support/tshark.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');
const hasTshark = isFound('tshark');

const folder = mkdtempSync(join(tmpdir(), 'tabwire-connect-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

/** A peer that echoes at port 7, and the configuration with which one gets there, in a file. */
async function echoingPeer(config: string): Promise<Tunnel> {
  const [ours, theirs] = [generatePrivateKey(), generatePrivateKey()];
  const port = await freeUdpPort();
  writeFileSync(
    config,
    `[Interface]
PrivateKey = ${ours}
Address = 10.8.0.1/24
[Peer]
PublicKey = ${derivePublicKey(theirs)}
AllowedIPs = 10.8.0.0/24
Endpoint = 127.0.0.1:${port}`,
  );
  const peer = await Tunnel.open(`[Interface]
PrivateKey = ${theirs}
Address = 10.8.0.2/24
ListenPort = ${port}
[Peer]
PublicKey = ${derivePublicKey(ours)}
AllowedIPs = 10.8.0.1/32`);
  const { readable } = await new peer.TCPServerSocket('::', { localPort: 7 }).opened;
  void (async () => {
    const { value } = await readable.getReader().read();
    const echo = await value!.opened;
    await echo.readable.pipeTo(echo.writable);
  })();
  return peer;
}

/** `tabwire connect`, with `input` and then the end for the place of -W; what comes back from there. */
async function connect(args: readonly string[], input: string): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'connect', ...args]);
  let [out, said] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (said += String(chunk)));
  child.stdin.end(input);
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, said]).toEqual([0, '']);
  return out;
}

it('records a connection from its first packet to its last, the same inside and, with the keys, outside', async ({
  skip,
}) => {
  const peer = await echoingPeer(path('ours.conf'));
  const [inside, outside, keys] = [path('inside.pcapng'), path('outside.pcapng'), path('keys')];
  // What was there is emptied, and closed to others.
  writeFileSync(inside, 'before', { mode: 0o644 });
  const recorded = ['--capture', inside, '--capture-filter', 'tcp port 7'];
  const recordedOutside = ['--outer-capture', outside, '--key-log', keys];
  const input = 'hello '.repeat(3000);
  const answer = await connect(
    [path('ours.conf'), '-W', '10.8.0.2:7', ...recorded, ...recordedOutside],
    input,
  );
  await peer.close({ timeout: 0 });
  expect(answer).toBe(input);
  expect(statSync(inside).mode & 0o777).toBe(0o600);
  skip(!hasTshark, 'tshark is not found');
  const [inner, outer] = [readFileSync(inside), readFileSync(outside)];
  const open = ['-o', `wg.keylog_file:${keys}`];
  expect(tsharkFaults(folder, inner)).toEqual([]);
  expect(tsharkFaults(folder, outer, open)).toEqual([]);
  // SYN, SYN-ACK, ACK, data, FIN.
  expect(tsharkFields(folder, inner, ['tcp.completeness']).at(-1)).toBe('31');
  const segment = ['tcp.srcport', 'tcp.seq_raw', 'tcp.flags', 'tcp.len'];
  const [one, other] = [
    tsharkFields(folder, inner, segment),
    tsharkFields(folder, outer, segment, [...open, '-Y', 'tcp']),
  ];
  expect(other.sort()).toEqual(one.sort());
  expect(tsharkFields(folder, outer, segment, ['-Y', 'tcp'])).toEqual([]);
});
