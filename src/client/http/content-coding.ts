import { httpError } from './http-error.ts';
import { type ResponseHead, valuesOf } from './response-head.ts';

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/** Nobody compresses more often; each time costs memory. */
const MAX_CODINGS = 3;
/** Of compressed bytes, how much is decompressed before whoever reads is asked again: a byte can become a thousand. */
const STEP = 4096;

/** The body as it was before Content-Encoding; as it came if one of the codings is none that we know, like in browsers. */
export function decoded(body: Body, head: ResponseHead): Body {
  const codings = valuesOf(head, 'content-encoding')
    .join()
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (!codings.every((coding) => /^(x-)?gzip$|^deflate$/.test(coding))) return body;
  if (codings.length > MAX_CODINGS) throw httpError('The server compressed its answer too often.');
  return codings.reduceRight((stream, coding) => lazily(stream, coding === 'deflate'), body);
}

/** The decompressor is made when the first byte is there: an empty body is no error, and `deflate` is two formats. */
function lazily(body: Body, isDeflate: boolean): Body {
  let inner: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  const source = body.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        inner ??= await decompressor(source, isDeflate);
        const { done, value } = await inner.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => (inner ?? source).cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function decompressor(
  source: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  isDeflate: boolean,
): Promise<ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>> {
  const first = await source.read();
  if (first.done) return source;
  // RFC 9110 §8.4.1.2: in zlib's format; but some send it bare. Method 8 is in the first four bits of the former.
  const format = !isDeflate ? 'gzip' : (first.value[0]! & 15) === 8 ? 'deflate' : 'deflate-raw';
  return inSteps(first.value, source).pipeThrough(new DecompressionStream(format)).getReader();
}

function inSteps(
  rest: Uint8Array<ArrayBuffer>,
  source: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Body {
  return new ReadableStream(
    {
      async pull(controller) {
        if (rest.length === 0) {
          const { done, value } = await source.read();
          if (done) return controller.close();
          rest = value;
        }
        controller.enqueue(rest.subarray(0, STEP));
        rest = rest.subarray(STEP);
      },
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
