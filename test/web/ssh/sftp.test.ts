import type { SFTPWrapper } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { KeyEcho } from '../../../web/ssh/key-echo.ts';
import { Sftp } from '../../../web/ssh/sftp.ts';
import { FileError, fileErrorOf } from '../../../web/ssh/sftp-error.ts';
import { download } from '../../../web/ssh/sftp-transfer.ts';

type Answer = (error: unknown, value?: unknown) => void;

/** ssh2's end with a server that answers as it likes. */
function hostile(answers: Partial<Record<'readdir' | 'read' | 'stat', (done: Answer) => void>>): Sftp {
  const told =
    (answer?: (done: Answer) => void) =>
    (...given: unknown[]) =>
      answer?.(given.at(-1) as Answer);
  const handle = (done: Answer) => done(undefined, Buffer.from('handle'));
  const server = {
    ...{ on: () => {}, once: () => {}, opendir: told(handle), open: told(handle) },
    ...{ close: told((done) => done(undefined)), stat: told(answers.stat) },
    ...{ readdir: told(answers.readdir), read: told(answers.read) },
  };
  return new Sftp(server as unknown as SFTPWrapper);
}

const end = Object.assign(new Error('End of file'), { code: 1 });
const entry = (filename: string, mode = 0o100644) => ({ filename, attrs: { mode, size: 1, mtime: 0 } });

describe('a folder as a server tells it', () => {
  it('has no paths and nothing twice; how many are left out is told', async () => {
    const answers = [
      [entry('a'), entry('../../b'), entry('')],
      [entry('a'), entry('/c'), entry('x\0')],
    ];
    const sftp = hostile({ readdir: (done) => (answers[0] ? done(undefined, answers.shift()) : done(end)) });
    expect(await sftp.list('/')).toMatchObject({ files: [{ name: 'a' }], hidden: 5 });
  });

  it('has an end, whether or not the server comes to it', async () => {
    let n = 0;
    const endless = (length: number) => (done: Answer) =>
      done(
        undefined,
        Array.from({ length }, () => entry(`f${n++}`)),
      );
    expect((await hostile({ readdir: endless(1000) }).list('/')).files).toHaveLength(20_000);
    expect((await hostile({ readdir: endless(0) }).list('/')).files).toHaveLength(0);
  });

  it('has links, of which not too many are followed', async () => {
    const answers = [Array.from({ length: 2000 }, (_, i) => entry(`l${i}`, 0o120777))];
    let asked = 0;
    const sftp = hostile({
      readdir: (done) => (answers[0] ? done(undefined, answers.shift()) : done(end)),
      stat: (done) => done(++asked % 2 ? undefined : new Error('gone'), { mode: 0o040755 }),
    });
    const { files } = await sftp.list('/');
    expect(asked).toBe(500);
    expect(files.filter(({ kind }) => kind === 'folder')).toHaveLength(250);
    expect(files.slice(0, 250).every(({ kind }) => kind === 'folder')).toBe(true);
  });
});

describe('a download', () => {
  it('holds few pieces when the server answers first what comes last', async () => {
    const waiting: Answer[] = [];
    let asked = 0;
    let given = 0;
    const sftp = hostile({
      read: (done) => {
        asked++;
        waiting.push(done);
      },
    });
    const { signal } = new AbortController();
    const options = { onPiece: () => given++, onBytes: () => {}, keys: new KeyEcho(), signal };
    void download(sftp, '/a', options);
    let most = 0;
    const answer = async (dones: Answer[]) => {
      for (const done of dones) done(undefined, 32_768);
      await new Promise(setImmediate);
      most = Math.max(most, asked - given);
    };
    await new Promise(setImmediate);
    for (let round = 0; round < 20; round++) await answer(waiting.splice(0));
    for (let held = 32; held > 0; held--) {
      await answer(waiting.splice(32));
      await answer(waiting.splice(0, 1));
    }
    expect(most).toBeLessThanOrEqual(128);
  });

  it('asks for nothing more while a key waits for its echo', async () => {
    const keys = new KeyEcho();
    let asked = 0;
    const sftp = hostile({
      read: (done) => {
        asked++;
        setImmediate(done, undefined, 32_768);
      },
    });
    const options = { onPiece: () => {}, onBytes: () => {}, keys };
    const abort = new AbortController();
    const whole = download(sftp, '/a', { ...options, signal: abort.signal });
    const ticks = async (count: number) => {
      for (let tick = 0; tick < count; tick++) await new Promise(setImmediate);
    };
    await ticks(20);
    keys.typed();
    const before = asked;
    expect(before).toBeGreaterThan(0);
    await ticks(20);
    expect(asked).toBe(before);
    keys.came();
    keys.drawn();
    await ticks(20);
    expect(asked).toBeGreaterThan(before);
    abort.abort();
    await expect(whole).rejects.toThrow();
  });
});

describe('why something did not work with a file', () => {
  const told = (code: number | undefined, message: string, path = '/a') =>
    fileErrorOf(Object.assign(new Error(message), code === undefined ? {} : { code }), path).message;

  it('is one sentence, and a name in it is shown as such', () => {
    expect(told(3, 'x')).toBe('/a: the server does not permit it.');
    expect(told(4, 'Failure')).toBe('/a: the server could not do it.');
    expect(told(4, 'No space\x1b[2J left')).toBe('/a: No space [2J left.');
    expect(told(2, 'x', '/a\n\u202eb')).toBe('/a␊⟨202E⟩b: there is no such file.');
    expect(told(2, 'x', '/a\ufffd')).toContain('its name is not UTF-8');
    expect(told(undefined, 'No response from server')).toContain('The connection was lost');
    expect(new FileError('/a', 'b').code).toBeUndefined();
  });
});
