// A transport that has to show relays a token.
import { describe, expect, it } from 'vitest';
import { plainMemory } from '../../src/core/packet-buffer.ts';
import { WELCOME } from '../../src/core/wire/relay.ts';
import type { TokenSource } from '../../src/transport/relay-token.ts';
import { RelayTransport } from '../../src/transport/relay-transport.ts';
import { settled } from '../relay/relay-client.ts';
import { FakeHost, RecordingReceiver } from './fake-host.ts';

const URL_A = 'wss://a.example/v1';

async function setUp(token: TokenSource) {
  const host = new FakeHost();
  const memory = plainMemory();
  const transport = new RelayTransport({ urls: [URL_A], memory, clock: host.time, host, token });
  const receiver = new RecordingReceiver();
  transport.receiver = receiver;
  transport.endpointFor('192.0.2.1', 51820);
  await settled(1);
  return { host, transport, receiver };
}

/** Gives `token-1`, `token-2` … and notes why it was asked. */
function counting() {
  const reasons: string[] = [];
  const source: TokenSource = (reason) => Promise.resolve(`token-${reasons.push(reason)}`);
  return { reasons, source };
}

function welcome(host: FakeHost): void {
  host.socket.open();
  host.socket.control({
    type: WELCOME,
    version: 1,
    maxChannels: 4,
    maxDatagram: 2048,
    maxMessage: 65_535,
    idleSeconds: 600,
    graceSeconds: 0,
    secret: new Uint8Array(16),
    datagramsPerSecond: 1000,
    bytesPerSecond: 1_000_000,
    sessionId: new Uint8Array(8),
  });
}

describe('a token', () => {
  it('goes with the subprotocol, not into the URL', async () => {
    const { source } = counting();
    const { host } = await setUp(source);
    expect(host.socket.protocols).toEqual(['wgrelay.v1', 'wgrelay.bearer.token-1']);
    expect(host.socket.url).not.toContain('token');
  });

  it('is asked for again at each connection', async () => {
    const { source, reasons } = counting();
    const { host } = await setUp(source);
    welcome(host);
    host.socket.fail();
    host.time.advance(1000);
    await settled(1);
    expect(reasons).toEqual(['connect', 'reconnect']);
    expect(host.socket.protocols[1]).toBe('wgrelay.bearer.token-2');
  });

  it('that was refused is replaced at once, with the reason, but only once', async () => {
    const { source, reasons } = counting();
    const { host, receiver } = await setUp(source);
    host.socket.open();
    host.socket.fail(4401, 'token_expired: 3000 s ago');
    await settled(1);
    expect(reasons).toEqual(['connect', 'token_expired']);
    expect(host.sockets).toHaveLength(2);
    host.socket.open();
    host.socket.fail(4401, 'token_revoked');
    await settled(1);
    expect(host.sockets).toHaveLength(2);
    expect(receiver.state.state).toBe('failed');
    expect((receiver.state as { error: Error }).error.message).toContain('token_revoked');
  });

  it('that was accepted in between may be refused and replaced again', async () => {
    const { source, reasons } = counting();
    const { host } = await setUp(source);
    for (let i = 0; i < 3; i++) {
      host.socket.open();
      host.socket.fail(4401, 'token_expired');
      await settled(1);
      welcome(host);
      host.socket.fail();
      host.time.advance(10_000);
      await settled(1);
    }
    expect(reasons.filter((reason) => reason === 'token_expired')).toHaveLength(3);
  });

  it('that is the same as the refused one is not shown again', async () => {
    const { host, receiver } = await setUp(() => Promise.resolve('always-the-same'));
    host.socket.open();
    host.socket.fail(4401, 'token_expired');
    await settled(1);
    expect(host.sockets).toHaveLength(1);
    expect(receiver.state).toMatchObject({ state: 'failed', error: { code: 'ERR_RELAY_AUTH' } });
  });

  it('that cannot be had now is asked for later', async () => {
    let isLoggedIn = false;
    const source = () => (isLoggedIn ? Promise.resolve('fine') : Promise.reject(new Error('log in first')));
    const { host, receiver } = await setUp(source);
    expect(host.sockets).toHaveLength(0);
    expect(receiver.state).toMatchObject({
      state: 'waiting',
      error: { code: 'ERR_RELAY_AUTH', retryable: true },
    });
    expect((receiver.state as { error: Error }).error.message).toContain('log in first.');
    isLoggedIn = true;
    host.time.advance(30_000);
    await settled(1);
    expect(host.socket.protocols[1]).toBe('wgrelay.bearer.fine');
  });

  it.each(['', 'two words', 'x'.repeat(3000), 'täg', undefined as unknown as string])(
    'that is none (%j) is never sent',
    async (text) => {
      const { host, receiver } = await setUp(() => Promise.resolve(text));
      expect(host.sockets).toHaveLength(0);
      expect(receiver.state).toMatchObject({ state: 'failed', error: { code: 'ERR_RELAY_AUTH' } });
      if (text) expect((receiver.state as { error: Error }).error.message).not.toContain(text);
    },
  );

  it('that comes after the tunnel is closed, or never, opens nothing', async () => {
    let give = (_: string): void => {};
    const { host, transport, receiver } = await setUp(() => new Promise((resolve) => (give = resolve)));
    host.time.advance(119_000);
    expect(receiver.state.state).toBe('connecting');
    host.time.advance(1000);
    expect(receiver.state).toMatchObject({ state: 'waiting', error: { code: 'ERR_RELAY_AUTH' } });
    give('late');
    await settled(1);
    expect(host.sockets).toHaveLength(0);
    host.time.advance(30_000);
    transport.close();
    give('later still');
    await settled(1);
    expect(host.sockets).toHaveLength(0);
  });
});
