import { expect, openTunnel, test } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';

test('the page pings the peer over IPv4 and IPv6 @core', async ({ page, startLab }) => {
  const lab = await startLab();
  await openTunnel(page, lab);
  for (const host of [INNER.peer4, INNER.peer6]) {
    const replies = await page.evaluate(
      (host) => window.page.pings(window.tunnel, host, { count: 5, interval: 20, size: 56 }),
      host,
    );
    expect(replies).toHaveLength(5);
    for (const [index, reply] of replies.entries())
      expect(reply).toMatchObject({
        ok: true,
        sequence: replies[0]!.sequence + index,
        from: host,
        bytes: 56,
      });
    expect(Math.min(...replies.map((reply) => (reply.ok ? reply.rtt : Infinity)))).toBeLessThan(1000);
  }
});

test('the peer pings the page over IPv4 and IPv6, small and as large as the MTU takes @core', async ({
  page,
  startLab,
}) => {
  const lab = await startLab();
  await openTunnel(page, lab);
  for (const [host, largest] of [
    [INNER.our4, 1420 - 28],
    [INNER.our6, 1420 - 48],
  ] as const)
    for (const size of [0, 56, largest]) {
      const said = await lab.peer.exec(
        'ping',
        '-n',
        '-c',
        '5',
        '-i',
        '0.05',
        // Until five are answered: else it waits two round trips for the last, which is little on a busy machine.
        '-w',
        '5',
        '-s',
        String(size),
        host,
      );
      const answered = [...said.matchAll(/icmp_seq=(\d+)/g)].map(([, sequence]) => Number(sequence));
      expect(answered).toEqual([1, 2, 3, 4, 5]);
    }
});

test('a ping that nobody answers is a value, not an error', async ({ page, startLab }) => {
  const lab = await startLab();
  await openTunnel(page, lab);
  await lab.peer.exec('sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_all=1');
  const replies = await page.evaluate(
    (host) => window.page.pings(window.tunnel, host, { count: 2, interval: 50, timeout: 300 }),
    INNER.peer4,
  );
  expect(replies).toMatchObject([
    { ok: false, reason: 'timeout' },
    { ok: false, reason: 'timeout' },
  ]);
});

for (const [family, address] of [
  ['IPv4', INNER.our4],
  ['IPv6', INNER.our6],
] as const)
  test(`the peer opens a TCP connection to a TCPServerSocket in the page over inner ${family}${family === 'IPv4' ? ' @core' : ''}`, async ({
    page,
    startLab,
  }) => {
    const lab = await startLab();
    await openTunnel(page, lab);
    await page.evaluate(async () => {
      const server = new window.tunnel.TCPServerSocket('::', { localPort: 8080 });
      const { readable } = await server.opened;
      void (async () => {
        for await (const socket of readable as unknown as AsyncIterable<
          InstanceType<typeof window.tunnel.TCPSocket>
        >) {
          const connection = await socket.opened;
          void connection.readable.pipeTo(connection.writable);
        }
      })();
    });
    for (const size of [1, 1_000_000]) {
      const said = await lab.connectFromPeer(address, 8080, size);
      const [, sent, received, bytes] = /^sent (\w+) received (\w+) (\d+)$/m.exec(said)!;
      expect(Number(bytes)).toBe(size);
      expect(received).toBe(sent);
    }
  });

test('a hundred connections at once to a page that closes each at once all end well', async ({
  page,
  startLab,
}) => {
  const lab = await startLab();
  await openTunnel(page, lab);
  await page.evaluate(async () => {
    const server = new window.tunnel.TCPServerSocket('::', { localPort: 8080 });
    const { readable } = await server.opened;
    void (async () => {
      for await (const socket of readable as unknown as AsyncIterable<
        InstanceType<typeof window.tunnel.TCPSocket>
      >)
        void socket.opened.then(() => socket.close());
    })();
  });
  for (const address of [INNER.our4, INNER.our6])
    for (const endsToo of [false, true]) {
      const script = `
        const { connect } = require('node:net');
        const told = {};
        for (let i = 0; i < 100; i++) {
          const count = (how) => { told[how] = (told[how] ?? 0) + 1; };
          const socket = connect({ host: '${address}', port: 8080, allowHalfOpen: ${endsToo} });
          socket.on('connect', () => ${endsToo} && socket.end());
          socket.on('error', ({ code }) => count(code)).on('end', () => count('end')).resume();
        }
        process.on('exit', () => console.log(JSON.stringify(told)));
        setTimeout(() => process.exit(1), 20000).unref();`;
      const told: unknown = JSON.parse(await lab.peer.exec(process.execPath, '-e', script));
      expect(told, `to ${address}`).toEqual({ end: 100 });
    }
});

test('a refused port rejects with the DOMException of Direct Sockets, our code as its cause @core', async ({
  page,
  startLab,
}) => {
  const lab = await startLab();
  await openTunnel(page, lab);
  const failure = await page.evaluate(
    (host) => window.page.failure(new window.tunnel.TCPSocket(host, 4).opened),
    INNER.peer4,
  );
  expect(failure).toMatchObject({
    name: 'NetworkError',
    cause: { name: 'TunnelError', code: 'ERR_CONNECTION_REFUSED', leg: 'inside' },
  });
});

test("a page that does not read closes the peer's window, and opens it by reading on @core", async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ services: true });
  await openTunnel(page, lab);
  await page.evaluate(async (host) => {
    const socket = new window.tunnel.TCPSocket(host, 19);
    const { readable } = await socket.opened;
    Object.assign(window, { socket, reader: readable.getReader() });
  }, INNER.peer4);
  const accepted = () => Number([...lab.services!.output.matchAll(/^accepted (\d+)$/gm)].pop()?.[1] ?? 0);
  // The sender's own buffers (Linux: up to 4 MiB, Node: 64 KiB) and ours fill; then nothing moves.
  let last = -1;
  await expect
    .poll(
      () => {
        const still = accepted() === last && last > 0;
        last = accepted();
        return still;
      },
      { intervals: [700], timeout: 10_000 },
    )
    .toBe(true);
  const held = accepted();
  expect(held).toBeLessThan(16 * 1024 * 1024);
  const read = await page.evaluate(async () => {
    const { reader, socket } = window as unknown as {
      reader: ReadableStreamDefaultReader<Uint8Array>;
      socket: { close(): Promise<void> };
    };
    let total = 0;
    while (total < 24 * 1024 * 1024) total += (await reader.read()).value!.length;
    await reader.cancel();
    reader.releaseLock();
    await socket.close();
    return total;
  });
  expect(read).toBeGreaterThan(held);
  expect(accepted()).toBeGreaterThan(held);
});
