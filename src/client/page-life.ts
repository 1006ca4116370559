// Pages are hidden, frozen, put into the back/forward cache and brought back, and machines sleep and wake. The engine's
// worker may have stood still meanwhile and cannot know; its own timers would notice within seconds, its page notices
// at once.
//
// We do nothing when a page goes: it may be gone for a second, and what is done there is not certain to run. A page that
// a browser keeps in its cache keeps its worker too, and its key with it; if the browser throws it away, the key is free.

/** Calls `wake` whenever the page or its network may be back. Returns how to stop that. */
export function watchPageLife(
  wake: () => void,
  page: EventTarget = window,
  view: EventTarget & { readonly visibilityState: DocumentVisibilityState } = document,
): () => void {
  const shown = () => {
    if (view.visibilityState === 'visible') wake();
  };
  const returned = (event: Event) => {
    if ((event as PageTransitionEvent).persisted) wake();
  };
  page.addEventListener('online', wake);
  page.addEventListener('pageshow', returned);
  view.addEventListener('visibilitychange', shown);
  view.addEventListener('resume', wake);
  return () => {
    page.removeEventListener('online', wake);
    page.removeEventListener('pageshow', returned);
    view.removeEventListener('visibilitychange', shown);
    view.removeEventListener('resume', wake);
  };
}
