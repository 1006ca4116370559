import { expect, openTunnel, test } from '../support/browser-test.ts';

test('diagnose finds every leg of a tunnel that works, and a host inside that does not answer', async ({
  page,
  demo,
}) => {
  await openTunnel(page, demo);
  const diagnose = (host: string) =>
    page.evaluate(async (host) => {
      const legs: string[] = [];
      for await (const { leg, ok } of window.tunnel.diagnose({ host, timeout: 3000 }))
        legs.push(`${leg} ${ok}`);
      return legs;
    }, host);
  const way = ['browser true', 'relay true', 'endpoint true', 'handshake true'];
  expect(await diagnose(demo.peer4)).toEqual([...way, 'inside true']);
  expect(await diagnose(demo.peer4.replace(/\d+$/, '250'))).toEqual([...way, 'inside false']);
});
