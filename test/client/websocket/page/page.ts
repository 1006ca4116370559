// The tables of WebSocket in a page: each file that Node's tests are, as it is.
import { offerTables } from '../../page/run-tables.ts';

await offerTables(
  [
    () => import('../websocket.test.ts'),
    () => import('../handshake.test.ts'),
    () => import('../events.test.ts'),
    () => import('../frame-reader.test.ts'),
  ],
  { atOnce: 2, areApart: false },
);
