import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, run, until } from './child-process.ts';
import type { Namespace } from './namespace.ts';

/** Debian's sshd inside a namespace, on port 22 of IPv4 and IPv6, with keys that live as long as it does. */
export class Sshd {
  readonly #folder: string;
  readonly #process: Child;

  private constructor(folder: string, sshd: Child) {
    this.#folder = folder;
    this.#process = sshd;
  }

  static async start(namespace: Namespace): Promise<Sshd> {
    const folder = mkdtempSync(join(tmpdir(), 'tabwire-sshd-'));
    for (const name of ['host', 'user'])
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name)]);
    writeFileSync(join(folder, 'sshd_config'), configuration(folder));
    // Debian's init makes it; sshd only wants it to exist.
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const child = namespace.start('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'sshd_config')]);
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

  get output(): string {
    return this.#process.output;
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configuration(folder: string): string {
  return `
HostKey ${folder}/host
PidFile none
UsePAM no
StrictModes no
AuthorizedKeysFile ${folder}/user.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
`;
}
