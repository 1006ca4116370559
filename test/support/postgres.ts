import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, type ChildOptions, run, until } from './child-process.ts';
import type { Namespace } from './namespace.ts';

/** Where Debian puts the programs of each version. */
const VERSIONS = '/usr/lib/postgresql';
/** The server refuses to run as root. Debian's package makes this user. */
const AS_POSTGRES = ['--reuid=postgres', '--regid=postgres', '--clear-groups', '--pdeathsig=KILL'];

/** The folder of the newest version that has a server, if there is one. */
export function postgresFolder(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const versions = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(VERSIONS, version, 'bin')).find((bin) => existsSync(`${bin}/initdb`));
}

/**
 * Debian's PostgreSQL inside a namespace, on port 5432 of IPv4 and IPv6, with a cluster that lives as long as it does. It
 * speaks TLS, with a certificate of its own, and asks nobody but the role `keeper` for a password.
 */
export class Postgres {
  readonly #bin: string;
  readonly #folder: string;
  #server: Child | undefined;

  private constructor(bin: string, folder: string) {
    this.#bin = bin;
    this.#folder = folder;
  }

  static async start(namespace: Namespace): Promise<Postgres> {
    const postgres = new Postgres(postgresFolder()!, mkdtempSync(join(tmpdir(), 'tabwire-postgres-')));
    try {
      await postgres.#prepare();
      await postgres.#listen(namespace);
    } catch (error) {
      await postgres.stop();
      throw error;
    }
    return postgres;
  }

  /** What signs its certificate: itself. */
  get certificate(): string {
    return join(this.#folder, 'server.crt');
  }

  get output(): string {
    return this.#server?.output ?? '';
  }

  /** Starts one of its client programs out here, against this port of 127.0.0.1. */
  client(
    port: number,
    program: string,
    args: readonly string[],
    options: ChildOptions & { sslmode?: string } = {},
  ): Child {
    return new Child(join(this.#bin, program), args, this.#surroundings(port, options));
  }

  /** Runs one of them to its end; gives back what it printed. */
  async run(
    port: number,
    program: string,
    args: readonly string[],
    options: ChildOptions & { sslmode?: string } = {},
  ): Promise<string> {
    return run(join(this.#bin, program), args, this.#surroundings(port, options));
  }

  /** One command of SQL by `psql`; gives back the rows, without their frame. */
  async ask(port: number, sql: string, options: ChildOptions & { sslmode?: string } = {}): Promise<string> {
    return (await this.run(port, 'psql', [...PLAIN, '-c', sql], options)).trimEnd();
  }

  async stop(): Promise<void> {
    // Clients are not waited for.
    await this.#server?.stop('SIGINT');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #surroundings(
    port: number,
    { sslmode = 'disable', ...options }: ChildOptions & { sslmode?: string },
  ): ChildOptions {
    const env = {
      PGHOST: '127.0.0.1',
      PGPORT: String(port),
      PGUSER: 'postgres',
      PGDATABASE: 'postgres',
      PGSSLMODE: sslmode,
      // Wherever it is named, it is looked at.
      ...(sslmode.startsWith('verify') && { PGSSLROOTCERT: this.certificate }),
      PGCONNECT_TIMEOUT: '20',
    };
    return { ...options, env: { ...options.env, ...env } };
  }

  async #prepare(): Promise<void> {
    const folder = this.#folder;
    await run('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=inside.test'],
      ...['-keyout', join(folder, 'server.key'), '-out', this.certificate],
    ]);
    await run('chown', ['-R', 'postgres:postgres', folder]);
    await run('setpriv', [
      ...[...AS_POSTGRES, join(this.#bin, 'initdb'), '-D', join(folder, 'data'), '-U', 'postgres'],
      ...['-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    ]);
    // `keeper` is a role that a test may make.
    const access = ['host all keeper all scram-sha-256', 'host all all all trust'];
    appendFileSync(join(folder, 'data/pg_hba.conf'), `${access.join('\n')}\n`);
  }

  async #listen(namespace: Namespace): Promise<void> {
    const settings = {
      listen_addresses: '*',
      unix_socket_directories: this.#folder,
      fsync: 'off',
      ssl: 'on',
      ssl_cert_file: this.certificate,
      ssl_key_file: join(this.#folder, 'server.key'),
    };
    const server = namespace.start('setpriv', [
      ...[...AS_POSTGRES, join(this.#bin, 'postgres'), '-D', join(this.#folder, 'data')],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]);
    this.#server = server;
    await until(
      'PostgreSQL accepts connections',
      () => {
        if (!server.running) throw new Error(`postgres ended\n${server.output}`);
        return server.output.includes('ready to accept connections');
      },
      20_000,
    );
  }
}

/** For `psql`: nobody's settings, one row a line, columns with tabs between them; an error ends it. */
export const PLAIN = ['-X', '-q', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1'] as const;
