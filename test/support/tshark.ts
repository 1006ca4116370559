import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** Wireshark verifies none of them unless it is told to. */
const CHECKS = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
/** Malformed, or an error: a checksum that is wrong is one. */
const FAULTY = '_ws.malformed || _ws.expert.severity >= 0x00800000';

function tshark(...args: string[]): string[] {
  const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout.split('\n').filter((line) => line !== '');
}

/** A line for each packet of a capture: the fields, with tabs between them. */
export function tsharkFields(folder: string, bytes: Uint8Array, fields: readonly string[]): string[] {
  const file = join(folder, 'capture.pcapng');
  writeFileSync(file, bytes);
  // A packet without any of them has an empty line.
  const lines = tshark(
    '-r',
    file,
    '-T',
    'fields',
    '-e',
    'frame.number',
    ...fields.flatMap((field) => ['-e', field]),
  );
  return lines.map((line) => line.slice(line.indexOf('\t') + 1));
}

/** What tshark says of packets with which something is wrong. */
export function tsharkFaults(folder: string, bytes: Uint8Array): string[] {
  const file = join(folder, 'capture.pcapng');
  writeFileSync(file, bytes);
  return tshark('-r', file, ...CHECKS, '-Y', FAULTY);
}
