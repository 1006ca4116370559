// The same script for Node's own `tls` on loopback and for ours with Node's TLS as its layer, through a tunnel to itself: both must
// tell the same events in the same order, and the same of certificate, cipher and protocol.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, Writable } from 'node:stream';
import { ReadableStream as NodeStream } from 'node:stream/web';
import nodeTls from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TlsOptions } from '../../src/client/tls.ts';
import type { Tunnel } from '../../src/client/tunnel.ts';
import { StreamDuplex } from '../../src/node/stream-duplex.ts';
import * as ourNet from '../../src/shims/net.ts';
import * as ourTls from '../../src/shims/tls.ts';
import { EventLog } from '../support/event-log.ts';
import { isFound } from '../support/found.ts';
import { LoneEngine } from '../support/lone-engine.ts';
import { OUR_V4 } from '../support/lone-stack.ts';

type Tls = typeof nodeTls;

interface Place {
  tls: Tls;
  net: typeof nodeNet;
  host: string;
  port: number;
}

type Script = (place: Place, log: EventLog) => Promise<void>;

// Only openssl makes certificates here.
const hasOpenssl = isFound('openssl');

const EVENTS = [
  'connectionAttempt',
  'connect',
  'ready',
  'secure',
  'secureConnect',
  'data',
  'end',
  'error',
  'close',
];

let tick: ReturnType<typeof setInterval>;
let key: string;
let cert: string;
const asked: TlsOptions[] = [];

beforeAll(() => {
  if (!hasOpenssl) return;
  const folder = mkdtempSync(join(tmpdir(), 'tabwire-tls-'));
  const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
  const names = 'subjectAltName=DNS:inside.test,DNS:*.wild.inside.test,IP:127.0.0.1,IP:10.0.0.2';
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const whose = ['-subj', '/CN=inside.test', '-addext', names];
  execFileSync('openssl', ['req', '-x509', ...kind, ...files, ...whose], { stdio: 'pipe' });
  [key, cert] = [readFileSync(join(folder, 'key'), 'utf8'), readFileSync(join(folder, 'cert'), 'utf8')];
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  asked.length = 0;
  const engine = new LoneEngine();
  tick = setInterval(() => engine.advance(20), 1);
  ourNet.setDefaultTunnel(engine.asTunnel() as unknown as Tunnel, { tls: layer });
});

afterEach(() => {
  clearInterval(tick);
  ourNet.setDefaultTunnel(undefined);
});

/** Node's TLS, which trusts the one certificate. Whom that is for, the script finds out from the stand-in. */
const layer: ourTls.TlsLayer = async (connection, options) => {
  asked.push(options);
  const socket = nodeTls.connect({
    socket: new StreamDuplex(connection),
    servername: nodeNet.isIP(options.serverName) ? '' : options.serverName,
    ALPNProtocols: options.alpn,
    ca: cert,
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  const { alpnProtocol: alpn } = socket;
  return {
    readable: NodeStream.from(socket.iterator({ destroyOnReturn: false })) as unknown as ReadableStream,
    writable: Writable.toWeb(socket) as unknown as WritableStream,
    alpn: alpn || null,
    protocol: socket.getProtocol() ?? undefined,
    cipher: socket.getCipher(),
    certificate: socket.getPeerCertificate(true),
  };
};

async function compare(script: Script): Promise<string[]> {
  const theirs = await run(script, nodeTls, nodeNet, '127.0.0.1');
  const ours = await run(script, ourTls as unknown as Tls, ourNet as unknown as typeof nodeNet, OUR_V4);
  expect(ours).toEqual(theirs);
  return ours;
}

/** Against an echo, which is Node's in both places. */
async function run(script: Script, tls: Tls, net: typeof nodeNet, host: string): Promise<string[]> {
  const server = nodeTls.createServer({ key, cert, ALPNProtocols: ['x'] }, (socket) => socket.pipe(socket));
  server.on('tlsClientError', () => {});
  const outer = net.createServer((socket) => {
    socket.on('error', () => {});
    server.emit('connection', socket as Duplex);
  });
  outer.listen(0, host);
  await once(outer, 'listening');
  const { port } = outer.address() as nodeNet.AddressInfo;
  const log = new EventLog([
    [/\b(127\.0\.0\.1|10\.0\.0\.2)\b(?!,)/g, 'HOST'],
    [new RegExp(`\\b${port}\\b`, 'g'), 'PORT'],
  ]);
  await script({ tls, net, host, port }, log);
  outer.close();
  return log.lines;
}

/** Connects, says what it is told of the other side, and ends. */
async function visit(place: Place, log: EventLog, options: nodeTls.ConnectionOptions): Promise<void> {
  const { tls, host, port } = place;
  const where = options.socket ? {} : { host, port };
  const socket = tls.connect({ ca: cert, ALPNProtocols: ['x'], ...where, ...options });
  const state = () => {
    const { authorized, authorizationError, alpnProtocol, connecting } = socket;
    const { secureConnecting } = socket as unknown as { secureConnecting: boolean };
    log.note('state', authorized, authorizationError, alpnProtocol, connecting, secureConnecting);
    log.note('told', socket.getCipher(), Object.keys(socket.getPeerCertificate() ?? {}).join());
  };
  log.watch('socket', socket, EVENTS);
  state();
  socket.on('connect', state).on('secure', state);
  socket.on('secureConnect', () => {
    state();
    const { subject, subjectaltname, raw, fingerprint256 } = socket.getPeerCertificate();
    log.note('certificate', subject, subjectaltname, raw.length > 0, fingerprint256.length);
    log.note('in detail', 'issuerCertificate' in socket.getPeerCertificate(true), socket.getProtocol());
    socket.end('hello');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  state();
  log.note('at the end', socket.getPeerCertificate() === null, socket.getProtocol());
}

describe.skipIf(!hasOpenssl)('tls beside Node’s own', () => {
  it('hands on what the layer tells of the other side', async () => {
    const lines = await compare((place, log) => visit(place, log, { servername: 'inside.test' }));
    expect(lines).toContain('socket secureConnect');
    expect(lines.join()).toContain('TLS_AES_256_GCM_SHA384');
    expect(asked).toEqual([{ serverName: 'inside.test', alpn: ['x'] }]);
  });

  it('takes an address for what the certificate must name, where there is no name', async () => {
    await compare((place, log) => visit(place, log, {}));
    expect(asked).toEqual([{ serverName: OUR_V4, alpn: ['x'] }]);
  });

  it('refuses a certificate for somebody else, as far as the layer did not', async () => {
    const lines = await compare((place, log) => visit(place, log, { servername: 'other.test' }));
    expect(lines.join()).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(lines).not.toContain('socket secureConnect');
  });

  it('asks the caller’s own check', async () => {
    for (const answer of [undefined, new Error('pinned to another')])
      await compare((place, log) =>
        visit(place, log, {
          servername: 'other.test',
          checkServerIdentity: (host, { subject }) => {
            log.note('check', host, subject);
            return answer;
          },
        }),
      );
  });

  it('goes over a connection that is there, or is about to be', async () => {
    await compare(async (place, log) => {
      const { net, host, port } = place;
      const there = net.connect(port, host);
      await once(there, 'connect');
      await visit(place, log, { socket: there, servername: 'inside.test' });
      await visit(place, log, { socket: net.connect(port, host), servername: 'a.wild.inside.test' });
      // Of an address, Node asks for a certificate of localhost.
      await visit(place, log, { socket: net.connect(port, host) });
    });
    expect(asked.at(-1)).toEqual({ serverName: 'localhost', alpn: ['x'] });
  });

  it('says what is written before the handshake after it, and calls back', async () => {
    await compare(async ({ tls, host, port }, log) => {
      const socket = tls.connect({ ca: cert, host, port, servername: 'inside.test' });
      log.watch('socket', socket, ['secureConnect', 'data', 'end', 'close']);
      socket.write('early', () => log.note('written', socket.authorized));
      await once(socket, 'data');
      socket.end();
      await once(socket, 'close');
    });
  });
});

it('knows whose names a certificate has, as Node does', () => {
  const hosts = [
    'a.test',
    'A.test.',
    'b.a.test',
    'c.b.a.test',
    '10.0.0.1',
    '::1',
    'xn--a.test',
    '',
    'f.b.a.test',
  ];
  const certificates = [
    { subject: { CN: 'a.test' } },
    { subject: { CN: ['b.a.test', 'a.test'] } },
    { subject: { CN: '*.a.test' } },
    { subject: {} },
    ...['DNS:a.test', 'DNS:*.a.test', 'DNS:*.test', 'DNS:f*.b.a.test, DNS:a.test', 'DNS:*.*.a.test'].map(
      (subjectaltname) => ({ subject: { CN: '10.0.0.1' }, subjectaltname }),
    ),
    { subject: { CN: 'a.test' }, subjectaltname: 'IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1' },
    { subject: {}, subjectaltname: 'URI:"x, DNS:a.test", DNS:b.a.test' },
    { subject: {}, subjectaltname: 'DNS:"a.test\\u0000.evil", URI:http://a.test/, DNS:xn--*.test' },
  ];
  const saying = (tls: Tls, host: string, certificate: object) =>
    tls.checkServerIdentity(host, certificate as nodeTls.PeerCertificate);
  for (const host of hosts)
    for (const certificate of certificates) {
      const theirs = saying(nodeTls, host, certificate);
      const ours = saying(ourTls as unknown as Tls, host, certificate);
      expect([host, certificate, ours?.message, { ...ours }]).toEqual([
        host,
        certificate,
        theirs?.message,
        { ...theirs },
      ]);
    }
  const broken = { subject: {}, subjectaltname: 'DNS:"a, DNS:a.test' };
  for (const tls of [nodeTls, ourTls as unknown as Tls])
    expect(() => saying(tls, 'a.test', broken)).toThrow('Invalid subject alternative name string');
});
