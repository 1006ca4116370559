// The tables in a page: each file that Node's tests are, as it is.
import { offerTables } from '../../page/run-tables.ts';

await offerTables(
  [
    () => import('../multicast.test.ts'),
    () => import('../tcp-server-socket.test.ts'),
    () => import('../tcp-socket.test.ts'),
    () => import('../udp-socket.test.ts'),
  ],
  { atOnce: 4, areApart: true },
);
