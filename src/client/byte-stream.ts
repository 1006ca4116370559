/** Ends a byte stream as far as its reader lets it, and answers the one who waits. */
export function closeByteStream(controller: ReadableByteStreamController): void {
  try {
    controller.close();
    controller.byobRequest?.respond(0);
  } catch {
    // Half of what his Uint16Array takes had come: the stream has errored itself, and he knows.
  }
}
