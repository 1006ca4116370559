// The tables of `fetch` in a page: each file that Node's tests are, as it is.
import { offerTables } from '../../page/run-tables.ts';

await offerTables(
  [
    () => import('../hostile.test.ts'),
    () => import('../fetch.test.ts'),
    () => import('../redirects.test.ts'),
    () => import('../pool.test.ts'),
    () => import('../on-head.test.ts'),
    () => import('../compression.test.ts'),
    () => import('../cookies.test.ts'),
  ],
  { atOnce: 4, areApart: false },
);
