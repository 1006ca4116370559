import { bytesOf } from '../web-idl.ts';

/** How much of a Request's body is looked at for its end, to know its length. */
const LOOK_AHEAD = 64 * 1024;

/** What a request sends. */
export interface RequestBody {
  /** Bytes; undefined if nobody knows: then it goes in chunks. */
  readonly length: number | undefined;
  /** What Content-Type is unless the request says otherwise. */
  readonly type: string | null;
  /** Whether it can be sent again. */
  readonly isRepeatable: boolean;
  open(): ReadableStream<unknown>;
}

/** All that `init.body` may be. A stream streams, in chunks; all else has a length. */
export async function bodyOf(source: BodyInit): Promise<RequestBody> {
  if (source instanceof ReadableStream) return streamed(source);
  // The platform knows how FormData, URLSearchParams, blobs and text become bytes, and where to keep large ones.
  const whole = new Response(source);
  return blobBody(await whole.blob(), whole.headers.get('content-type'));
}

/**
 * The body of a Request, which does not say whether it was a stream: what ends within LOOK_AHEAD has a length and can be
 * repeated. Firefox has no stream to give.
 */
export async function bodyOfRequest(request: Request): Promise<RequestBody | undefined> {
  const type = request.headers.get('content-type');
  if (request.body === undefined) {
    const blob = await request.blob();
    return blob.size > 0 ? blobBody(blob, type) : undefined;
  }
  if (request.body === null) return undefined;
  const reader = request.body.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  while (length <= LOOK_AHEAD) {
    const { done, value } = await reader.read();
    if (done) return blobBody(new Blob(parts), type);
    parts.push(value);
    length += value.length;
  }
  return streamed(continued(parts, reader), type);
}

/** What is no bytes is a mistake of who made the stream. */
export function chunkBytes(chunk: unknown): Uint8Array {
  return bytesOf(chunk as BufferSource);
}

function blobBody(blob: Blob, type: string | null): RequestBody {
  return { length: blob.size, type, isRepeatable: true, open: () => blob.stream() };
}

function streamed(stream: ReadableStream<unknown>, type: string | null = null): RequestBody {
  return { length: undefined, type, isRepeatable: false, open: () => stream };
}

function continued(
  parts: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = at < parts.length ? { done: false, value: parts[at++] } : await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
