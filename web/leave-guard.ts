/** While something would be lost by leaving, the browser asks first. */

const held = new Set<symbol>();

function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** From now on until what it returns is called. */
export function holdPage(): () => void {
  const hold = Symbol();
  held.add(hold);
  // Only while needed: a page with this listener is not kept in the back/forward cache by some browsers.
  if (held.size === 1) addEventListener('beforeunload', ask);
  return () => {
    if (held.delete(hold) && held.size === 0) removeEventListener('beforeunload', ask);
  };
}
