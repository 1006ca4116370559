import { afterAll, beforeAll, expect } from 'vitest';
import { Tunnel as PageTunnel, TunnelError } from '../../src/index.ts';
import {
  derivePublicKey,
  generatePrivateKey,
  importPrivateKey,
  parseConfig,
  Tunnel,
} from '../../src/node/index.ts';
import { openTunnelPair, type TunnelPair } from '../support/tunnel-pair.ts';
import { contract } from './contract.ts';

/** Nobody is there: a tunnel that opens all the same. */
function lonely(key = generatePrivateKey()): string {
  return `[Interface]
PrivateKey = ${key}
Address = 10.9.0.1/32
[Peer]
PublicKey = ${derivePublicKey(generatePrivateKey())}
AllowedIPs = 10.9.0.0/24
Endpoint = 127.0.0.1:9
`;
}

let pair: TunnelPair;

beforeAll(async () => {
  pair = await openTunnelPair();
});

afterAll(() => pair.close());

contract('Tunnel', [
  [
    'Tunnel.open(config) takes text or a TunnelConfig',
    async () => {
      for (const config of [lonely(), parseConfig(lonely())]) {
        const tunnel = await Tunnel.open(config);
        expect(tunnel).toBeInstanceOf(Tunnel);
        await tunnel.close();
      }
    },
  ],
  [
    'relay: needed in a browser',
    () => expect(PageTunnel.open(lonely())).rejects.toMatchObject({ code: 'ERR_CONFIG' }),
  ],
  [
    'relay: optional in Node, UDP directly when absent',
    async () => {
      expect((await pair.us.status()).transport.via).toBe('udp');
    },
  ],
  [
    'relay: one URL or several, tried in turn',
    ['test/transport/relay-transport.test.ts', 'the next relay of the list is tried after each failure'],
  ],
  [
    'relay: a refusing one of two does not stop the other',
    ['test/transport/relay-transport.test.ts', 'one relay of two refuses: the other is used'],
  ],
  [
    'token: text, or a function that is asked again whenever a connection needs a fresh one',
    [
      'test/node/relay-token.test.ts',
      'a token opens the way, and a fresh one opens it again when the relay comes back',
    ],
  ],
  [
    'token: the function is told why',
    [
      'test/transport/relay-token.test.ts',
      'that was refused is replaced at once, with the reason, but only once',
    ],
  ],
  [
    'privateKey: a non-extractable X25519 CryptoKey in place of the file’s',
    async () => {
      const text = generatePrivateKey();
      const privateKey = await importPrivateKey(text);
      const tunnel = await Tunnel.open(lonely().replace(/^PrivateKey.*\n/m, ''), { privateKey });
      expect((await tunnel.status()).publicKey).toBe(derivePublicKey(text));
      await tunnel.close();
    },
  ],
  [
    'takeOver: false rejects with ERR_IN_USE, true takes the key over',
    ['test/node/key-in-use.test.ts', 'with takeOver is the second’s: the first says why'],
  ],
  [
    'takeOver: among the tabs of a browser, too',
    ['test/browser/life.spec.ts', 'a second tab with the same key is refused, and the first does not notice'],
  ],
  [
    'assets: { worker, wasm } are URLs, for bundlers and CDNs that move files',
    [
      'test/browser/package.spec.ts',
      'worker and WASM may come from another origin, as from a CDN',
      'worker:',
    ],
  ],
  [
    'assets: the WASM alone, too',
    ['test/browser/assets.spec.ts', 'a WASM file that lies elsewhere is fetched from there'],
  ],
  [
    'assets: what is not there rejects open',
    ['test/browser/failures.spec.ts', 'a worker or a WASM file that is not there rejects open'],
  ],
  [
    'signal: aborts opening, with its reason; afterwards closes the tunnel',
    async () => {
      const reason = new Error('changed my mind');
      await expect(Tunnel.open(lonely(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const controller = new AbortController();
      const tunnel = await Tunnel.open(lonely(), { signal: controller.signal });
      const closed = new Promise((resolve) => tunnel.addEventListener('close', resolve, { once: true }));
      controller.abort();
      await closed;
      await expect(tunnel.status()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    },
  ],
  [
    'logger: (level, message, fields)',
    async () => {
      const lines: unknown[][] = [];
      const tunnel = await Tunnel.open(lonely().replace('Address', 'Table = off\nAddress'), {
        logger: (...line) => lines.push(line),
      });
      await tunnel.close();
      expect(lines).toContainEqual([
        'info',
        expect.stringContaining('Table'),
        expect.objectContaining({ key: 'Table' }),
      ]);
    },
  ],
  ['ready: the first handshake with any peer', () => expect(pair.us.ready).resolves.toBeUndefined()],
  [
    'ready: a rejection is final only if its error says retryable: false',
    ['test/client/readiness.test.ts', 'rejects with what went wrong, and is a new promise afterwards'],
  ],
  [
    'peerReady(publicKey, { signal }) waits for one peer',
    async () => {
      const [peer] = (await pair.us.status()).peers;
      await expect(pair.us.peerReady(peer!.publicKey)).resolves.toBeUndefined();
      const reason = new Error('enough');
      const other = derivePublicKey(generatePrivateKey());
      await expect(pair.us.peerReady(other, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    },
  ],
  [
    'status(): what wg show shows, in camelCase, per peer; instants as Date; drop counters by reason; no secret',
    async () => {
      const status = await pair.us.status();
      expect(Object.keys(status).sort()).toEqual(
        [
          'addresses',
          'drops',
          'fwmark',
          'listenPort',
          'mtu',
          'peers',
          'publicKey',
          'tcp',
          'transport',
        ].sort(),
      );
      const [peer] = status.peers;
      expect(peer).toMatchObject({
        publicKey: expect.stringMatching(/^.{43}=$/),
        presharedKey: false,
        endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        allowedIps: ['10.8.0.0/24', 'fd08::/64'],
        latestHandshake: expect.any(Date),
        transferRx: expect.any(Number),
        transferTx: expect.any(Number),
        persistentKeepalive: 0,
        drops: expect.any(Object),
      });
      expect(status.drops).toEqual({
        wireguard: expect.any(Object),
        netstack: expect.any(Object),
        transport: expect.any(Object),
      });
      expect(status.transport).toMatchObject({ state: 'open', via: 'udp' });
    },
  ],
  [
    'status(): round-trip times in ms',
    ['test/node/tunnel.test.ts', 'has the same sockets as one over UDP, and says how far the relay is'],
  ],
  [
    'configure(config): like wg syncconf, others’ sessions stay',
    [
      'test/node/configure.test.ts',
      'peer B goes, comes back, moves and changes while peer A has traffic: not one packet of A is lost',
    ],
  ],
  [
    'configure: a changed key, address or MTU says what it resets',
    ['test/node/configure.test.ts', 'an address that is gone takes its connections along, with a reason'],
  ],
  [
    'diagnose(): an AsyncIterable of checks, leg by leg: { leg, ok, detail, advice? }',
    async () => {
      const legs: string[] = [];
      for await (const { leg, ok, detail } of pair.us.diagnose({ host: '10.8.0.2' })) {
        expect(detail).toMatch(/\w+/);
        legs.push(`${leg} ${ok}`);
      }
      expect(legs).toEqual(['browser true', 'relay true', 'endpoint true', 'handshake true', 'inside true']);
    },
  ],
  [
    'close({ timeout }): sends what is queued, closes its sockets',
    ['test/node/tunnel.test.ts', 'close() delivers what was written and ends every socket'],
  ],
  [
    'close: the engine ends with its last handle and zeroes keys',
    ['test/service/key-taken-over.test.ts', 'is silent and has zeroed everything'],
  ],
  [
    'await using works (Symbol.asyncDispose)',
    async () => {
      const tunnel = await Tunnel.open(lonely());
      await tunnel[Symbol.asyncDispose]();
      await expect(tunnel.status()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    },
  ],
  [
    "addEventListener('handshake' | 'peer' | 'transport' | 'error' | 'close'): an EventTarget with typed events",
    async () => {
      const seen: string[] = [];
      const { us, close } = await openTunnelPair();
      expect(us).toBeInstanceOf(EventTarget);
      us.addEventListener('close', (event) => {
        expect(event).toBeInstanceOf(CustomEvent);
        seen.push(event.type);
      });
      await close();
      expect(seen).toEqual(['close']);
    },
  ],
  [
    'event handshake',
    [
      'test/browser/tunnel.spec.ts',
      'a tunnel opens, and its first handshake',
      "addEventListener('handshake'",
    ],
  ],
  [
    'event peer',
    ['test/browser/life.spec.ts', 'after ten minutes of sleep a word of the page', "addEventListener('peer'"],
  ],
  [
    'event transport',
    [
      'test/browser/life.spec.ts',
      'after ten minutes of sleep a word of the page',
      "addEventListener('transport'",
    ],
  ],
  [
    'event error',
    ['test/node/key-in-use.test.ts', 'with takeOver is the second’s', "addEventListener('error'"],
  ],
  [
    'open initiates to every peer that has an endpoint and goes on trying',
    ['test/browser/failures.spec.ts', 'silence is told after the third try, and the tries go on'],
  ],
  [
    'ready of a tunnel whose peers have no endpoints waits for the first peer that calls',
    [
      'test/interop/roles.spec.ts',
      'only answering, directly: we know no endpoint, the peer calls, and we answer',
    ],
  ],
  [
    'ready, opened and closed never raise an unhandled rejection',
    async () => {
      const unhandled: unknown[] = [];
      const note = (reason: unknown) => void unhandled.push(reason);
      process.on('unhandledRejection', note);
      const tunnel = await Tunnel.open(lonely());
      void tunnel.ready;
      new tunnel.TCPSocket('10.9.0.2', 80);
      new tunnel.UDPSocket({ remoteAddress: '10.9.0.2', remotePort: 80 });
      new tunnel.TCPServerSocket('192.0.2.1');
      tunnel.connect('10.9.0.2:80');
      await tunnel.close({ timeout: 0 });
      await new Promise((resolve) => setImmediate(resolve));
      process.off('unhandledRejection', note);
      expect(unhandled).toEqual([]);
    },
  ],
  [
    'nothing blocks on the handshake: a socket opened before it completes waits for it',
    async () => {
      const fresh = await openTunnelPair();
      const { us, them } = fresh;
      await them.close({ timeout: 0 });
      const socket = new us.TCPSocket('10.8.0.2', 80, { timeout: 300 });
      await expect(socket.opened).rejects.toMatchObject({ cause: { code: 'ERR_TIMEOUT' } });
      await fresh.close();
    },
  ],
]);

contract('Errors', [
  [
    'a failure is a TunnelError: code, one sentence, retryable, leg, peer',
    async () => {
      const error: unknown = await Tunnel.open('[Interface]\nAddress = 10.0.0.1/32').catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(TunnelError);
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({ name: 'TunnelError', code: 'ERR_CONFIG', retryable: false });
      const all = new TunnelError('ERR_PSK_MISMATCH', 'They differ.', {
        leg: 'peer',
        peer: 'key',
        retryable: true,
      });
      expect(all).toMatchObject({ leg: 'peer', peer: 'key', retryable: true, message: 'They differ.' });
    },
  ],
  [
    'or the DOMException that the followed standard prescribes, with the TunnelError as its cause',
    async () => {
      const socket = new pair.us.TCPSocket('10.8.0.2', 1);
      const error: unknown = await socket.opened.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DOMException);
      expect(error).toMatchObject({
        name: 'NetworkError',
        cause: { code: 'ERR_CONNECTION_REFUSED', leg: 'inside' },
      });
      expect((error as { cause: unknown }).cause).toBeInstanceOf(TunnelError);
    },
  ],
  ['the Node stand-ins map them to Node’s own', ['test/shims/net.test.ts', 'tells who refuses']],
]);
