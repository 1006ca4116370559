import { BodyFailure } from './body-failure.ts';
import { fetchFailure, httpError } from './http-error.ts';
import { type ResponseHead, valuesOf } from './response-head.ts';

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;
type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

/** Nobody compresses more often; each time costs memory. */
const MAX_CODINGS = 3;
/** Of compressed bytes, how much is decompressed before whoever reads is asked again: a byte can become a thousand. */
const STEP = 4096;
const BROKEN = "The server's answer is not what its Content-Encoding says.";

/** The body as it was before Content-Encoding; as it came if one of the codings is none that we know, like in browsers. */
export function decoded(body: Body, head: ResponseHead, failure = new BodyFailure()): Body {
  const codings = valuesOf(head, 'content-encoding')
    .join()
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (!codings.every((coding) => /^(x-)?gzip$|^deflate$/.test(coding))) return body;
  if (codings.length > MAX_CODINGS) throw httpError('The server compressed its answer too often.');
  return codings.reduceRight((stream, coding) => lazily(stream, coding === 'deflate', failure), body);
}

/** The decompressor is made when the first byte is there: an empty body is no error, and `deflate` is two formats. */
function lazily(body: Body, isDeflate: boolean, failure: BodyFailure): Body {
  let inner: Reader | undefined;
  const source = body.getReader();
  let broken: { error: unknown } | undefined;
  source.closed.catch((error: unknown) => {
    broken = { error };
  });
  return new ReadableStream(
    {
      async pull(controller) {
        inner ??= await decompressor(source, isDeflate);
        const { done, value } = await inner.read().catch(() => {
          throw failure.note(broken ? broken.error : fetchFailure(httpError(BROKEN)));
        });
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        await Promise.all([source.cancel(reason), inner?.cancel(reason)]);
      },
    },
    { highWaterMark: 0 },
  );
}

async function decompressor(source: Reader, isDeflate: boolean): Promise<Reader> {
  const first = await source.read();
  if (first.done) return source;
  // RFC 9110 §8.4.1.2: in zlib's format; but some send it bare. Method 8 is in the first four bits of the former.
  const format = !isDeflate ? 'gzip' : (first.value[0]! & 15) === 8 ? 'deflate' : 'deflate-raw';
  const { readable, writable } = new DecompressionStream(format);
  void feed(writable.getWriter(), first.value, source);
  return readable.getReader();
}

/** One write at a time, and no pipe: Node's decompressor would let that fill its queue with 16,384 of them, read or not. */
async function feed(
  writer: WritableStreamDefaultWriter<BufferSource>,
  first: Uint8Array<ArrayBuffer>,
  source: Reader,
): Promise<void> {
  writer.closed.catch(() => {});
  try {
    for (let bytes: Uint8Array<ArrayBuffer> | undefined = first; bytes; bytes = (await source.read()).value)
      for (let at = 0; at < bytes.length; at += STEP) await writer.write(bytes.subarray(at, at + STEP));
    await writer.close();
  } catch (error) {
    await Promise.allSettled([writer.abort(error), source.cancel(error)]);
  }
}
