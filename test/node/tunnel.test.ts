// Two whole engines in this process, over real UDP sockets on loopback: what a page has, without the page.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { derivePublicKey, generatePresharedKey, generatePrivateKey, Tunnel } from '../../src/node/index.ts';
import { createRelay } from '../../src/relay-host/index.ts';
import { freeUdpPort } from '../support/free-port.ts';

async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(
    await new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer(),
  );
}

function pattern(length: number, seed = 7): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16;
  return bytes;
}

describe('two tunnels over UDP', () => {
  let alice: Tunnel;
  let bob: Tunnel;

  beforeAll(async () => {
    const [a, b, psk] = [generatePrivateKey(), generatePrivateKey(), generatePresharedKey()];
    const port = await freeUdpPort();
    bob = await Tunnel.open(`[Interface]
PrivateKey = ${b}
Address = 10.7.0.1/24, fd07::1/64
ListenPort = ${port}
[Peer]
PublicKey = ${derivePublicKey(a)}
PresharedKey = ${psk}
AllowedIPs = 10.7.0.2/32, fd07::2/128`);
    alice = await Tunnel.open(`[Interface]
PrivateKey = ${a}
Address = 10.7.0.2/24, fd07::2/64
[Peer]
PublicKey = ${derivePublicKey(b)}
PresharedKey = ${psk}
AllowedIPs = 10.7.0.0/24, fd07::/64
Endpoint = 127.0.0.1:${port}`);
    await alice.ready;
  });

  afterAll(async () => {
    await Promise.all([alice?.close(), bob?.close()]);
  });

  it('are ready and agree in their status', async () => {
    await bob.ready;
    const [a, b] = await Promise.all([alice.status(), bob.status()]);
    expect(a.peers[0]).toMatchObject({ publicKey: b.publicKey, presharedKey: true, handshakeAttempts: 0 });
    expect(a.peers[0]!.latestHandshake).toBeInstanceOf(Date);
    expect(b.peers[0]!.transferRx).toBeGreaterThan(148);
  });

  it.each(['10.7.0.1', 'fd07::1'])('ping %s', async (host) => {
    const replies = [];
    for await (const reply of alice.ping(host, { count: 3, interval: 10, size: 100 })) replies.push(reply);
    expect(replies).toHaveLength(3);
    for (const [sequence, reply] of replies.entries()) {
      expect(reply).toMatchObject({ ok: true, sequence, from: host, bytes: 100, ttl: 64, duplicate: false });
    }
  });

  it('a ping without an answer is a value', async () => {
    const replies = [];
    for await (const reply of alice.ping('10.7.0.99', { count: 1, timeout: 50 })) replies.push(reply);
    expect(replies).toEqual([{ ok: false, sequence: 0, reason: 'timeout' }]);
  });

  it.each(['10.7.0.1', 'fd07::1'])('4 MiB each way at once through %s, with half-closes', async (host) => {
    const server = new bob.TCPServerSocket('::', { localPort: 8001 });
    const { readable } = await server.opened;
    const client = new alice.TCPSocket(host, 8001);
    const accepted = readable.getReader();
    const [opened, { value: peer }] = await Promise.all([client.opened, accepted.read()]);
    const other = await peer!.opened;
    expect(other.remotePort).toBe(opened.localPort);
    const [up, down] = [pattern(4 << 20, 1), pattern(4 << 20, 2)];
    const send = async (writable: WritableStream<BufferSource>, bytes: Uint8Array<ArrayBuffer>) => {
      const writer = writable.getWriter();
      for (let at = 0; at < bytes.length; at += 100_000) await writer.write(bytes.subarray(at, at + 100_000));
      await writer.close();
    };
    const [gotUp, gotDown] = await Promise.all([
      readAll(other.readable),
      readAll(opened.readable),
      send(opened.writable, up),
      send(other.writable, down),
    ]);
    expect(Buffer.compare(gotUp, up)).toBe(0);
    expect(Buffer.compare(gotDown, down)).toBe(0);
    await expect(client.closed).resolves.toBeUndefined();
    await expect(peer!.closed).resolves.toBeUndefined();
    accepted.releaseLock();
    await server.close();
  });

  it('a BYOB reader gets its buffer filled', async () => {
    const server = new bob.TCPServerSocket('0.0.0.0', { localPort: 8002 });
    const accepted = (await server.opened).readable.getReader();
    const client = new alice.TCPSocket('10.7.0.1', 8002);
    const { readable } = await client.opened;
    const { writable } = await (await accepted.read()).value!.opened;
    const writer = writable.getWriter();
    const reader = readable.getReader({ mode: 'byob' });
    const reading = reader.read(new Uint8Array(10));
    await writer.write(Uint8Array.of(1, 2, 3));
    expect((await reading).value).toEqual(Uint8Array.of(1, 2, 3));
    await writer.close();
    const end = await reader.read(new Uint8Array(10));
    expect(end.done).toBe(true);
    reader.releaseLock();
    await client.close();
    accepted.releaseLock();
    await server.close();
  });

  it('a socket is an instance of what made it, and an accepted one of TCPSocket', async () => {
    const server = new bob.TCPServerSocket('0.0.0.0', { localPort: 8004 });
    const datagrams = new bob.UDPSocket({ localAddress: '0.0.0.0', localPort: 8004 });
    const accepted = (await server.opened).readable.getReader();
    const client = new alice.TCPSocket('10.7.0.1', 8004);
    await Promise.all([client.opened, datagrams.opened]);
    const { value: peer } = await accepted.read();
    expect(client).toBeInstanceOf(alice.TCPSocket);
    expect(peer).toBeInstanceOf(bob.TCPSocket);
    expect(server).toBeInstanceOf(bob.TCPServerSocket);
    expect(datagrams).toBeInstanceOf(bob.UDPSocket);
    expect(datagrams).not.toBeInstanceOf(bob.TCPSocket);
    for (const name of ['TCPSocket', 'TCPServerSocket', 'UDPSocket'] as const) {
      expect(alice[name].name).toBe(name);
      expect(() => Reflect.apply(alice[name], undefined, ['10.7.0.1', 8004])).toThrow(TypeError);
    }
    accepted.releaseLock();
    await Promise.all([client.close(), peer!.close(), server.close(), datagrams.close()]);
  });

  it('a refused connection is a NetworkError with the TunnelError as its cause', async () => {
    const client = new alice.TCPSocket('10.7.0.1', 9999);
    await expect(client.opened).rejects.toMatchObject({
      name: 'NetworkError',
      cause: { code: 'ERR_CONNECTION_REFUSED' },
    });
    await expect(client.closed).rejects.toMatchObject({ name: 'NetworkError' });
  });

  it('an address that no peer has is refused at once', async () => {
    await expect(new alice.TCPSocket('192.0.2.1', 80).opened).rejects.toMatchObject({
      cause: { code: 'ERR_NO_ROUTE' },
    });
    await expect(new alice.TCPSocket('db.internal', 80).opened).rejects.toMatchObject({
      cause: { code: 'ERR_NAME_NOT_RESOLVED' },
    });
  });

  it('a connection that is not established in time fails with ERR_TIMEOUT', async () => {
    const client = new alice.TCPSocket('10.7.0.77', 80, { timeout: 60 });
    await expect(client.opened).rejects.toMatchObject({ cause: { code: 'ERR_TIMEOUT' } });
  });

  it('an aborted connection rejects with the reason of the signal', async () => {
    const controller = new AbortController();
    const client = new alice.TCPSocket('10.7.0.77', 80, { signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    await expect(client.opened).rejects.toThrow('changed my mind');
  });

  it('a peer that does not read stops the writer, and nothing is lost when it goes on', async () => {
    const server = new bob.TCPServerSocket('0.0.0.0', { localPort: 8003 });
    const accepted = (await server.opened).readable.getReader();
    const client = new alice.TCPSocket('10.7.0.1', 8003);
    const { writable } = await client.opened;
    const peer = await (await accepted.read()).value!.opened;
    const total = 48 << 20;
    const chunk = pattern(1 << 20);
    let written = 0;
    const writing = (async () => {
      const writer = writable.getWriter();
      for (; written < total; written += chunk.length) await writer.write(chunk);
      await writer.close();
    })();
    let before = -1;
    while (written !== before) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(written).toBeLessThan(24 << 20);
    let received = 0;
    for await (const bytes of peer.readable) received += bytes.length;
    await writing;
    expect(received).toBe(total);
    accepted.releaseLock();
    await server.close();
  });

  it('datagrams go both ways, empty ones too', async () => {
    const bound = new bob.UDPSocket({ localAddress: '::', localPort: 5353 });
    const server = await bound.opened;
    server.readable.pipeTo(server.writable).catch(() => {}); // ends with the tunnel
    const client = new alice.UDPSocket({ remoteAddress: 'fd07::1', remotePort: 5353 });
    const { readable, writable } = await client.opened;
    const writer = writable.getWriter();
    const reader = readable.getReader();
    for (const size of [0, 1, 1000, 1372]) {
      await writer.write({ data: pattern(size) });
      const { value } = await reader.read();
      expect(value!.data).toEqual(pattern(size));
      expect(value!.remoteAddress).toBeUndefined();
    }
    writer.releaseLock();
    reader.releaseLock();
    await client.close();
  });

  it('close() delivers what was written and ends every socket', async () => {
    const [key, other] = [generatePrivateKey(), generatePrivateKey()];
    const port = await freeUdpPort();
    const server = await Tunnel.open(
      `[Interface]\nPrivateKey=${other}\nAddress=10.8.0.1/24\nListenPort=${port}\n[Peer]\nPublicKey=${derivePublicKey(key)}\nAllowedIPs=10.8.0.2/32`,
    );
    const client = await Tunnel.open(
      `[Interface]\nPrivateKey=${key}\nAddress=10.8.0.2/24\n[Peer]\nPublicKey=${derivePublicKey(other)}\nAllowedIPs=10.8.0.0/24\nEndpoint=127.0.0.1:${port}`,
    );
    const accepted = (
      await new server.TCPServerSocket('0.0.0.0', { localPort: 1 }).opened
    ).readable.getReader();
    const socket = new client.TCPSocket('10.8.0.1', 1);
    const writer = (await socket.opened).writable.getWriter();
    const peer = await (await accepted.read()).value!.opened;
    const reading = readAll(peer.readable);
    await writer.write(pattern(200_000));
    await client.close();
    expect(await reading).toHaveLength(200_000);
    await expect(socket.closed).rejects.toMatchObject({ cause: { code: 'ERR_CLOSED' } });
    await expect(client.status()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await client.close();
    await server.close({ timeout: 0 });
  });
});

describe('a tunnel over a relay, in Node', () => {
  it('has the same sockets as one over UDP, and says how far the relay is', async () => {
    const [key, other] = [generatePrivateKey(), generatePrivateKey()];
    const port = await freeUdpPort();
    const server = await Tunnel.open(
      `[Interface]\nPrivateKey=${other}\nAddress=10.8.0.1/24\nListenPort=${port}\n[Peer]\nPublicKey=${derivePublicKey(key)}\nAllowedIPs=10.8.0.2/32`,
    );
    const relay = createRelay({ listen: '127.0.0.1:0', allow: [`127.0.0.1:${port}`], allowNoOrigin: true });
    const { url } = await relay.listen();
    const client = await Tunnel.open(
      `[Interface]\nPrivateKey=${key}\nAddress=10.8.0.2/24\n[Peer]\nPublicKey=${derivePublicKey(other)}\nAllowedIPs=10.8.0.0/24\nEndpoint=127.0.0.1:${port}`,
      { relay: url },
    );
    await client.ready;
    const accepted = (
      await new server.TCPServerSocket('0.0.0.0', { localPort: 80 }).opened
    ).readable.getReader();
    const { writable, readable } = await new client.TCPSocket('10.8.0.1', 80).opened;
    const peer = await (await accepted.read()).value!.opened;
    const writer = writable.getWriter();
    const bytes = pattern(1 << 20);
    const echo = peer.readable.pipeTo(peer.writable);
    const [back] = await Promise.all([
      readAll(readable),
      writer.write(bytes).then(() => writer.close()),
      echo,
    ]);
    expect(Buffer.compare(back, bytes)).toBe(0);
    const { transport, peers } = await client.status();
    expect(transport).toMatchObject({ state: 'open', via: url, problems: [] });
    expect(transport.rtt).toBeGreaterThan(0);
    // Behind a relay, a keepalive is assumed where the file says nothing.
    expect(peers[0]!.persistentKeepalive).toBe(25);
    await client.close({ timeout: 0 });
    await server.close({ timeout: 0 });
    await relay.close();
  });
});
