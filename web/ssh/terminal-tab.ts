/** One terminal: a connection, a shell in it, a screen, and what the person is being asked. */

import type { Duplex } from 'node:stream';
import { signal } from '@preact/signals';
import { Buffer } from 'buffer';
import type { ClientChannel } from 'ssh2';
import { bracketed, hostAndPort } from '../../src/core/host-port.ts';
import type { Tunnel } from '../../src/index.ts';
import type { Advice } from '../failure.ts';
import { holdPage } from '../leave-guard.ts';
import { type HostKeyOffer, SshConnection } from './connection.ts';
import type { Desk } from './desk.ts';
import { dial } from './dial.ts';
import { Files } from './files.ts';
import type { SshTarget } from './form.ts';
import { Forwards } from './forwards.ts';
import { parseJump } from './jump.ts';
import type { Question } from './login.ts';
import { Sftp } from './sftp.ts';
import { SshError } from './ssh-error.ts';
import { Screen } from './terminal/screen.ts';

/** A question that waits for its answer. */
export interface Asked<Subject, Answer> {
  subject: Subject;
  answer: (answer: Answer) => void;
}

/** Whom the person logs in as, as they would write it: `guest@10.0.0.1`. */
export type LoginQuestion = Question & { account: string };

export type Phase = 'connecting' | 'open' | 'ended';

/** Who logs in where. */
interface Account {
  username: string;
  host: string;
  port: number;
}

export class TerminalTab {
  readonly id: string;
  readonly target: SshTarget;
  readonly phase = signal<Phase>('connecting');
  readonly question = signal<Asked<LoginQuestion, string[] | undefined> | undefined>();
  readonly offer = signal<Asked<HostKeyOffer, boolean> | undefined>();
  readonly advice = signal<Advice | undefined>();
  readonly connection = signal<SshConnection | undefined>();
  readonly screen = new Screen();
  readonly files: Files;
  readonly forwards: Forwards;
  readonly #desk: Desk;
  #abort = new AbortController();
  #channel: ClientChannel | undefined;
  #jump: SshConnection | undefined;
  #sftp: Promise<Sftp> | undefined;
  #letGo: (() => void) | undefined;

  constructor(id: string, desk: Desk, target: SshTarget) {
    this.id = id;
    this.target = target;
    this.#desk = desk;
    this.files = new Files(() => this.#openFiles(), desk.keyEcho);
    this.forwards = new Forwards(`${id}-forward`, this.name, () => this.connection.value);
    const { terminal } = this.screen;
    terminal.onData((text) => {
      desk.keyEcho.typed();
      this.#channel?.write(text);
    });
    terminal.onRender(() => desk.keyEcho.drawn());
    terminal.onBinary((text) => this.#channel?.write(Buffer.from(text, 'latin1')));
    terminal.onResize(({ cols, rows }) => this.#channel?.setWindow(rows, cols, 0, 0));
  }

  /** `guest@10.0.0.1`, with the port unless it is 22. */
  get name(): string {
    return nameOf(this.target);
  }

  /** Connects, logs in and starts a shell, which takes the keyboard if `focus`; what goes wrong is told by `advice`. */
  async connect({ focus = true } = {}): Promise<void> {
    this.#abort = new AbortController();
    this.phase.value = 'connecting';
    this.advice.value = undefined;
    try {
      const connection = await this.#open();
      this.connection.value = connection;
      this.#startShell(await connection.shell(this.screen.size));
      if (focus) this.screen.focus();
      void this.files.resume();
      void this.#ended(await connection.closed);
    } catch (error) {
      void this.#ended(error as Error);
    }
  }

  disconnect(): void {
    this.#abort.abort();
    this.#answerNothing();
    this.connection.value?.end();
    this.#jump?.end();
  }

  dispose(): void {
    this.disconnect();
    this.screen.dispose();
  }

  /** SFTP on this connection, opened once. */
  #openFiles(): Promise<Sftp> {
    const connection = this.connection.value;
    if (!connection) return Promise.reject(new SshError('lost', 'The connection is closed: reconnect.'));
    this.#sftp ??= connection.sftp().then(
      (sftp) => new Sftp(sftp),
      (error: Error) => {
        this.#sftp = undefined;
        throw error;
      },
    );
    return this.#sftp;
  }

  async #open(): Promise<SshConnection> {
    const { tunnel, status } = this.#desk.model.session;
    if (!tunnel.value) throw new SshError('lost', 'The tunnel is closed: connect again first.');
    const { publicKey } = status.value ?? (await tunnel.value.status());
    return this.#login(await this.#reach(tunnel.value, publicKey), this.target, publicKey);
  }

  /** Through the tunnel, and through the server in between if there is one. */
  async #reach(tunnel: Tunnel, identity: string): Promise<Duplex> {
    const { host, port, jump, username } = this.target;
    const between = parseJump(jump, username);
    if (!between) return dial(tunnel, host, port, this.#abort.signal);
    const stream = await dial(tunnel, between.host, between.port, this.#abort.signal);
    this.#jump = await this.#login(stream, between, identity);
    return this.#jump.dial(host, port);
  }

  async #login(stream: Duplex, account: Account, identity: string): Promise<SshConnection> {
    const { hosts, keys } = this.#desk;
    const { username, host, port } = account;
    const place = { identity, host, port };
    const { hostKey } = this.target;
    if (hostKey !== undefined && account === this.target)
      await hosts.pin(place, Buffer.from(hostKey, 'base64'), { lasting: false });
    // A terminal may be wanted before they have been read.
    await keys.load();
    return SshConnection.open(stream, {
      place,
      username,
      signers: keys.signers,
      knownHosts: hosts,
      ask: (question) => this.#ask(this.question, { ...question, account: nameOf(account) }, undefined),
      trust: (offer) => this.#ask(this.offer, offer, false),
      onBanner: (text) => this.screen.sayLines(text),
      signal: this.#abort.signal,
    });
  }

  #ask<Subject, Answer>(
    place: { value: Asked<Subject, Answer> | undefined },
    subject: Subject,
    none: Answer,
  ): Promise<Answer> {
    if (this.#abort.signal.aborted) return Promise.resolve(none);
    return new Promise((resolve) => {
      place.value = {
        subject,
        answer: (answer) => {
          place.value = undefined;
          resolve(answer);
        },
      };
    });
  }

  #answerNothing(): void {
    this.question.value?.answer(undefined);
    this.offer.value?.answer(false);
  }

  #startShell(channel: ClientChannel): void {
    this.#channel = channel;
    this.phase.value = 'open';
    this.#letGo = holdPage();
    const hold = (isHeld: boolean) => (isHeld ? channel.pause() : channel.resume());
    channel.on('data', (bytes: Buffer) => {
      this.#desk.keyEcho.came();
      this.screen.write(bytes, hold);
    });
    channel.stderr.on('data', (bytes: Buffer) => this.screen.write(bytes, hold));
    channel.on('error', () => {}); // its end is told by 'close'
    channel.once('close', () => this.connection.value?.end());
    // The place may have been another size before there was a shell.
    const { columns, rows } = this.screen.size;
    channel.setWindow(rows, columns, 0, 0);
  }

  async #ended(error: Error | undefined): Promise<void> {
    const wasOpen = this.phase.value === 'open';
    this.phase.value = 'ended';
    this.#letGo?.();
    this.#letGo = undefined;
    // It may be open still, if the server gave us no shell in it.
    this.connection.value?.end();
    this.connection.value = undefined;
    this.#channel = undefined;
    this.#sftp = undefined;
    this.#jump?.end();
    this.#jump = undefined;
    this.#answerNothing();
    if (this.#abort.signal.aborted) return;
    if (wasOpen) this.screen.say('The connection is closed.');
    const isWish = error instanceof SshError && error.kind === 'cancelled';
    if (!error || isWish) return;
    const { host, port } = this.target;
    const advice = await this.#desk.model.session.adviseOn(error, hostAndPort(host, port));
    if (this.phase.value === 'ended') this.advice.value = advice;
  }
}

function nameOf({ username, host, port }: Account): string {
  return `${username}@${port === 22 ? bracketed(host) : hostAndPort(host, port)}`;
}
