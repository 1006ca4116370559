// Node's own zlib says what is right.
import nodes from 'node:zlib';
import { describe, expect, it } from 'vitest';
import ours from '../../src/shims/zlib.ts';

const TEXT = Buffer.from('what repeats is worth compressing; '.repeat(500));
const KINDS = [
  ['deflate', 'inflate'],
  ['gzip', 'gunzip'],
  ['deflateRaw', 'inflateRaw'],
] as const;

describe('zlib', () => {
  for (const [there, back] of KINDS) {
    it(`${there} and ${back}: what we make Node reads, and the other way round`, () => {
      expect(nodes[`${back}Sync`](ours[`${there}Sync`](TEXT))).toEqual(TEXT);
      expect(ours[`${back}Sync`](nodes[`${there}Sync`](TEXT))).toEqual(TEXT);
      expect(ours.unzipSync(nodes.gzipSync(TEXT))).toEqual(TEXT);
    });
  }

  it('streams, in pieces of any size', async () => {
    const compressed = nodes.gzipSync(TEXT);
    const stream = ours.createGunzip({ chunkSize: 100 });
    for (let at = 0; at < compressed.length; at += 7) stream.write(compressed.subarray(at, at + 7));
    stream.end();
    expect(Buffer.concat((await stream.toArray()) as Buffer[])).toEqual(TEXT);
  });

  it('brings out with a flush what was written until then, message for message', async () => {
    const [deflating, inflating] = [ours.createDeflateRaw(), nodes.createInflateRaw()];
    for (const message of ['first', 'second', 'second']) {
      const parts: Buffer[] = [];
      deflating.on('data', (part: Buffer) => parts.push(part));
      deflating.write(message);
      await new Promise<void>((resolve) => deflating.flush(ours.Z_SYNC_FLUSH, resolve));
      deflating.removeAllListeners('data');
      const read = new Promise((resolve) => inflating.once('data', resolve));
      inflating.write(Buffer.concat(parts));
      expect(String(await read)).toBe(message);
    }
  });

  it('has the handle of a stream, which ssh2 goes on with alone', () => {
    const Handle = ours.createInflate()._handle!.constructor as new (
      mode: number,
    ) => NonNullable<ReturnType<typeof ours.createInflate>['_handle']>;
    const [handle, state] = [new Handle(ours.constants.DEFLATE as never), new Uint32Array(2)];
    handle.init(15, -1, 8, 0, state, () => {}, undefined);
    const output = Buffer.alloc(1000);
    handle.writeSync(ours.Z_PARTIAL_FLUSH, TEXT, 0, 100, output, 0, 1000);
    expect(state[1]).toBe(0);
    const made = output.subarray(0, 1000 - state[0]!);
    expect(nodes.inflateSync(made, { finishFlush: nodes.constants.Z_SYNC_FLUSH })).toEqual(
      TEXT.subarray(0, 100),
    );
  });

  it('says what is wrong as Node does, and stops at the limit', async () => {
    for (const zlib of [nodes, ours]) {
      expect(() => zlib.inflateSync(Buffer.from('nothing of the sort'))).toThrow(
        expect.objectContaining({ code: 'Z_DATA_ERROR', errno: -3 }),
      );
      const cut = nodes.gzipSync(TEXT).subarray(0, 50);
      expect(() => zlib.gunzipSync(cut)).toThrow(
        expect.objectContaining({ code: 'Z_BUF_ERROR', message: 'unexpected end of file' }),
      );
      expect(() => zlib.inflateSync(nodes.deflateSync(TEXT), { maxOutputLength: 1000 })).toThrow(
        expect.objectContaining({ code: 'ERR_BUFFER_TOO_LARGE' }),
      );
    }
    const failing = ours.createInflateRaw();
    const failed = new Promise((resolve) => failing.once('error', resolve));
    failing.write(Buffer.alloc(100, 255));
    expect(await failed).toMatchObject({ code: 'Z_DATA_ERROR' });
  });
});
