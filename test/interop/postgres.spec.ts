// A database that speaks its own protocol and its clients: answers in turn, tables of megabytes both ways, words that nobody
// has asked for, a second connection that breaks off what the first one waits for, and TLS that begins after plain words.
import { createHash, randomBytes } from 'node:crypto';
import { Child } from '../support/child-process.ts';
import { PLAIN, Postgres } from '../support/postgres.ts';
import { expect, test } from '../support/program-test.ts';

const MIB = 1024 * 1024;
const ROW_BYTES = 256;
/** Of the table that crosses the tunnel, each way. */
const ROWS = (32 * MIB) / ROW_BYTES;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Rows of a number and a random text, as COPY writes them. */
function table(): string {
  return Array.from({ length: ROWS }, (_, i) => {
    const row = `${i}\t${randomBytes(ROW_BYTES / 2).toString('hex')}`;
    return `${row.slice(0, ROW_BYTES - 1)}\n`;
  }).join('');
}

/** In, looked at over there, and out again. */
async function copies(postgres: Postgres, port: number, sslmode: string): Promise<void> {
  const name = `copied_${sslmode.replace('-', '_')}`;
  const rows = table();
  await postgres.ask(port, `CREATE TABLE ${name} (number int PRIMARY KEY, words text)`, { sslmode });
  const copyIn = [...PLAIN, '-c', `\\copy ${name} FROM PSTDIN`];
  await postgres.run(port, 'psql', copyIn, { sslmode, input: rows });
  const whole = `string_agg(number || E'\\t' || words || E'\\n', '' ORDER BY number)`;
  const there = `SELECT encode(sha256(convert_to(${whole}, 'UTF8')), 'hex') FROM ${name}`;
  expect(await postgres.ask(port, there, { sslmode })).toBe(sha256(rows));
  const copyOut = [...PLAIN, '-c', `\\copy (SELECT * FROM ${name} ORDER BY number) TO PSTDOUT`];
  expect(sha256(await postgres.run(port, 'psql', copyOut, { sslmode }))).toBe(sha256(rows));
}

/** One that listens is told what another says, when it says it. */
async function notifications(postgres: Postgres, port: number): Promise<void> {
  const listener = postgres.client(port, 'psql', PLAIN, { isInteractive: true });
  const say = (line: string) => listener.process.stdin!.write(`${line}\n`);
  say('LISTEN news; SELECT $$listens$$;');
  await listener.saw(/^listens$/m);
  for (const word of ['first', 'second']) await postgres.ask(port, `NOTIFY news, '${word}'`);
  // psql looks whether something came when it has had an answer.
  say('SELECT $$looks$$;');
  await listener.saw(/^looks$/m);
  await listener.saw(/"news" with payload "first"[\s\S]*"news" with payload "second"/);
  say('\\q');
  expect(await listener.exited).toBe(0);
}

/** psql asks for it over a connection of its own, which says nothing but that. */
async function cancelling(postgres: Postgres, port: number): Promise<void> {
  const sleeper = postgres.client(port, 'psql', [...PLAIN, '-c', 'SELECT pg_sleep(600)']);
  const isAsleep = `SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'`;
  await expect.poll(() => postgres.ask(port, isAsleep)).toBe('1');
  sleeper.process.kill('SIGINT');
  expect(await sleeper.exited).not.toBe(0);
  expect(sleeper.output).toContain('canceling statement due to user request');
  await expect.poll(() => postgres.ask(port, isAsleep)).toBe('0');
}

/** openssl says the plain words that come before TLS, and then speaks TLS. */
async function startsTls(postgres: Postgres, port: number): Promise<void> {
  const args = ['-connect', `127.0.0.1:${port}`, '-starttls', 'postgres'];
  const trust = ['-CAfile', postgres.certificate, '-verify_return_error'];
  const client = new Child('openssl', ['s_client', ...args, ...trust], { input: '' });
  expect(await client.exited, client.output).toBe(0);
  expect(client.output).toContain('Verify return code: 0 (ok)');
}

/** Banks that know of no tunnel: what it says of its transactions. */
async function bench(postgres: Postgres, port: number, sslmode: string): Promise<string> {
  await postgres.run(port, 'pgbench', ['-i', '-q', '-s', '1'], { sslmode });
  const told = await postgres.run(port, 'pgbench', ['-n', '-c', '4', '-j', '2', '-T', '10'], { sslmode });
  expect(told).toMatch(/^number of failed transactions: 0 /m);
  expect(Number(/^number of transactions actually processed: (\d+)/m.exec(told)?.[1])).toBeGreaterThan(100);
  // What was moved is where it was moved to.
  const sums = `SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history),
    (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(tbalance) FROM pgbench_tellers)`;
  expect(await postgres.ask(port, sums, { sslmode })).toBe('t\tt');
  return told;
}

for (const [family, way, mtu] of [
  [4, 'directly', 1420],
  [6, 'through the relay', 1420],
  [6, 'directly', 1280],
  [4, 'directly', 9000],
] as const)
  test(`psql and pgbench over inner IPv${family} at an MTU of ${mtu}, ${way}: COPY, LISTEN, cancelling, TLS`, async ({
    startPrograms,
  }, testInfo) => {
    test.setTimeout(240_000);
    const lab = await startPrograms({ way, mtu });
    const postgres = lab.keep(await Postgres.start(lab.peer.namespace));
    const port = await lab.toPeer(family, 5432);
    expect(await postgres.ask(port, 'SELECT 6 * 7')).toBe('42');
    expect(await postgres.ask(port, `SELECT repeat('tabwire ', ${MIB})`)).toBe(
      'tabwire '.repeat(MIB).trimEnd(),
    );
    await copies(postgres, port, 'disable');
    await notifications(postgres, port);
    await cancelling(postgres, port);

    await startsTls(postgres, port);
    const secure = { sslmode: 'verify-ca' };
    const isSecure = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    expect(await postgres.ask(port, isSecure)).toBe('f');
    expect(await postgres.ask(port, isSecure, { sslmode: 'require' })).toBe('t');
    expect(await postgres.ask(port, isSecure, secure)).toBe('t');
    await copies(postgres, port, 'require');
    const told = await bench(postgres, port, way === 'directly' ? 'disable' : 'require');
    testInfo.annotations.push({ type: 'measured', description: told });
  });
