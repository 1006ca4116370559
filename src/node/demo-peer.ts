// A WireGuard peer to try Tabwire against: a whole one (this same engine as responder), with a small web site, an SSH
// server with a toy shell and echo services inside, for whoever enrols a public key. It listens on loopback only.
import { createSocket } from 'node:dgram';
import { MessageChannel } from 'node:worker_threads';
import type { EngineConfig } from '../bridge/api.ts';
import { unwrap } from '../bridge/errors.ts';
import { derivePublicKey, generatePrivateKey } from '../client/keys.ts';
import { TCPServerSocket } from '../client/tcp-server-socket.ts';
import type { ReceivedUDPMessage, UDPMessage } from '../client/udp-message.ts';
import { UDPSocket } from '../client/udp-socket.ts';
import { fromBase64 } from '../core/bytes.ts';
import { DEMO_NAME, DemoNames } from './demo-names.ts';
import { DemoSite } from './demo-site.ts';
import { DEMO_USER, DemoSsh } from './demo-ssh.ts';
import { NodeEngine } from './engine.ts';

/** Where the demo's own services are, inside its tunnel. */
export const DEMO_ADDRESSES = { ipv4: '10.86.0.1', ipv6: 'fd86::1' };
const ECHO_PORT = 7;
const DISCARD_PORT = 9;
const HTTP_PORT = 80;
const SSH_PORT = 22;
const DNS_PORT = 53;
const MTU = 1420;
/** So many visitors are known at once; the one who enrolled first makes room. */
const MAX_VISITORS = 200;

/** What a visitor needs to connect. */
export interface Enrolment {
  /** A wg-quick file without PrivateKey. */
  config: string;
  site: { name: string; ipv4: string; ipv6: string; port: number; downloadPath: string };
  /** `hostKey`: base64 of the public key as SSH sends it, so that nobody need trust it unseen. */
  ssh: { port: number; username: string; hostKey: string };
  echoPort: number;
}

export class DemoPeer {
  readonly #engine: NodeEngine;
  readonly #publicKey: string;
  readonly #port: number;
  /** Public key → host number, in order of enrolment. */
  readonly #visitors = new Map<string, number>();
  readonly #ssh = new DemoSsh();
  /** What the engine tells, which nobody hears; open, it keeps the process. */
  readonly #events: MessageChannel;

  private constructor(engine: NodeEngine, publicKey: string, port: number, events: MessageChannel) {
    this.#engine = engine;
    this.#publicKey = publicKey;
    this.#port = port;
    this.#events = events;
  }

  /** Starts the peer on a free UDP port of 127.0.0.1 with a key of its own, made now. */
  static async start(): Promise<DemoPeer> {
    const port = await freeUdpPort();
    const engine = await NodeEngine.start({ host: '127.0.0.1' });
    const privateKey = generatePrivateKey();
    const config: EngineConfig = {
      privateKey: fromBase64(privateKey)!,
      addresses: [`${DEMO_ADDRESSES.ipv4}/16`, `${DEMO_ADDRESSES.ipv6}/64`],
      mtu: MTU,
      listenPort: port,
      peers: [],
    };
    const events = new MessageChannel();
    unwrap(
      await engine.service.open(
        { config, relays: [], takeOver: false },
        events.port1 as unknown as MessagePort,
      ),
    );
    const peer = new DemoPeer(engine, derivePublicKey(privateKey), port, events);
    await peer.#serve();
    return peer;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Lets the holder of this key in; the same key again gets the same address. Undefined for what is no key. */
  enrol(publicKey: string): Enrolment | undefined {
    const bytes = fromBase64(publicKey);
    if (bytes?.length !== 32 || publicKey === this.#publicKey) return undefined;
    const host = this.#visitors.get(publicKey) ?? this.#admit(publicKey, bytes);
    return {
      config: this.#configFor(host),
      site: { name: DEMO_NAME, ...DEMO_ADDRESSES, port: HTTP_PORT, downloadPath: DemoSite.downloadPath },
      ssh: { port: SSH_PORT, username: DEMO_USER, hostKey: this.#ssh.hostKey },
      echoPort: ECHO_PORT,
    };
  }

  async close(): Promise<void> {
    unwrap(await this.#engine.service.close(0));
    this.#events.port1.close();
  }

  #admit(publicKey: string, bytes: Uint8Array): number {
    const taken = new Set(this.#visitors.values());
    if (this.#visitors.size >= MAX_VISITORS) {
      const [oldest, number] = this.#visitors.entries().next().value!;
      this.#visitors.delete(oldest);
      this.#engine.service.removePeer(fromBase64(oldest)!);
      for (const address of addressesOf(number)) this.#ssh.forget(address);
      taken.delete(number);
    }
    let host = 2;
    while (taken.has(host)) host++;
    this.#visitors.set(publicKey, host);
    this.#engine.service.addPeer({
      publicKey: bytes,
      allowedIps: networksOf(host),
      persistentKeepalive: 0,
    });
    return host;
  }

  #configFor(host: number): string {
    return [
      '[Interface]',
      `Address = ${networksOf(host).join(', ')}`,
      `DNS = ${[DEMO_ADDRESSES.ipv4, DEMO_ADDRESSES.ipv6, DEMO_NAME].join(', ')}`,
      `MTU = ${MTU}`,
      '',
      '[Peer]',
      `PublicKey = ${this.#publicKey}`,
      'AllowedIPs = 10.86.0.0/16, fd86::/64',
      `Endpoint = ${this.endpoint}`,
      'PersistentKeepalive = 25',
      '',
    ].join('\n');
  }

  async #serve(): Promise<void> {
    const site = new DemoSite();
    await this.#accept(HTTP_PORT, (socket) => site.serve(socket));
    await this.#accept(SSH_PORT, (socket) => this.#ssh.serve(socket));
    await this.#accept(ECHO_PORT, ({ readable, writable }) => readable.pipeTo(writable));
    await this.#accept(DISCARD_PORT, ({ readable, writable }) =>
      readable.pipeTo(new WritableStream()).then(() => writable.close()),
    );
    const names = new DemoNames(DEMO_ADDRESSES);
    await this.#answer(ECHO_PORT, (data) => data);
    await this.#answer(DNS_PORT, (query) => names.answer(query));
  }

  /** Answers datagrams to this port, on both families, until the peer closes. */
  async #answer(
    localPort: number,
    answerTo: (data: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> | undefined,
  ): Promise<void> {
    for (const localAddress of ['0.0.0.0', '::']) {
      const { readable, writable } = await new UDPSocket(this.#engine.client, {
        localAddress,
        localPort,
        ...(localAddress === '::' && { ipv6Only: true }),
      }).opened;
      const answers = new TransformStream<ReceivedUDPMessage, UDPMessage>({
        transform({ data, remoteAddress, remotePort }, controller) {
          const answer = answerTo(data);
          if (answer)
            controller.enqueue({ data: answer, remoteAddress: remoteAddress!, remotePort: remotePort! });
        },
      });
      readable
        .pipeThrough(answers)
        .pipeTo(writable)
        .catch(() => {});
    }
  }

  /** Serves each connection to this port, on both families, until the peer closes. */
  async #accept(
    localPort: number,
    serve: (socket: {
      readable: ReadableStream<Uint8Array<ArrayBuffer>>;
      writable: WritableStream<BufferSource>;
      remoteAddress: string;
    }) => Promise<void>,
  ): Promise<void> {
    const { readable } = await new TCPServerSocket(this.#engine.client, '::', { localPort }).opened;
    const connections = new WritableStream<{ opened: Promise<Parameters<typeof serve>[0]> }>({
      // A visitor's broken connection is the visitor's affair.
      write: (socket) => void socket.opened.then(serve).catch(() => {}),
    });
    readable.pipeTo(connections).catch(() => {});
  }
}

/** Of the visitor with this number. */
function addressesOf(host: number): [ipv4: string, ipv6: string] {
  return [`10.86.0.${host}`, `fd86::${host.toString(16)}`];
}

function networksOf(host: number): string[] {
  const [ipv4, ipv6] = addressesOf(host);
  return [`${ipv4}/32`, `${ipv6}/128`];
}

/** A UDP port of 127.0.0.1 that nobody uses at this moment. */
function freeUdpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}
