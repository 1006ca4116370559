import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import pg from 'pg';
import { pattern, sha256 } from './bytes.ts';

const SERVER = { port: 5432, database: 'postgres', user: 'postgres' };

/** Parameters of several types, many rows, bytes, words that nobody asked for, an error, a password by SCRAM, a pool. */
export async function postgres(host: string) {
  const client = new pg.Client({ host, ...SERVER });
  await client.connect();
  const first = await client.query('SELECT $1::text AS text, $2::int + 1 AS number, $3::jsonb AS object', [
    'grüß Gott',
    41,
    { list: [1, null, 'two'] },
  ]);
  const many = await client.query(`SELECT n, repeat('x', 100) AS x FROM generate_series(1, 20000) AS n`);
  const bytes = pattern(300_001);
  await client.query('CREATE TABLE files (name text, body bytea)');
  await client.query('INSERT INTO files VALUES ($1, $2)', ['one', bytes]);
  const { rows } = await client.query('SELECT body FROM files');
  const body = (rows[0] as { body: Buffer }).body;
  const notice = once(client, 'notification');
  await client.query('LISTEN news');
  await client.query(`NOTIFY news, 'something'`);
  const [notification] = (await notice) as [pg.Notification];
  const error = await client.query('SELECT 1 / 0').catch((reason: pg.DatabaseError) => reason.code);
  await client.query(`CREATE ROLE keeper LOGIN PASSWORD 'secret'`);
  const keeper = await asKeeper(host);
  await client.end();
  return {
    first: first.rows[0] as unknown,
    count: many.rowCount,
    sum: many.rows.reduce(
      (sum: number, { n, x }: { n: number; x: string }) => sum + n + x.length,
      0,
    ) as number,
    isBuffer: Buffer.isBuffer(body),
    isWhole: sha256(body) === sha256(bytes),
    notification: notification.payload,
    error,
    keeper,
  };
}

/** Who needs a password, with the right one and with another, five connections at once. */
async function asKeeper(host: string) {
  const account = { host, ...SERVER, user: 'keeper' };
  const wrong = new pg.Client({ ...account, password: 'guess' });
  const refused = await wrong.connect().catch((reason: pg.DatabaseError) => reason.code);
  const pool = new pg.Pool({ ...account, password: 'secret', max: 5 });
  const asked = Array.from({ length: 20 }, (_, i) => pool.query('SELECT current_user, $1::int AS i', [i]));
  const answers = (await Promise.all(asked)).map(
    ({ rows: [row] }) => row as { current_user: string; i: number },
  );
  const connections = pool.totalCount;
  await pool.end();
  const names = new Set(answers.map(({ current_user }) => current_user));
  return { refused, connections, names: [...names], last: answers.at(-1)!.i };
}

interface Stream {
  numbers: number[];
  /** When a row came, milliseconds since the page began. */
  at: number[];
  ended: boolean;
  failure: string | undefined;
}

let stream: Stream | undefined;

/** Asks for a row of a kilobyte each hundredth of a second, and goes on while the test looks elsewhere. */
export async function beginRows(host: string, count: number): Promise<void> {
  const client = new pg.Client({ host, ...SERVER });
  await client.connect();
  const running: Stream = { numbers: [], at: [], ended: false, failure: undefined };
  stream = running;
  const query = new pg.Query<{ n: number }, [number]>(
    `SELECT n, repeat('x', 1000) AS x, pg_sleep(0.01)::text FROM generate_series(1, $1) AS n`,
    [count],
  );
  query.on('row', ({ n }) => {
    running.numbers.push(n);
    running.at.push(performance.now());
  });
  query.on('error', (error) => {
    running.failure = String(error);
  });
  query.on('end', () => {
    running.ended = true;
    client.end().catch(() => {});
  });
  client.query(query);
}

/** How far it is. */
export function rowsSoFar() {
  const { numbers, at, ended, failure } = stream!;
  const inOrder = numbers.every((number, i) => number === i + 1);
  const longest = Math.max(0, ...at.map((when, i) => when - (at[i - 1] ?? when)));
  return { count: numbers.length, inOrder, longest, ended, failure };
}
