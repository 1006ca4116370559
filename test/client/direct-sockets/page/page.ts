// The tables in a page: each file that Node's tests are, as it is.
import '../multicast.test.ts';
import '../tcp-server-socket.test.ts';
import '../tcp-socket.test.ts';
import '../udp-socket.test.ts';
import { tests } from './vitest.ts';

/** Rows that are tried at a time. */
const AT_ONCE = 4;

/** What failed, with its reason; and how many there were. */
async function runTables(): Promise<{ count: number; failures: string[] }> {
  const failures: string[] = [];
  const waiting = tests.values();
  const work = async () => {
    for (const { title, run } of waiting)
      await run().catch((error: unknown) => failures.push(`${title}: ${String(error)}`));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { count: tests.length, failures };
}

Object.assign(globalThis, { runTables });
document.title = 'ready';
