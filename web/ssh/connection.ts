/** One SSH connection: ssh2's client over a stream, with promises, pinned host keys and plain errors. */

import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, SFTPWrapper } from 'ssh2';
import { hostAndPort } from '../../src/core/host-port.ts';
import { clean } from './clean.ts';
import type { HostPlace } from './known-hosts.ts';
import { Opening, type SshOptions } from './opening.ts';
import { openShell } from './round-trips.ts';
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
  readonly #opening: Opening;

  private constructor(opening: Opening, { place, username }: SshOptions) {
    this.#opening = opening;
    this.#client = opening.client;
    this.place = place;
    this.username = username;
    this.closed = opening.closed;
  }

  /** Logs in over `stream`, a connection to the server. Rejects with SshError, or with what the tunnel said. */
  static async open(stream: Duplex, options: SshOptions): Promise<SshConnection> {
    const opening = new Opening(options);
    await opening.run(stream);
    return new SshConnection(opening, options);
  }

  /** True before the channels in it hear of it. */
  get isOver(): boolean {
    return this.#opening.isOver;
  }

  /** An interactive shell in a terminal of this size. */
  shell(size: Size): Promise<ClientChannel> {
    return this.#called((done) => openShell(this.#client, size, done));
  }

  sftp(): Promise<SFTPWrapper> {
    return this.#called((done) => this.#client.sftp(done));
  }

  /** A connection that the server makes for us: what a jump or a forward goes through. */
  dial(host: string, port: number): Promise<ClientChannel> {
    return this.#called(
      (done) => this.#client.forwardOut('127.0.0.1', 0, host, port, done),
      (error) => notReached(error, hostAndPort(host, port)),
    );
  }

  end(): void {
    this.#client.end();
  }

  #called<T>(
    call: (done: (error: Error | undefined, value: T) => void) => void,
    explain: (error: Error) => Error = refused,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      void this.closed.then((error) => reject(error ?? new SshError('lost', 'The connection is closed.')));
      try {
        call((error, value) => (error ? reject(explain(error)) : resolve(value)));
      } catch (error) {
        reject(new SshError('lost', 'The connection is closed: reconnect.', { cause: error }));
      }
    });
  }
}

function refused(error: Error): Error {
  const why = reasonOf(error);
  return isOpenFailure(error)
    ? new SshError('protocol', `The server refused the connection: ${why}.`, { cause: error })
    : new SshError('protocol', `The server refused: ${why}.`, { cause: error });
}

/** SSH_OPEN_ADMINISTRATIVELY_PROHIBITED (RFC 4254 §5.1). */
const PROHIBITED = 1;

/** What the server said of a place that it was to connect to. */
function notReached(error: Error, place: string): Error {
  const sentence =
    isOpenFailure(error) && error.reason === PROHIBITED
      ? `The server may not connect to ${place} for us: its administrator has to permit it (AllowTcpForwarding, PermitOpen).`
      : `The server could not connect to ${place}: ${reasonOf(error)}.`;
  return new SshError('protocol', sentence, { cause: error });
}

/** That the server opened no channel, with the code for why, if it sent one. */
function isOpenFailure(error: Error): error is Error & { reason: unknown } {
  return 'reason' in error;
}

function reasonOf({ message }: Error): string {
  return clean(message.replace(/^\(SSH\) Channel open failure: /, '')) || 'it does not say why';
}
