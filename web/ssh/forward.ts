/**
 * A web server that the machine at the other end of an SSH connection reaches for this page: what `ssh -L` does, without a
 * port that others could connect to.
 */

import type { ClientChannel } from 'ssh2';
import type { HttpClient } from '../../src/client/http/http-client.ts';
import { hostAndPort } from '../../src/core/host-port.ts';
import { TunnelError, type TunnelRequestInit } from '../../src/index.ts';
import { urlFrom, urlOf } from '../tools/http-url.ts';
import { streamsOf } from './channel-streams.ts';
import type { SshConnection } from './connection.ts';
import { SshError } from './ssh-error.ts';

type Dial = ConstructorParameters<typeof HttpClient>[0];

export interface ForwardTarget {
  /** As the machine over there knows it: an address or a name, without brackets. */
  host: string;
  port: number;
}

export class Forward {
  readonly id: string;
  /** `http://host:port/`, as URLs have it. */
  readonly url: URL;
  /** Whose connection it is: `guest@10.0.0.1`. */
  readonly via: string;
  readonly target: ForwardTarget;
  readonly #connection: () => SshConnection | undefined;
  #http: Promise<HttpClient> | undefined;

  /** `connection`: undefined while there is none. Throws a sentence if the target is none. */
  constructor(id: string, target: ForwardTarget, via: string, connection: () => SshConnection | undefined) {
    this.id = id;
    this.url = urlOf({ ...target, path: '/' });
    this.via = via;
    this.target = target;
    this.#connection = connection;
  }

  /** `127.0.0.1:8080`. */
  get place(): string {
    return hostAndPort(this.target.host, this.target.port);
  }

  /** What stands in a field for URLs, led here: its path and what follows remain. */
  lead(text: string): string {
    const { origin } = this.url;
    try {
      const { pathname, search } = urlFrom(text);
      return `${origin}${pathname}${search}`;
    } catch {
      return `${origin}/`;
    }
  }

  /** As `tunnel.fetch`, for URLs of this place and no other. */
  async fetch(input: RequestInfo | URL, init?: TunnelRequestInit): Promise<Response> {
    this.#http ??= this.#load().catch((error: unknown) => {
      this.#http = undefined;
      throw error;
    });
    return (await this.#http).fetch(input, init);
  }

  async #load(): Promise<HttpClient> {
    const { HttpClient } = await import('../../src/client/http/http-client.ts');
    return new HttpClient(this.#dial);
  }

  readonly #dial: Dial = async ({ hostname, port }, { secure, signal, timeout }) => {
    if (secure) throw new TunnelError('ERR_TLS_UNAVAILABLE', 'There is no TLS through a forward: use http.');
    const asked = urlOf({ host: hostname, port, path: '/' });
    if (asked.host !== this.url.host)
      throw new SshError(
        'protocol',
        `${asked.host} is not what ${this.via} forwards here, which is ${this.place}: change the URL or the way.`,
      );
    const connection = this.#connection();
    if (!connection)
      throw new SshError(
        'lost',
        `The terminal of ${this.via} is not connected: reconnect it, then try again.`,
      );
    const late = new SshError(
      'lost',
      `${this.via} did not reach ${this.place} in time: check that it answers.`,
    );
    const channel = await inTime(connection.dial(this.target.host, this.target.port), late, timeout, signal);
    return streamsOf(channel, connection);
  };
}

/** A channel that opens after its time, or when nobody wants it any more, is closed again. */
function inTime(
  opening: Promise<ClientChannel>,
  late: Error,
  milliseconds: number | undefined,
  signal: AbortSignal | undefined,
): Promise<ClientChannel> {
  let isOver = false;
  return new Promise<ClientChannel>((resolve, reject) => {
    const end = (reason: unknown) => {
      isOver = true;
      reject(reason as Error);
    };
    const stop = () => end(signal?.reason);
    const timer = milliseconds === undefined ? undefined : setTimeout(() => end(late), milliseconds);
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    opening
      .then((channel) => (isOver ? channel.close() : resolve(channel)), end)
      .finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
      });
  });
}
