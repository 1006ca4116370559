import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, run, until } from './child-process.ts';
import type { Namespace } from './namespace.ts';

export interface SshdOptions {
  /**
   * Root's password, in a file that this sshd takes for /etc/shadow and nobody else sees; asked for as a password, or as PAM
   * asks. Root's home is the server's folder then, and its shell /bin/sh, whose prompt is `# `.
   */
  password?: { text: string; by: 'password' | 'keyboard-interactive' };
  /** A key does not do without the password. */
  needsBoth?: boolean;
  /** Where it connects to for its clients, `host:port` or `any`. */
  permitOpen?: string;
}

/** Debian's sshd inside a namespace, on port 22 of IPv4 and IPv6, with keys that live as long as it does. */
export class Sshd {
  readonly #folder: string;
  readonly #process: Child;

  private constructor(folder: string, sshd: Child) {
    this.#folder = folder;
    this.#process = sshd;
  }

  static async start(namespace: Namespace, options: SshdOptions = {}): Promise<Sshd> {
    const { password } = options;
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-sshd-'));
    for (const name of ['host', 'user']) await makeKey(join(folder, name), ['-t', 'ed25519', '-N', '']);
    writeFileSync(join(folder, 'sshd_config'), configuration(folder, options));
    mkdirSync(join(folder, 'files'));
    // Debian's init makes it; sshd only wants it to exist.
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const sshd = ['/usr/sbin/sshd', '-D', '-e', '-f', join(folder, 'sshd_config')];
    const command = password ? await withAccount(folder, password.text, sshd) : sshd;
    const child = namespace.start(command[0]!, command.slice(1));
    const server = new Sshd(folder, child);
    await until('sshd listens', async () => {
      if (!child.running) throw new Error(`sshd ended\n${child.output}`);
      return (await namespace.exec('ss', '-Hltn', 'sport = :22')).trim().split('\n').length === 2;
    }).catch(async (error: unknown) => {
      await server.stop();
      throw error;
    });
    return server;
  }

  /** A private folder for files of the test; it goes away with the server. */
  get folder(): string {
    return this.#folder;
  }

  /**
   * Another key that gets in, in a file of this name in the folder; `options` are ssh-keygen's. Gives back the file's path.
   */
  async addKey(name: string, options: string[]): Promise<string> {
    const file = join(this.#folder, name);
    await makeKey(file, options);
    const authorized = join(this.#folder, 'user.pub');
    writeFileSync(authorized, `${readFileSync(authorized, 'utf8')}${readFileSync(`${file}.pub`, 'utf8')}`);
    return file;
  }

  /** Lets in whoever has this line of authorized_keys. */
  authorize(line: string): void {
    writeFileSync(join(this.#folder, 'user.pub'), `${line}\n`, { flag: 'a' });
  }

  /** The folder in which SFTP begins. */
  get files(): string {
    return join(this.#folder, 'files');
  }

  /** The private key that gets in, OpenSSH's file. */
  get userKey(): string {
    return join(this.#folder, 'user');
  }

  /** What ssh and scp need to get in as the user that runs the tests, and to read and write nobody's files. */
  get clientOptions(): string[] {
    return [
      ...['-F', 'none', '-i', join(this.#folder, 'user')],
      ...['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=no', 'LogLevel=ERROR'].flatMap(
        (option) => ['-o', option],
      ),
      ...['-o', `UserKnownHostsFile=${join(this.#folder, 'known_hosts')}`],
    ];
  }

  /** As `ssh-keygen -l` prints it. */
  async fingerprint(): Promise<string> {
    return (await run('ssh-keygen', ['-lf', join(this.#folder, 'host.pub')])).split(' ')[1]!;
  }

  get output(): string {
    return this.#process.output;
  }

  async stop(): Promise<void> {
    // Sessions outlive the one that listens, and it has not ended before they have.
    await run('pkill', ['-P', String(this.#process.pid)]).catch(() => {}); // there may be none
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function makeKey(file: string, options: string[]): Promise<void> {
  await run('ssh-keygen', ['-q', '-C', 'tabwire', '-f', file, ...options]);
}

/** The command in a view of the files of its own, in which root has this password. */
async function withAccount(folder: string, password: string, command: string[]): Promise<string[]> {
  const hash = (await run('openssl', ['passwd', '-6', password])).trim();
  // sshd drops to the user of this name.
  const sshd = /^sshd:.*$/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[0] ?? '';
  writeFileSync(join(folder, 'passwd'), `root:x:0:0:root:${folder}:/bin/sh\n${sshd}\n`);
  writeFileSync(join(folder, 'shadow'), `root:${hash}:19000:0:99999:7:::\n`, { mode: 0o600 });
  const binds = ['passwd', 'shadow'].map((name) => `mount --bind ${join(folder, name)} /etc/${name}`);
  return ['unshare', '--mount', 'sh', '-c', `${binds.join(' && ')} && exec "$@"`, 'sh', ...command];
}

function configuration(
  folder: string,
  { password, needsBoth = false, permitOpen = 'any' }: SshdOptions,
): string {
  const asks = password?.by;
  return `
HostKey ${folder}/host
PidFile none
UsePAM ${asks === 'keyboard-interactive' ? 'yes' : 'no'}
StrictModes no
AuthorizedKeysFile ${folder}/user.pub
PasswordAuthentication ${asks === 'password' ? 'yes' : 'no'}
KbdInteractiveAuthentication ${asks === 'keyboard-interactive' ? 'yes' : 'no'}
PermitRootLogin ${asks === undefined ? 'prohibit-password' : 'yes'}
AuthenticationMethods ${needsBoth ? 'publickey,password' : 'any'}
PermitOpen ${permitOpen}
Subsystem sftp internal-sftp -d ${folder}/files
`;
}
