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

test('killing and restarting the relay in the middle of a download only pauses it @core', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ files: [32 * MIB] });
  await openTunnel(page, lab);
  const file = lab.nginx!.files[0]!;
  const killed = new Promise<void>((resolve, reject) => {
    // The page itself says when, because by the time that a question from here is answered all may be over.
    void page.exposeFunction('inTheMiddle', () => lab.relay.kill().then(resolve, reject));
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
  await killed;
  await page.waitForTimeout(300);
  const paused = await bytes();
  expect(paused, 'the relay died before the end').toBeLessThan(file.size);
  await page.waitForTimeout(500);
  expect(await bytes(), 'nothing arrives without a relay').toBe(paused);
  await lab.relay.restart();
  const got = await page.evaluate(() => (window as unknown as { result: Promise<unknown> }).result);
  expect(got).toMatchObject({ status: 200, bytes: file.size, sha256: file.sha256 });
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
