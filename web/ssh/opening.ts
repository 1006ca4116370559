/** From a stream to somebody who is logged in: the key exchange, the server's key, the login. */
import type { Duplex } from 'node:stream';
import type { Buffer } from 'buffer';
import Client from 'ssh2/lib/client.js';
import { ALGORITHMS } from './algorithms.ts';
import { fingerprintOf, keyTypeOf } from './fingerprint.ts';
import type { HostPlace, KnownHost, KnownHosts } from './known-hosts.ts';
import { type AskPerson, Login } from './login.ts';
import { leaveOtherHostKeys, signAtOnce } from './round-trips.ts';
import type { Signer } from './signer.ts';
import { SshError, sshErrorOf } from './ssh-error.ts';

export interface HostKeyOffer {
  place: HostPlace;
  keyType: string;
  fingerprint: string;
  /** The key that was trusted until now: somebody is in between, or the machine is a new one. */
  before: KnownHost | undefined;
}

export interface SshOptions {
  place: HostPlace;
  username: string;
  signers: readonly Signer[];
  knownHosts: KnownHosts;
  ask: AskPerson;
  /** Whether a key that is not pinned is trusted from now on. */
  trust: (offer: HostKeyOffer) => Promise<boolean>;
  /** What the server has to say to everybody, as it sent it. */
  onBanner?: (text: string) => void;
  signal?: AbortSignal;
}

/** Milliseconds until the server has shown its key; questions take as long as they take. */
const HANDSHAKE_TIMEOUT = 20_000;
const KEEPALIVE_INTERVAL = 15_000;

export class Opening {
  readonly client = new Client();
  /** Resolves when the connection is over, with why if that was not our wish. */
  readonly closed: Promise<Error | undefined>;
  readonly #options: SshOptions;
  readonly #where: string;
  readonly #login: Login;
  #failure: Error | undefined;
  #isOver = false;
  /** Why a key of ours could not sign; worth telling only if nothing else lets us in. */
  #keyProblem: string | undefined;
  #reject: (error: Error) => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SshOptions) {
    this.#options = options;
    this.#where = `${options.place.host}:${options.place.port}`;
    this.#login = new Login(options.username, options.signers, options.ask);
    this.closed = new Promise((resolve) =>
      this.client.once('close', () => {
        this.#isOver = true;
        resolve(this.#failure);
      }),
    );
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when we are in. Rejects with SshError, or with what the tunnel said. */
  run(stream: Duplex): Promise<void> {
    const { client } = this;
    const { signal, onBanner } = this.#options;
    const giveUp = () => this.#stop(new SshError('cancelled', 'Cancelled.'));
    return new Promise<void>((resolve, reject) => {
      this.#reject = reject;
      client.on('error', (error) => this.#fail(error));
      client.on('banner', (text) => onBanner?.(text));
      client.once('ready', resolve);
      void this.closed.then(() =>
        this.#fail(new SshError('lost', `${this.#where} ended the connection: try again.`)),
      );
      signal?.addEventListener('abort', giveUp);
      this.#timer = setTimeout(
        () =>
          this.#stop(
            new SshError('lost', `${this.#where} did not answer in time: check that its SSH server runs.`),
          ),
        HANDSHAKE_TIMEOUT,
      );
      // Half a connection is none, and streams that may be half open do not close by themselves.
      stream.once('end', () => stream.destroy());
      this.#connect(stream);
      if (signal?.aborted) giveUp();
    }).finally(() => {
      clearTimeout(this.#timer);
      signal?.removeEventListener('abort', giveUp);
    });
  }

  #connect(stream: Duplex): void {
    this.client.connect({
      sock: stream,
      username: this.#options.username,
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_INTERVAL,
      algorithms: structuredClone(ALGORITHMS),
      hostVerifier: (blob: Buffer, verified: (isFine: boolean) => void) =>
        void this.#verify(blob).then(
          () => this.#tell(() => verified(true)),
          (error: Error) => {
            this.#fail(error);
            this.#tell(() => verified(false));
          },
        ),
      authHandler: (methods, isPartial, next) =>
        void this.#login
          .next(methods as string[] | null, isPartial)
          .then((method) => this.#tell(() => next(method ?? (false as never))), this.#stop),
    });
    signAtOnce(this.client, this.#options.signers);
    leaveOtherHostKeys(this.client);
  }

  /** Rejects if this host key is not taken. Asked again whenever the keys are renewed. */
  async #verify(blob: Buffer): Promise<void> {
    clearTimeout(this.#timer);
    const { place, knownHosts, trust } = this.#options;
    const verdict = await knownHosts.check(place, blob);
    if (verdict.is === 'known') return;
    const before = verdict.is === 'changed' ? verdict.before : undefined;
    const offer = { place, keyType: keyTypeOf(blob), fingerprint: fingerprintOf(blob), before };
    if (await trust(offer)) return knownHosts.pin(place, blob);
    throw before
      ? new SshError(
          'host-key',
          `The host key of ${this.#where} is not the trusted one, so nothing was sent: ask its administrator for the new fingerprint.`,
        )
      : new SshError('cancelled', 'The host key was not trusted, so nothing was sent.');
  }

  /** An answer for ssh2, which wants none any more once the connection is over. */
  #tell(answer: () => void): void {
    if (!this.#isOver) answer();
  }

  readonly #stop = (error: Error): void => {
    this.#fail(error);
    this.client.destroy();
  };

  /** The first failure counts; what follows comes of it. */
  #fail(error: Error & { level?: string }): void {
    // One key did not sign: ssh2 goes on with the next.
    if (error.level === 'agent') {
      this.#keyProblem ??= error.message;
      return;
    }
    this.#failure ??= this.#login.isCancelled
      ? new SshError('cancelled', 'Cancelled.')
      : sshErrorOf(error, this.#where, this.#keyProblem);
    this.#reject(this.#failure);
  }
}
