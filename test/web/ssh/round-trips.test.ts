import ssh2, { type AuthContext, type Session } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { makeKeyPair } from '../../../src/node/ssh-key-pair.ts';
import { SshConnection, type SshOptions } from '../../../web/ssh/connection.ts';
import { readKeyFile } from '../../../web/ssh/signer.ts';
import { connectionPair, sshOptions } from '../../support/ssh-visit.ts';

interface Ways {
  onLogin?: (login: AuthContext) => void;
  onSession?: (session: Session) => void;
}

/** A client of ours at a server that does as a test says. */
function meet({ onLogin, onSession }: Ways, options: Partial<SshOptions> = {}): Promise<SshConnection> {
  const [ours, theirs] = connectionPair();
  const server = new ssh2.Server({ hostKeys: [makeKeyPair().private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (login) => (onLogin ? onLogin(login) : login.accept()));
    client.on('session', (accept) => onSession?.(accept()));
  });
  server.injectSocket(theirs as never);
  return SshConnection.open(ours, sshOptions(options));
}

async function ourKey() {
  return readKeyFile(makeKeyPair().private);
}

describe('before the prompt', () => {
  it('a key that gets in is the first and only thing that is sent, signed', async () => {
    const tries: string[] = [];
    const signers = [await ourKey()];
    const connection = await meet(
      {
        onLogin: (login) => {
          tries.push(login.method + ('signature' in login && login.signature ? ', signed' : ''));
          login.accept();
        },
      },
      { signers },
    );
    expect(tries).toEqual(['publickey, signed']);
    connection.end();
  });

  it('a key that cannot sign leaves it to the next', async () => {
    const [broken, good] = [await ourKey(), await ourKey()];
    const tries: string[] = [];
    const connection = await meet(
      {
        onLogin: (login) => {
          if (login.method !== 'publickey') return login.reject(['publickey']);
          const key = login.key.data.equals(Buffer.from(good.publicBlob)) ? 'good' : 'broken';
          tries.push(`${key}${login.signature ? ', signed' : ''}`);
          login.accept();
        },
      },
      { signers: [{ ...broken, sign: () => Promise.reject(new Error('It is gone.')) }, good] },
    );
    expect(tries).toEqual(['broken', 'good, signed']);
    connection.end();
  });

  it('what a server wants beside a key is asked for', async () => {
    const tries: string[] = [];
    let hasKey = false;
    const connection = await meet(
      {
        onLogin: (login) => {
          tries.push(login.method);
          if (login.method === 'password') return login.accept();
          hasKey ||= login.method === 'publickey';
          login.reject([hasKey ? 'password' : 'publickey'], login.method === 'publickey');
        },
      },
      { signers: [await ourKey()], ask: () => Promise.resolve(['secret']) },
    );
    expect(tries).toEqual(['publickey', 'none', 'password']);
    connection.end();
  });

  it('terminal and shell are asked for together', async () => {
    const asked: string[] = [];
    const connection = await meet({
      onSession: (session) => {
        let grant: (() => void) | undefined;
        session.on('pty', (accept, _reject, { cols, rows }) => {
          asked.push(`pty ${cols}x${rows}`);
          grant = accept;
        });
        session.on('shell', (accept) => {
          asked.push('shell');
          grant?.();
          accept().write('hello');
        });
      },
    });
    const channel = await connection.shell({ columns: 100, rows: 40 });
    const text = await new Promise((resolve) => channel.once('data', resolve));
    expect(String(text)).toBe('hello');
    expect(asked).toEqual(['pty 100x40', 'shell']);
    connection.end();
  });

  it.each([
    ['terminal', 'pty'],
    ['shell', 'shell'],
  ] as const)('a server that gives no %s has refused', async (what, request) => {
    const connection = await meet({
      onSession: (session) => {
        session.on('pty', (accept, reject) => (request === 'pty' ? reject() : accept()));
        session.on('shell', (accept, reject) => (request === 'shell' ? reject() : accept()));
      },
    });
    await expect(connection.shell({ columns: 80, rows: 24 })).rejects.toThrow(
      `The server refused: it gives no ${what}.`,
    );
    connection.end();
  });
});
