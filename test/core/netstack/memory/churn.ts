import type { Crowd } from './crowd.ts';
import { rest } from './populations.ts';

/** How long a connection lasts: so that some thousands are in TIME-WAIT at any time. */
const STEP = 40;

/**
 * Opens connections one after the other, by the peer and by us, lets each talk, and closes them, from here and from
 * there; then waits until nothing of them is due any more.
 */
export function churn(crowd: Crowd, first: number, count: number): void {
  const bytes = new Uint8Array(1000);
  for (let client = first; client < first + count; client++) {
    const connection = client % 3 === 0 ? crowd.connectTo(client) : crowd.open(client);
    crowd.talk(client, connection, bytes);
    if (client % 7 === 0) connection.abort();
    else if (client % 2 === 0) crowd.closeHere(client, connection);
    else crowd.closeThere(client, connection);
    crowd.now += STEP;
    crowd.poll();
  }
  rest(crowd);
}
