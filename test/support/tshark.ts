import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** Wireshark verifies none of them unless it is told to. */
const CHECKS = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
/** Malformed, or an error: a checksum that is wrong is one. */
const FAULTY = '_ws.malformed || _ws.expert.severity >= 0x00800000';

function tshark(folder: string, bytes: Uint8Array, ...args: string[]): string[] {
  const file = join(folder, 'read-by-tshark.pcapng');
  writeFileSync(file, bytes);
  const { status, stdout, stderr } = spawnSync('tshark', ['-r', file, ...args], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout.split('\n').filter((line) => line !== '');
}

/** A line for each packet of a capture: the fields, with tabs between them. */
export function tsharkFields(
  folder: string,
  bytes: Uint8Array,
  fields: readonly string[],
  options: readonly string[] = [],
): string[] {
  // A packet that has none of them is a line too: its number.
  const wanted = ['frame.number', ...fields].flatMap((field) => ['-e', field]);
  const lines = tshark(folder, bytes, ...options, '-T', 'fields', ...wanted);
  return lines.map((line) => line.slice(line.indexOf('\t') + 1));
}

/** What tshark says of packets with which something is wrong. */
export function tsharkFaults(folder: string, bytes: Uint8Array, options: readonly string[] = []): string[] {
  return tshark(folder, bytes, ...options, ...CHECKS, '-Y', FAULTY);
}
