/**
 * What came behind the # of this page's address: an invitation, or a tunnel from another device. fragment-taker.ts took it out
 * of the address before anything else ran, so that it is neither in the history nor in sight.
 */

import { type Arrival, readArrival } from './arrival.ts';

const place = globalThis as { tabwireFragment?: string | undefined };

/** What arrived, once; `again` is called when something arrives later (a link pasted into this tab's address bar). */
export function arrival(again: () => void): Arrival | undefined {
  addEventListener('hashchange', again, { once: true });
  const hash = place.tabwireFragment ?? '';
  place.tabwireFragment = undefined;
  return readArrival(hash);
}
