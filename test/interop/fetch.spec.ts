// fetch in a page, through the tunnel, from Debian's nginx and Node's server.
import { expect, openTunnel, test } from '../support/interop-test.ts';
import { INNER } from '../support/real-peer.ts';

const MIB = 1024 * 1024;

test('the page fetches from nginx: whole, compressed, a range, HEAD, what is not there @core', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ files: [4 * MIB] });
  await openTunnel(page, lab);
  const file = lab.nginx!.files[0]!;
  const { whole, sums, lines } = await page.evaluate(
    async ({ origin, path }) => {
      const { tunnel, page } = window;
      const get = (url: string, init?: RequestInit) => tunnel.fetch(origin + url, init);
      const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());
      const plain = await get(path, { headers: { 'Accept-Encoding': 'identity' } });
      const [plainBytes, zipped] = [await bytesOf(plain), await get(path)];
      const range = await get(path, { headers: { Range: 'bytes=10-19' } });
      const head = await get(path, { method: 'HEAD' });
      const missing = await get('/missing');
      return {
        whole: { status: plain.status, url: plain.url, length: plain.headers.get('content-length') },
        sums: [await page.sha256(plainBytes), await page.sha256(await bytesOf(zipped))],
        lines: [
          `${zipped.headers.get('content-encoding')} ${zipped.headers.get('content-length')}`,
          `${range.status} ${range.headers.get('content-range')} ${await range.text().then(() => 'read')}`,
          `${head.status} ${head.body}`,
          `${missing.status} ${(await missing.text()).includes('nginx')}`,
        ],
      };
    },
    { origin: `http://${INNER.peer4}`, path: file.path },
  );
  expect(whole).toEqual({
    status: 200,
    url: `http://${INNER.peer4}${file.path}`,
    length: String(file.size),
  });
  expect(sums).toEqual([file.sha256, file.sha256]);
  expect(lines).toEqual(['gzip null', `206 bytes 10-19/${file.size} read`, '200 null', '404 true']);
  const failed = await page.evaluate(
    (origin) =>
      window.page.failure(window.tunnel.fetch(origin)).then(({ name, cause }) => `${name} ${cause?.code}`),
    `http://${INNER.peer4}:1`,
  );
  expect(failed).toBe('TypeError ERR_CONNECTION_REFUSED');
});

test('a body goes out and its echo comes back while it is made, and 16 MiB each way at once', async ({
  page,
  startLab,
}) => {
  const lab = await startLab();
  const server = lab.peer.namespace.start('node', ['--import', 'tsx', 'test/support/inner-http.ts']);
  await server.saw(/ready/);
  await openTunnel(page, lab);
  const { sizes, sums } = await page.evaluate(
    async ([url, size]) => {
      const { pattern, sha256 } = window.page;
      const ask = (body: ReadableStream<Uint8Array>) =>
        window.tunnel.fetch(url, { method: 'POST', body, duplex: 'half' });
      let source!: ReadableStreamDefaultController<Uint8Array>;
      const inTurn = await ask(new ReadableStream({ start: (controller) => void (source = controller) }));
      const reader = inTurn.body!.getReader();
      const sizes: number[] = [];
      for (const size of [1, 3, 70_000, 500_000]) {
        const part = pattern(size, size);
        source.enqueue(part);
        let at = 0;
        while (at < size) {
          const { value } = await reader.read();
          if (!value!.every((byte, i) => byte === part[at + i]))
            throw new Error(`another at ${at} of ${size}`);
          at += value!.length;
        }
        sizes.push(at);
      }
      source.close();
      if (!(await reader.read()).done) throw new Error('more than was sent');

      const large = pattern(size);
      let at = 0;
      const whole = await ask(
        new ReadableStream({
          pull(controller) {
            controller.enqueue(large.slice(at, (at += 100_000)));
            if (at >= large.length) controller.close();
          },
        }),
      );
      const echo = new Uint8Array(await whole.arrayBuffer());
      return { sizes, sums: [await sha256(echo), await sha256(large)] };
    },
    [`http://${INNER.peer4}:8082/`, 16 * MIB] as const,
  );
  expect(sizes).toEqual([1, 3, 70_000, 500_000]);
  expect(sums[0]).toBe(sums[1]);
});

test('redirects are followed, told or refused, and a Request goes where they lead with its body', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ files: [200_000] });
  await openTunnel(page, lab);
  const file = lab.nginx!.files[0]!;
  const seen = await page.evaluate(
    async ([origin, path]) => {
      const { tunnel, page } = window;
      const sumOf = async (response: Response) => page.sha256(new Uint8Array(await response.arrayBuffer()));
      const followed = await tunnel.fetch(`${origin}/moved${path}`);
      const told = await tunnel.fetch(`${origin}/moved${path}`, { redirect: 'manual' });
      const refused = page.failure(tunnel.fetch(`${origin}/moved${path}`, { redirect: 'error' }));
      // Of a Request, nobody can tell a blob from a stream; as much as this is looked at, and can be sent again.
      const body = new Blob([page.pattern(60_000)]);
      const put = await tunnel.fetch(
        new Request(`${origin}/moved-as-it-is/kept/there`, { method: 'PUT', body }),
      );
      const stream = new Blob([page.pattern(100)]).stream();
      const again = page.failure(
        tunnel.fetch(`${origin}/moved-as-it-is/kept/stream`, { method: 'PUT', body: stream }),
      );
      return {
        followed: [followed.status, followed.redirected, followed.url, await sumOf(followed)],
        told: [told.status, told.headers.get('location')],
        refused: (await refused).name,
        put: [put.status, put.url],
        isKept:
          (await sumOf(await tunnel.fetch(`${origin}/kept/there`))) === (await sumOf(new Response(body))),
        again: (await again).message,
      };
    },
    [`http://${INNER.peer4}`, file.path] as const,
  );
  expect(seen).toEqual({
    followed: [200, true, `http://${INNER.peer4}${file.path}`, file.sha256],
    told: [302, `http://${INNER.peer4}${file.path}`],
    refused: 'TypeError',
    put: [201, `http://${INNER.peer4}/kept/there`],
    isKept: true,
    again: expect.stringContaining('cannot be sent again'),
  });
});

test('an abort ends a request that waits for its answer, and one in the middle of it, on both sides', async ({
  page,
  startLab,
}) => {
  const lab = await startLab({ files: [4 * MIB] });
  const server = lab.peer.namespace.start('node', ['--import', 'tsx', 'test/support/inner-http.ts']);
  await server.saw(/ready/);
  await openTunnel(page, lab);
  const connections = async () =>
    (await lab.peer.exec('ss', '-Htn', 'state', 'established', 'sport', '=', ':80')).trim();
  await page.evaluate(
    async ([silent, slow]) => {
      const inTheMiddle = new AbortController();
      const response = await window.tunnel.fetch(slow, { signal: inTheMiddle.signal });
      const reader = response.body!.getReader();
      await reader.read();
      const waiting = new AbortController();
      const answer = window.tunnel.fetch(silent, { signal: waiting.signal });
      Object.assign(window, { aborted: { inTheMiddle, reader, waiting, answer } });
    },
    [
      `http://${INNER.peer4}:8082/silent`,
      `http://${INNER.peer4}/slowly${lab.nginx!.files[0]!.path}`,
    ] as const,
  );
  await server.saw(/asked/);
  expect(await connections()).not.toBe('');
  const failures = await page.evaluate(async () => {
    const { inTheMiddle, reader, waiting, answer } = (
      window as unknown as {
        aborted: {
          inTheMiddle: AbortController;
          reader: ReadableStreamDefaultReader<Uint8Array>;
          waiting: AbortController;
          answer: Promise<Response>;
        };
      }
    ).aborted;
    waiting.abort();
    inTheMiddle.abort(new Error('enough'));
    // What had come before may still be read.
    const drained = (async () => {
      while (!(await reader.read()).done);
    })();
    return [await window.page.failure(answer), await window.page.failure(drained)];
  });
  expect(failures).toMatchObject([{ name: 'AbortError' }, { name: 'Error', message: 'enough' }]);
  await server.saw(/left/);
  await expect.poll(connections).toBe('');
});
