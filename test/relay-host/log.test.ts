import { describe, expect, it } from 'vitest';
import { jsonLines, type LogEntry, SampledLog } from '../../src/relay-host/log.ts';

describe('the log', () => {
  it('escapes and cuts what clients write', () => {
    const lines: string[] = [];
    const log = new SampledLog(jsonLines({ write: (line) => lines.push(line) }), () => 0);
    log.refused('reject', 'origin', { origin: `https://a\r\n\x1b[31m${'x'.repeat(5000)}` });
    expect(lines).toHaveLength(1);
    expect(lines[0]!.length).toBeLessThan(400);
    for (const control of ['\r', '\n', '\x1b']) expect(lines[0]!.trimEnd()).not.toContain(control);
    expect(JSON.parse(lines[0]!)).toMatchObject({ event: 'reject', reason: 'origin', level: 'warn' });
  });

  it('names networks instead of addresses where it is told to', () => {
    const entries: LogEntry[] = [];
    const log = new SampledLog(
      (entry) => entries.push(entry),
      () => 0,
      true,
    );
    for (const client of ['192.0.2.77', '::ffff:192.0.2.77', '2001:db8:1:2::3', 'fe80::1%eth0', 'junk'])
      log.info('accept', { client, origin: '192.0.2.77' });
    const shown = ['192.0.2.0/24', '192.0.2.0/24', '2001:db8:1::/48', 'fe80::/48', ''];
    expect(entries.map(({ client }) => client)).toEqual(shown);
    expect(entries[0]!.origin).toBe('192.0.2.77');
  });

  it('samples refusals and says how many it left out', () => {
    const entries: LogEntry[] = [];
    let now = 0;
    const log = new SampledLog(
      (entry) => entries.push(entry),
      () => now,
    );
    for (let i = 0; i < 1000; i++) log.refused('reject', 'origin', {});
    log.refused('reject', 'rate', {});
    expect(entries).toHaveLength(11);
    now = 1000;
    log.refused('reject', 'origin', {});
    expect(entries).toHaveLength(12);
    expect(entries.reduce((sum, entry) => sum + Number(entry.suppressed ?? 0), 0)).toBe(990);
  });
});
