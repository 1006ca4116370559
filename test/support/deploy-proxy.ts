// The proxies of relay/deploy with their files as they are, except for what belongs to a machine: ports, names, folders.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, run } from './child-process.ts';
import { freeTcpPort } from './free-port.ts';

export type ProxyName = 'nginx' | 'haproxy' | 'caddy';

const deploy = join(import.meta.dirname, '../../relay/deploy');

export class DeployProxy {
  readonly port: number;
  /** Of the relay behind it. */
  readonly url: string;
  readonly #name: ProxyName;
  readonly #folder: string;
  readonly #child: Child;

  private constructor(name: ProxyName, port: number, folder: string, child: Child) {
    this.port = port;
    this.url = `wss://127.0.0.1:${port}/v1`;
    this.#name = name;
    this.#folder = folder;
    this.#child = child;
  }

  static async start(name: ProxyName, relays: readonly [number, number]): Promise<DeployProxy> {
    const folder = mkdtempSync(join(tmpdir(), `tabwire-${name}-`));
    const port = await freeTcpPort();
    const child = await launch[name](folder, port, relays);
    return new DeployProxy(name, port, folder, child);
  }

  /** Whom a client has to trust in order to believe that it is this proxy. */
  get root(): Buffer {
    return readFileSync(join(this.#folder, this.#name === 'caddy' ? CADDY_ROOT : 'cert.pem'));
  }

  get output(): string {
    return this.#child.output;
  }

  async stop(): Promise<void> {
    await this.#child.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Of the authority that Caddy is itself for addresses, where it keeps what it made. */
const CADDY_ROOT = 'caddy/pki/authorities/local/root.crt';

type Launch = (folder: string, port: number, relays: readonly [number, number]) => Promise<Child>;

const launch: Record<ProxyName, Launch> = {
  async nginx(folder, port, relays) {
    await makeCertificate(folder);
    const text = adapt('nginx.conf', relays, [
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
      ['/run/nginx.pid', `${folder}/pid`],
      ['/var/log/nginx/', `${folder}/`],
      ['/etc/nginx/tls/', `${folder}/`],
      ['worker_processes auto', 'user root; daemon off; worker_processes 1'],
      [
        'http {',
        `http { ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}`,
      ],
    ]);
    writeFileSync(join(folder, 'nginx.conf'), text);
    return new Child('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']);
  },
  async haproxy(folder, port, relays) {
    await makeCertificate(folder);
    const text = adapt('haproxy.cfg', relays, [
      // More files than a test machine may open.
      ['maxconn 60000', 'maxconn 400'],
      ['maxconn 15000', 'maxconn 100'],
      ['bind :443', `bind 127.0.0.1:${port}`],
      ['/etc/haproxy/certs/relay.pem', `${folder}/both.pem`],
    ]);
    writeFileSync(join(folder, 'haproxy.cfg'), text);
    return new Child('haproxy', ['-f', join(folder, 'haproxy.cfg')]);
  },
  async caddy(folder, port, relays) {
    // Neither port 80, where it would lead to the other one, nor this machine's list of whom to trust is a test's.
    const text = adapt('Caddyfile', relays, [
      ['admin off', `admin off\n\tskip_install_trust\n\thttp_port ${await freeTcpPort()}`],
    ]);
    writeFileSync(join(folder, 'Caddyfile'), text);
    return new Child('caddy', ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'], {
      cwd: folder,
      env: { HOME: folder, XDG_DATA_HOME: folder, RELAY_DOMAIN: `https://127.0.0.1:${port}` },
    });
  },
};

function adapt(
  name: string,
  [first, second]: readonly [number, number],
  changes: [string, string][],
): string {
  let text = readFileSync(join(deploy, name), 'utf8');
  const ports: [string, string][] = [
    ['127.0.0.1:8081', `127.0.0.1:${first}`],
    ['127.0.0.1:8082', `127.0.0.1:${second}`],
  ];
  for (const [from, to] of [...ports, ...changes]) {
    if (!text.includes(from)) throw new Error(`relay/deploy/${name} has no "${from}" any more`);
    text = text.replaceAll(from, to);
  }
  return text;
}

async function makeCertificate(folder: string): Promise<void> {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const name = [
    '-subj',
    '/CN=127.0.0.1',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-days',
    '2',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
  ];
  await run('openssl', ['req', '-x509', ...name, '-keyout', key, '-out', cert]);
  writeFileSync(join(folder, 'both.pem'), readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'));
}
