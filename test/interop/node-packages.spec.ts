// Packages for Node, as npm has them, in a page: over tunnel, relay and a real peer, with the real servers behind it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/child-process.ts';
import { expect, openTunnel, test } from '../support/interop-test.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import { Postgres } from '../support/postgres.ts';
import { INNER } from '../support/real-peer.ts';
import { startRedis } from '../support/redis.ts';
import { Sshd } from '../support/sshd.ts';

/** The page, by who bundled it. */
const SITES = [
  ['node-page', 'Vite'],
  ['node-page-esbuild', 'esbuild'],
] as const;

const REDIS = {
  pong: 'PONG',
  isWhole: true,
  last: 1000,
  message: ['news', 'grüß Gott'],
  error: expect.stringContaining('unknown command'),
};

for (const [site, bundler] of SITES)
  test(`ioredis, bundled by ${bundler}: a megabyte, a thousand commands at once, a subscription @core`, async ({
    page,
    startLab,
  }) => {
    const lab = await startLab({ site });
    await startRedis(lab.peer.namespace);
    await openTunnel(page, lab);
    expect(await page.evaluate((host) => window.programs.redis(host), INNER.peer6)).toEqual(REDIS);
  });

for (const [site, bundler] of SITES)
  test.describe(`bundled by ${bundler}`, () => {
    test('ioredis: over both families, and where nobody listens', async ({ page, startLab }) => {
      test.setTimeout(120_000);
      const lab = await startLab({ site });
      await startRedis(lab.peer.namespace);
      await openTunnel(page, lab);
      for (const host of [INNER.peer4, INNER.peer6]) {
        expect(await page.evaluate((host) => window.programs.redis(host), host)).toEqual(REDIS);
        await lab.peer.exec('redis-cli', 'FLUSHALL');
      }
      expect(await page.evaluate((host) => window.programs.redisRefused(host), INNER.peer4)).toEqual({
        code: 'ECONNREFUSED',
        syscall: 'connect',
        message: `connect ECONNREFUSED ${INNER.peer4}:6380`,
      });
    });

    test('pg: types, twenty thousand rows, bytes, a notification, SCRAM, a pool', async ({
      page,
      startLab,
    }) => {
      test.setTimeout(120_000);
      const lab = await startLab({ site });
      const server = await Postgres.start(lab.peer.namespace);
      try {
        await openTunnel(page, lab);
        expect(await page.evaluate((host) => window.programs.postgres(host), INNER.peer4)).toEqual({
          first: { text: 'grüß Gott', number: 42, object: { list: [1, null, 'two'] } },
          count: 20_000,
          sum: 20_000 * 100 + (20_000 * 20_001) / 2,
          isBuffer: true,
          isWhole: true,
          notification: 'something',
          error: '22012',
          keeper: { refused: '28P01', connections: 5, names: ['keeper'], last: 19 },
        });
      } finally {
        await server.stop();
      }
    });

    test('ssh2: a command, a terminal, files; every way that both sides know of', async ({
      page,
      startLab,
    }) => {
      test.setTimeout(180_000);
      const lab = await startLab({ site });
      const server = await Sshd.start(lab.peer.namespace);
      try {
        const login = {
          host: INNER.peer6,
          username: 'root',
          privateKey: readFileSync(join(server.folder, 'user'), 'utf8'),
        };
        await openTunnel(page, lab);
        const seen = await page.evaluate(([login, folder]) => window.programs.ssh(login, folder), [
          login,
          server.folder,
        ] as const);
        expect(seen).toEqual({
          output: 'out\n',
          code: 3,
          isEchoed: true,
          size: '50 132',
          isFileWhole: true,
          missing: 'No such file',
        });
        for (const algorithms of WAYS) {
          const said = await page.evaluate((login) => window.programs.sshSays(login), {
            ...login,
            algorithms,
          });
          expect(said, JSON.stringify(algorithms)).toBe('42');
        }
        for (const [type, bits] of [
          ['ecdsa', '256'],
          ['ecdsa', '521'],
          ['rsa', '3072'],
        ]) {
          const privateKey = await newUserKey(server.folder, type!, bits!);
          const said = await page.evaluate((login) => window.programs.sshSays(login), {
            ...login,
            privateKey,
          });
          expect(said, `${type} ${bits}`).toBe('42');
        }
      } finally {
        await server.stop();
      }
    });

    test('mqtt: a large message with the highest assurance, over TCP and over a WebSocket', async ({
      page,
      startLab,
    }) => {
      test.setTimeout(120_000);
      const lab = await startLab({ site });
      await startMosquitto(lab.peer.namespace);
      await openTunnel(page, lab);
      for (const url of [
        `mqtt://${INNER.peer4}`,
        `mqtt://[${INNER.peer6}]:1883`,
        `ws://${INNER.peer4}:9001/mqtt`,
      ])
        expect(await page.evaluate((url) => window.programs.mqtt(url), url), url).toEqual({
          topic: 'house/picture',
          isBuffer: true,
          isWhole: true,
          text: 'grün',
          retained: 'grün',
        });
    });

    test('axios, by its adapter for Node: compressed, behind a redirect, sent, aborted, refused', async ({
      page,
      startLab,
    }) => {
      const lab = await startLab({ site, files: [3_000_000] });
      const file = lab.nginx!.files[0]!;
      await openTunnel(page, lab);
      const where = [`http://${INNER.peer4}`, file.path] as const;
      expect(await page.evaluate((where) => window.programs.axiosPrograms(...where), where)).toEqual({
        status: 200,
        isBuffer: true,
        sums: [file.sha256, file.sha256],
        put: expect.any(Number),
        isKept: true,
        missing: 'ERR_BAD_REQUEST 404',
        aborted: 'ERR_CANCELED',
        refused: 'ECONNREFUSED',
      });
    });

    test('ws: text and a megabyte, compressed, a ping, a close with its reason', async ({
      page,
      startLab,
    }) => {
      test.setTimeout(120_000);
      const lab = await startLab({ site, files: [10] });
      const server = lab.peer.namespace.start('node', ['--import', 'tsx', 'test/support/inner-websocket.ts']);
      await server.saw(/ready/);
      await openTunnel(page, lab);
      for (const host of [INNER.peer4, `[${INNER.peer6}]`])
        expect(await page.evaluate((url) => window.programs.websocket(url), `ws://${host}:8081/`)).toEqual({
          protocol: 'echo',
          extensions: 'permessage-deflate',
          ping: 'are you there',
          text: 'grüß Gott',
          isBinary: true,
          isBuffer: true,
          isWhole: true,
          close: [3001, 'enough'],
        });
      const plain = `ws://${INNER.peer4}/10.bin`;
      expect(await page.evaluate((url) => window.programs.websocketRefused(url), plain)).toMatch(
        /Unexpected server response: \d{3}/,
      );
    });
  });

/** A cipher, an exchange, an authentication of each kind that a page can do, one after the other. */
const WAYS = [
  { cipher: ['aes128-gcm@openssh.com'] },
  { cipher: ['aes256-gcm@openssh.com'] },
  { cipher: ['aes128-ctr'], hmac: ['hmac-sha2-256'] },
  { cipher: ['aes256-ctr'], hmac: ['hmac-sha2-512-etm@openssh.com'] },
  { cipher: ['chacha20-poly1305@openssh.com'] },
  { kex: ['curve25519-sha256'], compress: ['zlib@openssh.com'] },
  { kex: ['ecdh-sha2-nistp256'] },
  { kex: ['ecdh-sha2-nistp521'] },
  { kex: ['diffie-hellman-group14-sha256'] },
  { kex: ['diffie-hellman-group-exchange-sha256'] },
] as never[];

/** Lets one more key in; gives back its private half. */
async function newUserKey(folder: string, type: string, bits: string): Promise<string> {
  const file = join(folder, `user-${type}-${bits}`);
  await run('rm', ['-f', file, `${file}.pub`]);
  await run('ssh-keygen', ['-q', '-t', type, '-b', bits, '-N', '', '-f', file]);
  await run('sh', ['-c', `cat ${file}.pub >> ${join(folder, 'user.pub')}`]);
  return readFileSync(file, 'utf8');
}
