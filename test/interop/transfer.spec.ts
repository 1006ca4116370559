import { expect, openTunnel, test } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';

const MIB = 1024 * 1024;

for (const [family, host] of [
  ['IPv4', INNER.peer4],
  ['IPv6', INNER.peer6],
] as const)
  test(`the page downloads 32 MiB from behind the peer over inner ${family} @core`, async ({
    page,
    startLab,
  }) => {
    const lab = await startLab({ files: [32 * MIB] });
    await openTunnel(page, lab);
    const file = lab.nginx!.files[0]!;
    const got = await page.evaluate(([host, path]) => window.page.download(window.tunnel, host, path), [
      host,
      file.path,
    ] as const);
    expect(got).toMatchObject({ status: 200, bytes: file.size, sha256: file.sha256 });
  });

test('the page uploads 32 MiB to a sink behind the peer @core', async ({ page, startLab }) => {
  const lab = await startLab({ services: true });
  await openTunnel(page, lab);
  const { answer, sent } = await page.evaluate(
    async ([host, size]) => {
      const { pattern, sha256 } = window.page;
      const data = pattern(size);
      const sent = `${size} ${await sha256(data)}`;
      const socket = new window.tunnel.TCPSocket(host, 9);
      const { readable, writable } = await socket.opened;
      const answer = window.page.readAll(readable);
      const writer = writable.getWriter();
      for (let at = 0; at < size; at += 65_536) {
        await writer.ready;
        await writer.write(data.subarray(at, at + 65_536));
      }
      await writer.close();
      return { sent, answer: new TextDecoder().decode(await answer) };
    },
    [INNER.peer4, 32 * MIB] as const,
  );
  expect(answer).toBe(sent);
});

for (const family of ['IPv4', 'IPv6'] as const)
  test(`the page and the peer agree on what a UDP echo over inner ${family} carries${family === 'IPv4' ? ' @core' : ''}`, async ({
    page,
    startLab,
  }) => {
    const lab = await startLab({ services: true });
    await openTunnel(page, lab);
    const echoed = await page.evaluate(
      async (host) => {
        const socket = new window.tunnel.UDPSocket({ remoteAddress: host, remotePort: 7 });
        const { readable, writable } = await socket.opened;
        const [reader, writer] = [readable.getReader(), writable.getWriter()];
        const sizes: number[] = [];
        // 1372 is the largest that both families carry in one packet of 1420 bytes.
        for (const size of [0, 1, 1372]) {
          const data = window.page.pattern(size, size + 1);
          await writer.write({ data });
          const { value } = await reader.read();
          const bytes = new Uint8Array(value!.data as ArrayBuffer | Uint8Array<ArrayBuffer>);
          if (bytes.length === data.length && bytes.every((byte, i) => byte === data[i])) sizes.push(size);
        }
        await writer.close();
        return sizes;
      },
      family === 'IPv4' ? INNER.peer4 : INNER.peer6,
    );
    expect(echoed).toEqual([0, 1, 1372]);
  });

/**
 * For a transfer that loses its relay, in milliseconds. A second initiation may leave 5 s after the first, and by then the
 * peer's own timer has doubled four or five times.
 */
const PATIENCE = 90_000;

for (const [how, tag] of [
  ['killing', ' @core'],
  ['stopping', ''],
] as const)
  test(`${how} and restarting the relay in the middle of a download only pauses it${tag}`, async ({
    page,
    startLab,
  }) => {
    test.setTimeout(PATIENCE);
    const lab = await startLab({ files: [32 * MIB] });
    await openTunnel(page, lab);
    const file = lab.nginx!.files[0]!;
    const gone = new Promise<void>((resolve, reject) => {
      // The page itself says when, because by the time that a question from here is answered all may be over.
      void page.exposeFunction('inTheMiddle', () =>
        (how === 'killing' ? lab.relay.kill() : lab.relay.stop()).then(resolve, reject),
      );
    });
    await page.evaluate(
      ([host, path]) => {
        const state = window as unknown as {
          bytes: number;
          result: Promise<unknown>;
          inTheMiddle(): void;
        };
        state.bytes = 0;
        state.result = window.page.download(window.tunnel, host, path, (bytes) => {
          if (state.bytes < 4_000_000 && bytes >= 4_000_000) state.inTheMiddle();
          state.bytes = bytes;
        });
      },
      [INNER.peer4, file.path] as const,
    );
    const bytes = () => page.evaluate(() => (window as unknown as { bytes: number }).bytes);
    await gone;
    let before = -1;
    for (let now = await bytes(); now !== before; now = await bytes()) {
      before = now;
      await page.waitForTimeout(400);
    }
    expect(before, 'without a relay nothing arrives, before the end').toBeLessThan(file.size);
    await lab.relay.restart();
    const got = await page.evaluate(() => (window as unknown as { result: Promise<unknown> }).result);
    expect(got).toMatchObject({ status: 200, bytes: file.size, sha256: file.sha256 });
  });

test('an upload survives the loss of its relay too', async ({ page, startLab }) => {
  test.setTimeout(PATIENCE);
  const lab = await startLab({ services: true });
  await openTunnel(page, lab);
  const gone = new Promise<void>((resolve, reject) => {
    void page.exposeFunction('inTheMiddle', () => lab.relay.kill().then(resolve, reject));
  });
  await page.evaluate(
    ([host, size]) => {
      const state = window as unknown as { result: Promise<string[]>; inTheMiddle(): void };
      state.result = (async () => {
        const data = window.page.pattern(size, 7);
        const { readable, writable } = await new window.tunnel.TCPSocket(host, 9).opened;
        const answer = window.page.readAll(readable);
        const writer = writable.getWriter();
        for (let at = 0; at < size; at += 65_536) {
          if (at === 8 * 1024 * 1024) state.inTheMiddle();
          await writer.write(data.subarray(at, at + 65_536));
        }
        await writer.close();
        return [`${size} ${await window.page.sha256(data)}`, new TextDecoder().decode(await answer)];
      })();
    },
    [INNER.peer4, 32 * MIB] as const,
  );
  await gone;
  await lab.relay.restart();
  const [sent, arrived] = await page.evaluate(
    () => (window as unknown as { result: Promise<string[]> }).result,
  );
  expect(arrived).toBe(sent);
});

for (const mtu of [1280, 576])
  test(`a tunnel with an MTU of ${mtu} carries TCP and UDP that needs fragments`, async ({
    page,
    startLab,
  }) => {
    const lab = await startLab({ files: [4 * MIB], services: true, mtu });
    await openTunnel(page, lab);
    const file = lab.nginx!.files[0]!;
    const got = await page.evaluate(([host, path]) => window.page.download(window.tunnel, host, path), [
      INNER.peer4,
      file.path,
    ] as const);
    expect(got).toMatchObject({ bytes: file.size, sha256: file.sha256 });
    const same = await page.evaluate(async (host) => {
      const socket = new window.tunnel.UDPSocket({ remoteAddress: host, remotePort: 7 });
      const { readable, writable } = await socket.opened;
      const data = window.page.pattern(3000);
      await writable.getWriter().write({ data });
      const { value } = await readable.getReader().read();
      return value!.data.length === data.length && value!.data.every((byte, i) => byte === data[i]);
    }, INNER.peer4);
    expect(same).toBe(true);
  });

test('what was written is delivered although the tunnel closes at once @core', async ({ page, startLab }) => {
  const lab = await startLab({ services: true });
  await openTunnel(page, lab);
  const sent = await page.evaluate(async (host) => {
    const { writable } = await new window.tunnel.TCPSocket(host, 9).opened;
    const data = window.page.pattern(400_000);
    await window.page.send(writable, data);
    await window.tunnel.close();
    return `${data.length} ${await window.page.sha256(data)}`;
  }, INNER.peer4);
  await lab.services!.saw(new RegExp(`^sink ${sent}$`, 'm'));
});

test('connect() is written to before it is open, and goes on in one direction when the other has ended', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ services: true });
  await openTunnel(page, lab);
  const seen = await page.evaluate(
    async ([host4, host6]) => {
      const { pattern, readAll, sha256 } = window.page;
      const data = pattern(1_000_000);
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      const sent = `${data.length} ${await sha256(data)}`;

      const ours = window.tunnel.connect(`${host4}:9`, { allowHalfOpen: true });
      const writer = ours.writable.getWriter();
      void writer.write(data);
      await writer.close();
      const answer = text(await readAll(ours.readable));
      await ours.closed;

      const theirs = window.tunnel.connect({ hostname: host6, port: 11 }, { allowHalfOpen: true });
      const nothing = (await readAll(theirs.readable)).length;
      const later = theirs.writable.getWriter();
      await later.write(data.subarray(1));
      await later.close();
      await theirs.closed;

      // Without it, our end follows theirs.
      const both = window.tunnel.connect(`${host4}:11`);
      await readAll(both.readable);
      await both.closed;

      const echo = window.tunnel.connect(`[${host6}]:7`);
      await echo.writable.getWriter().write(data.subarray(0, 5000));
      const reader = echo.readable.getReader({ mode: 'byob' });
      let buffer = new ArrayBuffer(5000);
      for (let at = 0; at < 5000; ) {
        const { value } = await reader.read(new Uint8Array(buffer, at));
        at += value!.length;
        buffer = value!.buffer;
      }
      const isWhole = new Uint8Array(buffer).every((byte, i) => byte === data[i]);
      await echo.close();
      const { remoteAddress } = await echo.opened;
      const laterSent = `${data.length - 1} ${await sha256(data.slice(1))}`;
      return { sent, answer, nothing, laterSent, isWhole, remoteAddress };
    },
    [INNER.peer4, INNER.peer6] as const,
  );
  expect(seen.answer).toBe(seen.sent);
  expect(seen).toMatchObject({ nothing: 0, isWhole: true, remoteAddress: `[${INNER.peer6}]:7` });
  await lab.services!.saw(new RegExp(`^sink ${seen.laterSent}$`, 'm'));
  await lab.services!.saw(/^sink 0 e3b0c442/m);
});
