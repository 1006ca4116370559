/** One SSH connection: ssh2's client over a stream, with promises, pinned host keys and plain errors. */

import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, SFTPWrapper } from 'ssh2';
import type { HostPlace } from './known-hosts.ts';
import { Opening, type SshOptions } from './opening.ts';
import { SshError } from './ssh-error.ts';

export type { HostKeyOffer, SshOptions } from './opening.ts';

export interface Size {
  columns: number;
  rows: number;
}

export class SshConnection {
  readonly place: HostPlace;
  readonly username: string;
  /** Resolves when it is over, with why if that was not our wish. */
  readonly closed: Promise<Error | undefined>;
  readonly #client: Client;

  private constructor({ client, closed }: Opening, { place, username }: SshOptions) {
    this.#client = client;
    this.place = place;
    this.username = username;
    this.closed = closed;
  }

  /** Logs in over `stream`, a connection to the server. Rejects with SshError, or with what the tunnel said. */
  static async open(stream: Duplex, options: SshOptions): Promise<SshConnection> {
    const opening = new Opening(options);
    await opening.run(stream);
    return new SshConnection(opening, options);
  }

  /** An interactive shell in a terminal of this size. */
  shell({ columns, rows }: Size): Promise<ClientChannel> {
    return this.#called((done) =>
      this.#client.shell({ term: 'xterm-256color', cols: columns, rows, width: 0, height: 0 }, done),
    );
  }

  sftp(): Promise<SFTPWrapper> {
    return this.#called((done) => this.#client.sftp(done));
  }

  /** A connection that the server makes for us: what a jump or a forward goes through. */
  dial(host: string, port: number): Promise<ClientChannel> {
    return this.#called((done) => this.#client.forwardOut('127.0.0.1', 0, host, port, done));
  }

  end(): void {
    this.#client.end();
  }

  #called<T>(call: (done: (error: Error | undefined, value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      void this.closed.then((error) => reject(error ?? new SshError('lost', 'The connection is closed.')));
      try {
        call((error, value) => (error ? reject(refused(error)) : resolve(value)));
      } catch (error) {
        reject(new SshError('lost', 'The connection is closed: reconnect.', { cause: error }));
      }
    });
  }
}

function refused(error: Error & { reason?: unknown }): Error {
  const why = error.message.replace(/^\(SSH\) Channel open failure: /, '');
  return error.reason === undefined
    ? new SshError('protocol', `The server refused: ${error.message}.`, { cause: error })
    : new SshError('protocol', `The server refused the connection: ${why || 'it does not say why'}.`, {
        cause: error,
      });
}
