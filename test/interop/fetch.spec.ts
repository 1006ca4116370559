// fetch in a page, through the tunnel, from Debian's nginx.
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
