import { stripVTControlCharacters } from 'node:util';
import type { ClientChannel } from 'ssh2';
import { beforeAll, describe, expect, it } from 'vitest';
import { DemoSsh } from '../../src/node/demo-ssh.ts';
import type { HostKeyOffer, SshConnection } from '../../web/ssh/connection.ts';
import { KeyEcho } from '../../web/ssh/key-echo.ts';
import { Sftp } from '../../web/ssh/sftp.ts';
import { download, upload } from '../../web/ssh/sftp-transfer.ts';
import { forgetfulHosts, visit } from '../support/ssh-visit.ts';

const SIZE = { columns: 80, rows: 24 };

/** Reads what a shell writes until it says `text`. */
function saw(channel: ClientChannel, text: string): Promise<string> {
  let seen = '';
  return new Promise((resolve, reject) => {
    const read = (bytes: Buffer) => {
      seen += stripVTControlCharacters(bytes.toString());
      if (!seen.includes(text)) return;
      channel.off('data', read);
      resolve(seen);
    };
    channel.on('data', read);
    channel.once('close', () => reject(new Error(`closed after ${JSON.stringify(seen)}`)));
  });
}

/** Puts a file there, over whatever there was. */
function put(sftp: Sftp, path: string, bytes: Uint8Array<ArrayBuffer>, mayReplace = true): Promise<void> {
  return upload(sftp, path, new Blob([bytes]), { ...quiet, mayReplace, onOpen: () => {} });
}

async function get(sftp: Sftp, path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  await download(sftp, path, { ...quiet, onPiece: (piece) => pieces.push(Uint8Array.from(piece)) });
  return Buffer.concat(pieces);
}

const { signal } = new AbortController();
const quiet = { onPiece: () => {}, onBytes: () => {}, keys: new KeyEcho(), signal };
const HELLO = Uint8Array.from(Buffer.from('hello'));

let server: DemoSsh;
beforeAll(() => {
  server = new DemoSsh();
});

describe("the demo's SSH server", () => {
  it('lets a guest into its toy shell, and shows the key that it told', async () => {
    const offers: HostKeyOffer[] = [];
    const hosts = forgetfulHosts();
    const connection = await visit(server, {
      knownHosts: hosts,
      trust: (offer) => Promise.resolve(offers.push(offer) > 0),
    });
    expect(offers).toHaveLength(1);
    expect(hosts.hosts.value[0]!.key).toBe(server.hostKey);
    const shell = await connection.shell(SIZE);
    await saw(shell, 'guest@demo:~$ ');
    shell.write('cat /etc/hostname\r');
    expect(await saw(shell, '\ndemo')).toContain('cat /etc/hostname');
    shell.write('exit\r');
    await saw(shell, 'logout');
    connection.end();
    expect(await connection.closed).toBeUndefined();
  });

  it('lets nobody else in', async () => {
    await expect(visit(server, { username: 'root' })).rejects.toThrow('demo:22 did not let us in');
  });

  it('is not talked to when its key is not trusted, or is another than before', async () => {
    await expect(visit(server, { trust: () => Promise.resolve(false) })).rejects.toMatchObject({
      kind: 'cancelled',
    });
    const knownHosts = forgetfulHosts();
    (await visit(new DemoSsh(), { knownHosts })).end();
    const before = knownHosts.hosts.value[0]!;
    const offers: HostKeyOffer[] = [];
    const refusal = visit(server, {
      knownHosts,
      trust: (offer) => {
        offers.push(offer);
        return Promise.resolve(false);
      },
    });
    await expect(refusal).rejects.toThrow('is not the trusted one, so nothing was sent');
    expect(offers[0]!.before).toEqual(before);
    expect(offers[0]!.fingerprint).not.toBe(before.fingerprint);
    expect(knownHosts.hosts.value).toEqual([before]);
  });

  it('gives up when the person does, before and after the connection stands', async () => {
    const abort = new AbortController();
    const opening = visit(server, {
      signal: abort.signal,
      trust: () => {
        abort.abort();
        return Promise.resolve(true);
      },
    });
    await expect(opening).rejects.toMatchObject({ kind: 'cancelled' });
    await expect(visit(server, { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('gives one connection ten sessions', async () => {
    const connection = await visit(server);
    const shells = await Promise.all(Array.from({ length: 10 }, () => connection.shell(SIZE)));
    await expect(connection.shell(SIZE)).rejects.toThrow('The server refused');
    shells[0]!.end('exit\r');
    await new Promise((resolve) => shells[0]!.resume().once('close', resolve));
    await connection.shell(SIZE);
    connection.end();
  });

  it('shows each visitor their own files, and the next holder of an address none of the last', async () => {
    const files = async (remoteAddress: string) => {
      const connection = await visit(server, { remoteAddress });
      const sftp = new Sftp(await connection.sftp());
      return { connection, sftp };
    };
    const first = await files('10.86.0.7');
    await first.sftp.makeFolder('mine');
    const names = async ({ sftp }: { sftp: Sftp }) => (await sftp.list('.')).files.map(({ name }) => name);
    expect(await names(first)).toContain('mine');
    expect(await names(await files('10.86.0.8'))).not.toContain('mine');
    expect(await names(await files('10.86.0.7'))).toContain('mine');
    server.forget('10.86.0.7');
    expect(await names(await files('10.86.0.7'))).not.toContain('mine');
  });
});

describe('files through SFTP', () => {
  let connection: SshConnection;
  let sftp: Sftp;
  beforeAll(async () => {
    connection = await visit(server, { remoteAddress: '10.86.0.9' });
    sftp = new Sftp(await connection.sftp());
  });

  it('go up and come back whole, in pieces of every kind', async () => {
    const bytes = new Uint8Array(1_000_003).map((_, i) => (i * 31 + (i >> 8)) & 255);
    await put(sftp, '/tmp/up', bytes);
    expect((await get(sftp, '/tmp/up')).equals(bytes)).toBe(true);
    await put(sftp, '/tmp/up', new Uint8Array());
    expect(await get(sftp, '/tmp/up')).toHaveLength(0);
  });

  it('are listed, renamed, changed and removed; what fails is one sentence', async () => {
    expect(await sftp.realPath('.')).toBe('/home/guest');
    await sftp.makeFolder('/tmp/a');
    await put(sftp, '/tmp/a/x', HELLO);
    await sftp.rename('/tmp/a/x', '/tmp/a/y');
    await sftp.chmod('/tmp/a/y', 0o600);
    expect(await sftp.list('/tmp/a')).toMatchObject({
      files: [{ name: 'y', kind: 'file', size: 5, mode: 0o600 }],
      hidden: 0,
    });
    await expect(sftp.remove('/tmp/a', 'folder')).rejects.toThrow('/tmp/a: Directory not empty.');
    await sftp.remove('/tmp/a/y', 'file');
    await sftp.remove('/tmp/a', 'folder');
    await expect(sftp.list('/tmp/a')).rejects.toThrow('/tmp/a: there is no such file.');
    await expect(sftp.list('/etc/motd')).rejects.toThrow('/etc/motd: Not a directory.');
  });

  it('are not written over others unasked', async () => {
    await put(sftp, '/tmp/mine', HELLO);
    await put(sftp, '/tmp/other', HELLO);
    const sentence = '/tmp/mine: there is something of that name already.';
    await expect(put(sftp, '/tmp/mine', new Uint8Array(3), false)).rejects.toThrow(sentence);
    await expect(sftp.makeFolder('/tmp/mine')).rejects.toThrow(sentence);
    await expect(sftp.rename('/tmp/other', '/tmp/mine')).rejects.toThrow(sentence);
    expect((await get(sftp, '/tmp/mine')).equals(HELLO)).toBe(true);
  });

  it('fail at once, all of them, when the connection is lost', async () => {
    const lost = await visit(server, { remoteAddress: '10.86.0.11' });
    const files = new Sftp(await lost.sftp());
    await put(files, '/tmp/up', new Uint8Array(4 << 20));
    const reading = download(files, '/tmp/up', { ...quiet, onPiece: () => lost.end() });
    await expect(reading).rejects.toThrow('The connection was lost: reconnect, then try again.');
    await expect(files.list('/tmp')).rejects.toThrow('The connection was lost');
  });

  it('of a folder with more names than one answer takes are all there', async () => {
    await sftp.makeFolder('/tmp/many');
    for (let i = 0; i < 250; i++) await sftp.makeFolder(`/tmp/many/${i}`);
    expect((await sftp.list('/tmp/many')).files).toHaveLength(250);
  });

  it('end with a visitor who asks for more and more and takes nothing', async () => {
    const greedy = await visit(server, { remoteAddress: '10.86.0.10' });
    const raw = await greedy.sftp();
    const own = new Sftp(raw);
    await put(own, '/tmp/big', new Uint8Array(1 << 20));
    const handle = await new Promise<Buffer>((resolve, reject) =>
      raw.open('/tmp/big', 'r', (error, value) => (error ? reject(error) : resolve(value))),
    );
    // Its window never opens again.
    (raw as unknown as { incoming: { window: number } }).incoming.window = Number.MAX_SAFE_INTEGER;
    const closed = new Promise((resolve) => raw.once('close', resolve));
    for (let i = 0; i < 1000; i++) raw.read(handle, Buffer.alloc(65_536), 0, 65_536, 0, () => {});
    await closed;
    greedy.end();
  });
});
