import type { Socket } from 'node:net';
import ssh2, { type Connection, type ServerChannel, type Session } from 'ssh2';
import { runCommand } from './demo-commands.ts';
import { DEMO_HOME, DemoFiles } from './demo-files.ts';
import { serveSftp } from './demo-sftp.ts';
import { DemoShell } from './demo-shell.ts';
import { makeKeyPair } from './ssh-key-pair.ts';
import { StreamDuplex } from './stream-duplex.ts';

export const DEMO_USER = 'guest';
const MAX_CONNECTIONS = 50;
/** In one connection, as in OpenSSH. */
const MAX_SESSIONS = 10;
/** So many visitors have files at once; who came first makes room. */
const MAX_VISITORS = 8;

interface Visit {
  readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  writable: WritableStream<BufferSource>;
  remoteAddress: string;
}

/**
 * The SSH server inside the demo's network: anybody who is in the tunnel is `guest`, in a toy shell on a file system in
 * memory. Its host key is made now and gone with the process; no shell of this machine is ever near.
 */
export class DemoSsh {
  /** The public key as SSH sends it, base64. */
  readonly hostKey: string;
  readonly #server: InstanceType<typeof ssh2.Server>;
  /** By the visitor's address inside: each sees only their own. */
  readonly #files = new Map<string, DemoFiles>();

  constructor() {
    const key = makeKeyPair();
    this.hostKey = key.public.split(' ')[1]!;
    this.#server = new ssh2.Server({ hostKeys: [key.private], ident: 'Tabwire-demo' });
    this.#server.maxConnections = MAX_CONNECTIONS;
    // The injected connections below bring their address along.
    this.#server.on('connection', (client: Connection, info: { ip: string }) =>
      this.#welcome(client, info.ip),
    );
  }

  /** Serves one connection; resolves when it is over. */
  serve(visit: Visit): Promise<void> {
    const duplex = Object.assign(new StreamDuplex(visit), { remoteAddress: visit.remoteAddress });
    return new Promise((resolve) => {
      duplex.on('error', () => {}); // its end is told by 'close'
      duplex.on('close', resolve);
      this.#server.injectSocket(duplex as unknown as Socket);
    });
  }

  /** Whoever has this address next finds nothing of whoever had it. */
  forget(address: string): void {
    this.#files.delete(address);
  }

  #filesOf(address: string): DemoFiles {
    const files = this.#files.get(address) ?? new DemoFiles();
    this.#files.delete(address);
    this.#files.set(address, files);
    if (this.#files.size > MAX_VISITORS) this.#files.delete(this.#files.keys().next().value!);
    return files;
  }

  #welcome(client: Connection, address: string): void {
    client.on('error', () => {});
    client.on('authentication', (login) => {
      // Who is in the tunnel has shown a key already.
      if (login.username === DEMO_USER) login.accept();
      else login.reject();
    });
    let sessions = 0;
    client.on('session', (accept, reject) => {
      if (sessions >= MAX_SESSIONS) return reject();
      sessions++;
      const session = accept();
      session.once('close', () => sessions--);
      this.#converse(session, this.#filesOf(address));
    });
  }

  #converse(session: Session, files: DemoFiles): void {
    const granted = (accept: (() => void) | undefined) => accept?.();
    session.on('pty', granted);
    session.on('window-change', granted);
    session.on('shell', (accept) => openShell(accept(), files));
    session.on('exec', (accept, _reject, { command }) => runOnce(accept(), files, command));
    session.on('sftp', (accept) => serveSftp(accept(), files));
  }
}

function openShell(channel: ServerChannel, files: DemoFiles): void {
  const shell = new DemoShell(files, {
    write: (text) => channel.write(text),
    exit: (code) => leave(channel, code),
  });
  // Who does not look at the output types no more: neither grows without bound.
  const follow = () => (shell.isFull ? channel.pause() : channel.resume());
  channel.on('error', () => {});
  channel.on('data', (bytes: Buffer) => {
    shell.input(bytes);
    follow();
  });
  channel.on('drain', () => {
    shell.goOn();
    follow();
  });
  channel.on('end', () => leave(channel, 0));
  shell.start();
}

function runOnce(channel: ServerChannel, files: DemoFiles, command: string): void {
  const state = { files, folder: DEMO_HOME, lastFolder: DEMO_HOME };
  const { output, code } = runCommand(state, command);
  channel.on('error', () => {});
  channel.write(output);
  leave(channel, code);
}

function leave(channel: ServerChannel, code: number): void {
  channel.exit(code);
  channel.end();
}
