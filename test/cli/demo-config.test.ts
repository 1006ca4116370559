// `tabwire demo --write FILE`: what a program of one's own is given.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeDemoConfig } from '../../src/cli/demo-config.ts';
import { DemoPeer } from '../../src/node/demo-peer.ts';
import { Tunnel } from '../../src/node/index.ts';
import { run } from '../support/child-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tabwire-demo-'));
let peer: DemoPeer;

beforeAll(async () => {
  peer = await DemoPeer.start();
});
afterAll(async () => {
  await peer.close();
  rmSync(folder, { recursive: true });
});

it('opens a tunnel to the demo, and nobody else may read it', async () => {
  const file = join(folder, 'demo.conf');
  // Twice: the next demo has other keys.
  for (let time = 0; time < 2; time++) writeDemoConfig(peer, file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const tunnel = await Tunnel.open(readFileSync(file, 'utf8'));
  try {
    const response = await tunnel.fetch('http://10.86.0.1/');
    expect(await response.text()).toContain('<h1>You are inside</h1>');
  } finally {
    await tunnel.close({ timeout: 0 });
  }
});

it('a demo that has ended keeps no process', async () => {
  const file = JSON.stringify(join(import.meta.dirname, '../../src/node/demo-peer.ts'));
  const program = `const { DemoPeer } = await import(${file}); await (await DemoPeer.start()).close(); console.log('closed')`;
  expect(await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program])).toBe(
    'closed\n',
  );
});

it('stands in nobody’s way: what is not of a demo stays', () => {
  const file = join(folder, 'mine.conf');
  writeFileSync(file, '[Interface]\n');
  expect(() => writeDemoConfig(peer, file)).toThrow(/^--write: .*mine\.conf is there already/);
  expect(readFileSync(file, 'utf8')).toBe('[Interface]\n');
  expect(() => writeDemoConfig(peer, folder)).toThrow(/it is a folder \(EISDIR\)$/);
  expect(() => writeDemoConfig(peer, join(folder, 'no/demo.conf'))).toThrow(/\(ENOENT\)$/);
});
