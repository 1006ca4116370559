// What is compressed comes from strangers: it may be broken, cut short, or a thousand times as large as it looks.
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { decoded } from '../../../src/client/http/content-coding.ts';
import { failureOf, type Lab, serve } from './lab.ts';

const MIB = 1024 * 1024;

describe('a body that is not what its Content-Encoding says', () => {
  let lab: Lab;

  afterEach(() => lab.stop());

  const whole = gzipSync('a tunnel '.repeat(1000));

  it.each([
    ['is no gzip', 'gzip', Buffer.from('hello')],
    ['is no deflate', 'deflate', Buffer.from('hello')],
    ['ends in the middle', 'gzip', whole.subarray(0, -12)],
    ['is damaged', 'gzip', Buffer.concat([whole.subarray(0, 20), whole.subarray(21)])],
    ['has a wrong checksum', 'gzip', Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8)])],
  ])('because it %s fails with ERR_HTTP', async (_, coding, body) => {
    lab = await serve((_, response) => response.setHeader('Content-Encoding', coding).end(body));
    const response = await lab.get('/');
    const { code, message } = await failureOf(response.text());
    expect([code, message]).toEqual([
      'ERR_HTTP',
      "The server's answer is not what its Content-Encoding says.",
    ]);
  });

  it('is not what is said where the connection broke', async () => {
    lab = await serve((_, response) => {
      response.setHeader('Content-Encoding', 'gzip').setHeader('Content-Length', whole.length);
      response.write(whole.subarray(0, -12), () => response.destroy());
    });
    const response = await lab.get('/');
    expect((await failureOf(response.text())).message).not.toContain('Content-Encoding');
  });

  it('more than three times over is refused', async () => {
    lab = await serve((_, response) =>
      response.setHeader('Content-Encoding', 'gzip, gzip, gzip, gzip').end(whole),
    );
    expect(await failureOf(lab.get('/'))).toMatchObject({ code: 'ERR_HTTP' });
  });
});

describe('a bomb', () => {
  const bomb = gzipSync(Buffer.alloc(64 * MIB));

  /** How much of it has been taken when so much of what comes out has been read. */
  async function taken(bytes: Uint8Array, codings: string, read: number): Promise<number> {
    let at = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull(controller) {
          if (at >= bytes.length) return controller.close();
          controller.enqueue(new Uint8Array(bytes.subarray(at, at + 512)));
          at += 512;
        },
      },
      { highWaterMark: 0 },
    );
    const head = {
      url: '',
      status: 200,
      statusText: '',
      headers: [['Content-Encoding', codings]] as [string, string][],
    };
    const reader = decoded(body, head).getReader();
    for (let length = 0; length < read; ) length += (await reader.read()).value!.length;
    for (let before = -1; before !== at; ) {
      before = at;
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    await reader.cancel();
    return at;
  }

  it('is decompressed as it is read, and hardly further', async () => {
    expect(bomb.length).toBeGreaterThan(60_000);
    expect(await taken(bomb, 'gzip', 1)).toBeLessThanOrEqual(4 * 4096);
    expect(await taken(bomb, 'gzip', 32 * MIB)).toBeLessThan(0.7 * bomb.length);
  });
});
