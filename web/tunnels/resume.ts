/**
 * Which saved tunnel was connected in this tab, so that a reload brings it back. A name and no more: the key is in the
 * book, and what was never saved is gone with the page, as it should be.
 */

const NAME = 'tabwire.connected';

export function noteConnected(id: string | undefined): void {
  try {
    if (id === undefined) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, id);
  } catch {
    // Storage is forbidden: a reload begins anew.
  }
}

/** Only a reload brings it back: a tab that was duplicated, or restored after days, waits for a click. */
export function connectedBefore(): string | undefined {
  try {
    const id = sessionStorage.getItem(NAME) ?? undefined;
    return isReload() ? id : undefined;
  } catch {
    return undefined;
  }
}

export function isReload(): boolean {
  const [entry] = performance.getEntriesByType('navigation');
  return (entry as PerformanceNavigationTiming | undefined)?.type === 'reload';
}
