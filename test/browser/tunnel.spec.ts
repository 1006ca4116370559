import { expect, openTunnel, test } from '../support/browser-test.ts';

test('a tunnel opens, and its first handshake resolves ready', async ({ page, demo }) => {
  const seen = await page.evaluate(
    async ([config, relay]) => {
      const tunnel = await window.tabwire.Tunnel.open(config, { relay });
      const events: string[] = [];
      tunnel.addEventListener('handshake', () => events.push('handshake'));
      const result = await tunnel.ready;
      const status = await tunnel.status();
      await tunnel.close();
      return {
        result,
        events,
        status: { ...status, peers: status.peers.length },
        text: JSON.stringify(status),
      };
    },
    [demo.config, demo.relay.url] as const,
  );
  expect(seen.result).toBeUndefined();
  expect(seen.events).toEqual(['handshake']);
  expect(seen.status).toMatchObject({
    publicKey: demo.keys.publicKey,
    peers: 1,
    transport: { state: 'open' },
  });
  expect(seen.text).not.toContain(demo.keys.privateKey);
});

test('ping reaches the peer over IPv4 and IPv6', async ({ page, demo }) => {
  await openTunnel(page, demo);
  for (const host of [demo.peer4, demo.peer6]) {
    const replies = await page.evaluate(
      (host) => window.page.pings(window.tunnel, host, { count: 3, interval: 20 }),
      host,
    );
    expect(replies).toMatchObject([
      { ok: true, from: host, bytes: 56, duplicate: false },
      { ok: true, from: host, bytes: 56, duplicate: false },
      { ok: true, from: host, bytes: 56, duplicate: false },
    ]);
  }
});

test('a download of the demo site arrives whole', async ({ page, demo }) => {
  await openTunnel(page, demo);
  for (const host of [demo.peer4, demo.peer6]) {
    const got = await page.evaluate(([host, path]) => window.page.download(window.tunnel, host, path), [
      host,
      demo.downloadPath,
    ] as const);
    expect(got).toMatchObject({ status: 200, bytes: 8 * 1024 * 1024 });
    expect(got.reprDigest).toBe(`sha-256=:${Buffer.from(got.sha256, 'hex').toString('base64')}:`);
  }
});

test('UDP datagrams come back from an echo, empty and full ones too', async ({ page, demo }) => {
  await openTunnel(page, demo);
  const sizes = await page.evaluate(async (host) => {
    const socket = new window.tunnel.UDPSocket({ remoteAddress: host, remotePort: 7 });
    const { readable, writable } = await socket.opened;
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    const same: number[] = [];
    for (const size of [0, 1, 512, 1392]) {
      const data = window.page.pattern(size, size + 1);
      await writer.write({ data });
      const { value } = await reader.read();
      const bytes = value!.data;
      if (bytes.length === size && bytes.every((byte, i) => byte === data[i])) same.push(size);
    }
    reader.releaseLock();
    writer.releaseLock();
    await socket.close();
    return same;
  }, demo.peer4);
  expect(sizes).toEqual([0, 1, 512, 1392]);
});

test('each direction of a TCP connection ends by itself', async ({ page, demo }) => {
  await openTunnel(page, demo);
  const { echoed, sent } = await page.evaluate(async (host) => {
    const data = window.page.pattern(300_000);
    // Our FIN goes first; the echo's bytes and its FIN come after it.
    const echoed = await window.page.exchange(window.tunnel, host, 7, data);
    return { echoed: await window.page.sha256(echoed), sent: await window.page.sha256(data) };
  }, demo.peer4);
  expect(echoed).toBe(sent);
});

test('a server in the page accepts, and may go on writing after its client ended', async ({ page, demo }) => {
  await openTunnel(page, demo);
  const seen = await page.evaluate(async (host) => {
    const server = new window.tunnel.TCPServerSocket('::', { localPort: 4000, backlog: 4 });
    const { readable, localPort } = await server.opened;
    const reader = readable.getReader();
    // The page calls itself: its own address never leaves the stack.
    const answer = window.page.exchange(window.tunnel, host, localPort, 'question');
    const { value: socket } = await reader.read();
    const { readable: asked, writable, remoteAddress } = await socket!.opened;
    const question = new TextDecoder().decode(await window.page.readAll(asked));
    await window.page.send(writable, `late answer to ${question}`);
    await writable.close();
    reader.releaseLock();
    await server.close();
    const refused = await window.page.failure(new window.tunnel.TCPSocket(host, localPort).opened);
    return { remoteAddress, answer: new TextDecoder().decode(await answer), refused: refused.cause?.code };
  }, demo.our4);
  expect(seen).toEqual({
    remoteAddress: expect.stringContaining(demo.our4),
    answer: 'late answer to question',
    refused: 'ERR_CONNECTION_REFUSED',
  });
});

test('a hundred sockets at once each get their own bytes', async ({ page, demo }) => {
  await openTunnel(page, demo);
  const wrong = await page.evaluate(async (host) => {
    const one = async (seed: number): Promise<boolean> => {
      const data = window.page.pattern(20_000, seed);
      const echoed = await window.page.exchange(window.tunnel, host, 7, data);
      return echoed.length === data.length && echoed.every((byte, i) => byte === data[i]);
    };
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => one(i + 1)));
    return results.filter((ok) => !ok).length;
  }, demo.peer4);
  expect(wrong).toBe(0);
});

test("a read into one's own buffer works", async ({ page, demo }) => {
  await openTunnel(page, demo);
  const text = await page.evaluate(async (host) => {
    const socket = new window.tunnel.TCPSocket(host, 7);
    const { readable, writable } = await socket.opened;
    await window.page.send(writable, 'into my own buffer');
    const reader = readable.getReader({ mode: 'byob' });
    let bytes = new Uint8Array(18);
    for (let at = 0; at < 18; ) {
      const { value } = await reader.read(new Uint8Array(bytes.buffer, at, 18 - at));
      at += value!.byteLength;
      bytes = new Uint8Array(value!.buffer);
    }
    reader.releaseLock();
    await socket.close();
    return new TextDecoder().decode(bytes);
  }, demo.peer4);
  expect(text).toBe('into my own buffer');
});

test('write() waits for room, and the peer gets every byte', async ({ page, demo }) => {
  await openTunnel(page, demo);
  const result = await page.evaluate(async (host) => {
    const size = 24 * 1024 * 1024;
    const data = window.page.pattern(size);
    const socket = new window.tunnel.TCPSocket(host, 7);
    const { readable, writable } = await socket.opened;
    const writer = writable.getWriter();
    let written = 0;
    const writing = (async () => {
      for (let at = 0; at < size; at += 65_536) {
        await writer.write(data.subarray(at, at + 65_536));
        written += 65_536;
      }
      await writer.close();
    })();
    // Nobody reads the echo: its window closes, then the echo stops reading, then our window closes.
    let last = -1;
    while (written !== last) {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
    const stalledAt = written;
    const echoed = await window.page.readAll(readable);
    await writing;
    return {
      size,
      stalledAt,
      sent: await window.page.sha256(data),
      echoed: await window.page.sha256(echoed),
    };
  }, demo.peer4);
  expect(result.stalledAt).toBeLessThan(result.size);
  expect(result.echoed).toBe(result.sent);
});

test("closing the tunnel ends its sockets and frees the page's worker", async ({ page, demo }) => {
  await openTunnel(page, demo);
  expect(page.workers()).toHaveLength(1);
  const after = await page.evaluate(async (host) => {
    const socket = new window.tunnel.TCPSocket(host, 7);
    await socket.opened;
    await window.tunnel.close();
    await window.tunnel.close();
    return {
      socket: await window.page.failure(socket.closed),
      status: await window.page.failure(window.tunnel.status()),
      connect: await window.page.failure(new window.tunnel.TCPSocket(host, 7).opened),
    };
  }, demo.peer4);
  expect(after.status).toMatchObject({ name: 'TunnelError', code: 'ERR_CLOSED' });
  expect(after.connect).toMatchObject({ name: 'NetworkError', cause: { code: 'ERR_CLOSED' } });
  expect(after.socket).toMatchObject({ name: 'NetworkError', cause: { code: 'ERR_CLOSED' } });
  await expect.poll(() => page.workers().length).toBe(0);
});
