/**
 * What came behind the # of this page's address: an invitation, or a tunnel from another device. Taken out of the address
 * before anything else runs, so that it is neither in the history nor in sight. Imported first of all.
 */

export type Arrival = { kind: 'invite' | 'move'; data: string };

let arrived = take();
let listener: (() => void) | undefined;

addEventListener('hashchange', () => {
  const next = take();
  if (!next) return;
  arrived = next;
  listener?.();
});

/** What arrived, once; `again` is called when something arrives later (a link pasted into this tab's address bar). */
export function arrival(again: () => void): Arrival | undefined {
  listener = again;
  const once = arrived;
  arrived = undefined;
  return once;
}

/** Out of a link or its fragment; undefined if it is neither. */
export function readArrival(text: string): Arrival | undefined {
  const [, kind, data] = /#(invite|move)=([\w-]{1,20000})$/.exec(text) ?? [];
  return kind !== undefined && data !== undefined ? { kind: kind as Arrival['kind'], data } : undefined;
}

function take(): Arrival | undefined {
  const { hash, pathname, search } = location;
  if (hash === '') return undefined;
  history.replaceState(history.state, '', pathname + search);
  return readArrival(hash);
}
