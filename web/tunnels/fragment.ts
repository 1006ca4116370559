/**
 * What came behind the # of this page's address: an invitation, or a tunnel from another device. Taken out of the address
 * before anything else runs, so that it is neither in the history nor in sight. Imported first of all.
 */

import { type Arrival, readArrival } from './arrival.ts';

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

function take(): Arrival | undefined {
  const { hash, pathname, search } = location;
  if (hash === '') return undefined;
  history.replaceState(history.state, '', pathname + search);
  return readArrival(hash);
}
