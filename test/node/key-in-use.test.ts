// One private key, two tunnels in this process.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { derivePublicKey, generatePrivateKey, Tunnel } from '../../src/node/index.ts';
import { DatagramTap } from '../support/datagram-tap.ts';
import { freeUdpPort } from '../support/free-port.ts';

const ours = generatePrivateKey();
let server: Tunnel;
let tap: DatagramTap;
let config: string;
const opened: Tunnel[] = [];

async function open(options: { takeOver?: boolean } = {}): Promise<Tunnel> {
  const tunnel = await Tunnel.open(config, options);
  opened.push(tunnel);
  return tunnel;
}

beforeEach(async () => {
  const theirs = generatePrivateKey();
  const port = await freeUdpPort();
  server = await Tunnel.open(`[Interface]
PrivateKey = ${theirs}
Address = 10.9.0.1/24
ListenPort = ${port}
[Peer]
PublicKey = ${derivePublicKey(ours)}
AllowedIPs = 10.9.0.2/32`);
  tap = await DatagramTap.start(port);
  config = `[Interface]
PrivateKey = ${ours}
Address = 10.9.0.2/24
[Peer]
PublicKey = ${derivePublicKey(theirs)}
AllowedIPs = 10.9.0.0/24
Endpoint = 127.0.0.1:${tap.port}`;
});

afterEach(async () => {
  await Promise.all([...opened.splice(0), server].map((tunnel) => tunnel.close({ timeout: 0 })));
  tap.stop();
});

async function ping(tunnel: Tunnel): Promise<boolean> {
  for await (const { ok } of tunnel.ping('10.9.0.1', { count: 1, timeout: 2000 })) return ok;
  return false;
}

describe('a private key that a tunnel of this process uses', () => {
  it('opens no second tunnel, and the first does not notice', async () => {
    const first = await open();
    await first.ready;
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_IN_USE',
      retryable: true,
      message:
        'A tunnel with this private key is already open in this process. Close it, or open this one with `takeOver: true`.',
    });
    expect(await ping(first)).toBe(true);
    expect(tap.clients.size).toBe(1);
  });

  it('is free when close() has resolved', async () => {
    for (let i = 0; i < 3; i++) {
      const tunnel = await Tunnel.open(config);
      await tunnel.close({ timeout: 0 });
    }
  });

  it('is free again when opening failed after the key was claimed', async () => {
    await expect(Tunnel.open(config, { relay: 'https://not-a-websocket.example/' })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
    });
    const tunnel = await open();
    await tunnel.ready;
  });

  it('with takeOver is the second’s: the first says why, its sockets end with that, and it is silent', async () => {
    const first = await open();
    await first.ready;
    const serving = new server.TCPServerSocket('0.0.0.0', { localPort: 80 });
    await serving.opened;
    const socket = new first.TCPSocket('10.9.0.1', 80);
    const { writable } = await socket.opened;
    const bound = new first.UDPSocket({ remoteAddress: '10.9.0.1', remotePort: 9 });
    await bound.opened;
    const events: string[] = [];
    first.addEventListener('error', ({ detail: { error } }) => events.push(`error: ${error.message}`));
    first.addEventListener('close', () => events.push('close'));
    // It has much to say, and goes on trying.
    const writer = writable.getWriter();
    const writing = writer.write(new Uint8Array(8 << 20)).then(
      () => 'written',
      (error: Error & { cause?: { code: string } }) => error.cause?.code,
    );
    const closings = [socket.closed, bound.closed].map((closed) =>
      closed.then(
        () => 'closed',
        (error: Error & { cause?: { code: string } }) => error.cause?.code,
      ),
    );

    const second = await open({ takeOver: true });
    await second.ready;
    // What was in a socket of the system when the key went still arrives; nothing follows.
    await delay(20);
    const before = total(0);
    expect(await ping(second)).toBe(true);
    await delay(300);

    expect(events).toEqual([
      'error: Another tunnel in this process has taken over this private key.',
      'close',
    ]);
    expect(await Promise.all([writing, ...closings])).toEqual(['ERR_IN_USE', 'ERR_IN_USE', 'ERR_IN_USE']);
    await expect(first.status()).rejects.toMatchObject({ code: 'ERR_IN_USE' });
    expect(tap.clients.size).toBe(2);
    expect(total(0)).toBe(before);
    expect(total(1)).toBeGreaterThan(2);
    // Accepted at once: one initiation was enough.
    expect([...tap.clients.values()][1]!.sent.get(1)).toBe(1);
  });
});

/** Datagrams of the n-th who sent. */
function total(n: number): number {
  return [...tap.clients.values()][n]!.datagrams.length;
}
