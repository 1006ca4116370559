import ssh2, { type ServerChannel, type TcpipRequestInfo } from 'ssh2';
import { afterEach, describe, expect, it } from 'vitest';
import { makeKeyPair } from '../../../src/node/ssh-key-pair.ts';
import { SshConnection } from '../../../web/ssh/connection.ts';
import { Forward } from '../../../web/ssh/forward.ts';
import { Forwards } from '../../../web/ssh/forwards.ts';
import { connectionPair, sshOptions } from '../../support/ssh-visit.ts';

type Serve = (channel: ServerChannel, asked: TcpipRequestInfo) => void;

const open: SshConnection[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection.end();
});

/** A connection to a server that lets everybody in; `serve` is what it connects to, if it may and if it can. */
async function server(serve?: Serve | 'unreachable') {
  const [ours, theirs] = connectionPair();
  const ssh = new ssh2.Server({ hostKeys: [makeKeyPair().private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (login) => login.accept());
    if (serve)
      client.on('tcpip', (accept, reject, asked) => {
        if (serve === 'unreachable') return reject();
        const channel = accept();
        channel.on('error', () => {});
        serve(channel, asked);
      });
  });
  ssh.injectSocket(theirs as never);
  const connection = await SshConnection.open(ours, sshOptions());
  open.push(connection);
  return { connection, drop: () => theirs.end() };
}

/** Answers each request with this text. */
function answering(text: string): Serve {
  return (channel) =>
    channel.on('data', () => {
      channel.write(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    });
}

function forwardOn(connection: SshConnection | undefined, host = '127.0.0.1', port = 8080): Forward {
  return new Forward('1', { host, port }, 'guest@demo', () => connection);
}

describe('a forward', () => {
  it('asks a web server that only the other end reaches, on one channel as long as that lasts', async () => {
    const asked: unknown[] = [];
    const { connection } = await server((channel, { destIP, destPort }) => {
      asked.push([destIP, destPort]);
      answering('hello')(channel, undefined as never);
    });
    const forward = forwardOn(connection);
    for (const path of ['/a', '/b']) {
      const response = await forward.fetch(`http://127.0.0.1:8080${path}`);
      expect([response.status, await response.text()]).toEqual([200, 'hello']);
    }
    expect(asked).toEqual([['127.0.0.1', 8080]]);
  });

  it('brings a megabyte to a reader that rests in between, whole', async () => {
    const size = 1_000_000;
    const { connection } = await server((channel) =>
      channel.once('data', () => {
        channel.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        for (let at = 0; at < size; at += 50_000) channel.write(Buffer.alloc(50_000, at / 50_000));
      }),
    );
    const response = await forwardOn(connection).fetch('http://127.0.0.1:8080/');
    const body = new Uint8Array(await response.arrayBuffer());
    expect(body.length).toBe(size);
    expect(body.every((byte, at) => byte === Math.floor(at / 50_000))).toBe(true);
  });

  it('says why the server does not connect', async () => {
    const { connection } = await server();
    const failing = forwardOn(connection, '::1', 81).fetch('http://[::1]:81/');
    await expect(failing).rejects.toThrow(
      'The server may not connect to [::1]:81 for us: its administrator has to permit it (AllowTcpForwarding, PermitOpen).',
    );
    const other = forwardOn((await server('unreachable')).connection, 'intranet', 80);
    await expect(other.fetch('http://intranet/')).rejects.toThrow(
      'The server could not connect to intranet:80: it does not say why.',
    );
  });

  it('leads to one place: not to another one, nor where a redirect points', async () => {
    const { connection } = await server((channel) =>
      channel.on('data', () => {
        channel.write('HTTP/1.1 302 Found\r\nLocation: http://10.9.9.9/\r\nContent-Length: 0\r\n\r\n');
      }),
    );
    const forward = forwardOn(connection);
    const sentence =
      'is not what guest@demo forwards here, which is 127.0.0.1:8080: change the URL or the way.';
    await expect(forward.fetch('http://127.0.0.1/')).rejects.toThrow(`127.0.0.1 ${sentence}`);
    await expect(forward.fetch('http://127.0.0.1:8080/')).rejects.toThrow(`10.9.9.9 ${sentence}`);
    await expect(forward.fetch('https://127.0.0.1:8080/')).rejects.toThrow('no TLS through a forward');
  });

  it('needs a connection, and says so when it was lost in the middle of an answer', async () => {
    await expect(forwardOn(undefined).fetch('http://127.0.0.1:8080/')).rejects.toThrow(
      'The terminal of guest@demo is not connected: reconnect it, then try again.',
    );
    // Without a length the answer ends with its connection: an end that is none must not look like it.
    const { connection, drop } = await server((channel) =>
      channel.once('data', () => {
        channel.write('HTTP/1.1 200 OK\r\n\r\nhalf');
      }),
    );
    const response = await forwardOn(connection).fetch('http://127.0.0.1:8080/');
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('half');
    drop();
    await expect(reader.read()).rejects.toThrow('The connection was lost: reconnect, then try again.');
  });

  it('that is not wanted any more leaves no channel behind', async () => {
    const abort = new AbortController();
    let tell = () => {};
    const closed = new Promise<void>((resolve) => (tell = resolve));
    const { connection } = await server((channel) => {
      channel.resume();
      channel.once('close', tell);
      // The channel is on its way to us.
      abort.abort(new Error('enough'));
    });
    const failing = forwardOn(connection).fetch('http://127.0.0.1:8080/', { signal: abort.signal });
    await expect(failing).rejects.toThrow('enough');
    await closed;
  });

  it('takes a path along', () => {
    const forward = forwardOn(undefined, 'intranet', 80);
    expect(forward.lead('10.0.0.1/status?a=1')).toBe('http://intranet/status?a=1');
    expect(forward.lead('')).toBe('http://intranet/');
  });
});

describe('the forwards of a terminal', () => {
  const forwards = () => new Forwards('terminal-1-forward', 'guest@demo', () => undefined);

  it('are places of web servers, each once', () => {
    const list = forwards();
    expect([list.add(' 127.0.0.1 ', '8080'), list.add('[::1]', '80'), list.add('Intranet', '80')]).toEqual([
      true,
      true,
      true,
    ]);
    expect(list.list.value.map(({ place }) => place)).toEqual(['127.0.0.1:8080', '[::1]:80', 'Intranet:80']);
    expect(list.add('intranet', '80')).toBe(false);
    expect(list.problem.value).toBe('intranet:80 is in the list already.');
    list.remove(list.list.value[2]!);
    expect([list.list.value.length, list.problem.value]).toEqual([2, undefined]);
  });

  it.each([
    ['127.0.0.1', '0', 'The port must be a number'],
    ['127.0.0.1', '65536', 'The port must be a number'],
    ['127.0.0.1', 'http', 'The port must be a number'],
    ['a b', '80', 'is no address of a web server'],
    ['', '80', 'is no address of a web server'],
    ['user@host', '80', 'is no address of a web server'],
  ])('are not %j, port %j', (host, port, sentence) => {
    const list = forwards();
    expect(list.add(host, port)).toBe(false);
    expect(list.problem.value).toContain(sentence);
  });

  it('are sixteen at most', () => {
    const list = forwards();
    for (let port = 1; port <= 16; port++) expect(list.add('a', String(port))).toBe(true);
    expect(list.add('a', '17')).toBe(false);
    expect(list.problem.value).toBe('16 forwards are here already: remove one first.');
  });
});
