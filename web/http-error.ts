/** What the server sent is not HTTP, or ended too early. The message is one sentence for the person. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
}
