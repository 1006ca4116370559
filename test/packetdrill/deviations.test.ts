import { describe, expect, it } from 'vitest';
import { CORPUS, corpusPathOf, readCorpus, sha256 } from './corpus.ts';
import { DEVIATIONS, deviationOf } from './deviations.ts';

describe('the list of others\u2019 scripts', () => {
  it('names a commit, and each script once, with its hash', () => {
    expect(CORPUS.repository).toBe('https://github.com/google/packetdrill');
    expect(CORPUS.commit).toMatch(/^[0-9a-f]{40}$/);
    expect(CORPUS.files).toHaveLength(162);
    for (const file of CORPUS.files) {
      expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(file.path).toMatch(/^gtests\/net\/tcp\/[\w/.-]+\.pkt$/);
    }
    expect(new Set(CORPUS.files.map(({ path }) => path)).size).toBe(162);
  });

  it('knows a script by its content', () => {
    expect(corpusPathOf('not one of them')).toBeUndefined();
    const text = `# a list\nhttps://github.com/a/b 0123\n\n${sha256('x')} a/b.pkt\n`;
    expect(readCorpus(text)).toEqual({
      repository: 'https://github.com/a/b',
      commit: '0123',
      files: [{ sha256: sha256('x'), path: 'a/b.pkt' }],
    });
  });
});

describe('known deviations', () => {
  it('are of scripts that are in the list, or of the kernel\u2019s own', () => {
    const known = new Set(CORPUS.files.map(({ path }) => path));
    const others = DEVIATIONS.flatMap(({ files }) => files).filter(
      (file) => !known.has(`gtests/net/tcp/${file}.pkt`),
    );
    expect(others.every((file) => /^[a-z_]+$/.test(file))).toBe(true);
  });

  it('are found for the kernel\u2019s scripts by their names', () => {
    expect(deviationOf('packetdrill/tcp_ts_recent_invalid_ack.pkt', '')?.id).toBe('ack-of-unsent-text');
    expect(deviationOf('tcp_inq_client.pkt', '')?.id).toBe('missing-timestamp');
  });

  it('excuse no other script that has the name of one', () => {
    expect(deviationOf('gtests/net/tcp/ts_recent/invalid_ack.pkt', 'changed')).toBeUndefined();
    expect(deviationOf('/x/reinvalid_acknowledged.pkt', '')).toBeUndefined();
  });

  it('have a name and an explanation each, and no file twice', () => {
    const files = DEVIATIONS.flatMap((deviation) => deviation.files);
    expect(new Set(files).size).toBe(files.length);
    for (const { id, reason } of DEVIATIONS) expect(`${id} ${reason}`).toMatch(/^[a-z-]+ .{30}/);
  });
});
