type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>;

/** What we can undo, and so ask for. Browsers have no DecompressionStream for brotli yet. */
export const ACCEPTED_CODINGS = 'gzip, deflate';
/** Codings around one body; more is an attack. */
const MAX_CODINGS = 5;

/** The body without its Content-Encoding; as it is, where that names something unknown. Throws a sentence for too many. */
export function decodeContent(body: Bytes, contentEncoding: string | null): Bytes {
  const codings = (contentEncoding ?? '')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > MAX_CODINGS) throw new TypeError('The body has too many content codings.');
  if (!codings.every((coding) => /^(x-gzip|gzip|deflate)$/.test(coding))) return body;
  return codings.reduceRight((inner, coding) => decoded(inner, coding), body);
}

/** Made when the first bytes are there: they tell the two kinds of "deflate" apart, and an empty body has no coding. */
function decoded(body: Bytes, coding: string): Bytes {
  const reader = body.getReader();
  let inside: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  return new ReadableStream(
    {
      async pull(controller) {
        if (!inside) {
          const first = await reader.read();
          if (first.done) return controller.close();
          inside = rest(first.value, reader).pipeThrough(decompressor(coding, first.value[0]!)).getReader();
        }
        const { done, value } = await inside.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        await (inside ?? reader).cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

function rest(
  first: Uint8Array<ArrayBuffer>,
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Bytes {
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(first),
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Many servers send bare deflate data where the standard wants zlib's; a zlib header begins with method 8. */
function decompressor(
  coding: string,
  firstByte: number,
): ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const isZlib = (firstByte & 0x0f) === 8;
  const format = coding !== 'deflate' ? 'gzip' : isZlib ? 'deflate' : 'deflate-raw';
  return new DecompressionStream(format) as ReadableWritablePair<
    Uint8Array<ArrayBuffer>,
    Uint8Array<ArrayBuffer>
  >;
}
