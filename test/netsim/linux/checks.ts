// What our stack and Linux's must do alike, or together. Each check is an assertion with a name.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Namespace } from '../../support/namespace.ts';
import type { OurPrograms } from './our-programs.ts';

/** Ours — Linux, a router — a third host behind a link with a smaller MTU. */
export interface Setting {
  ours: OurPrograms;
  linux: Namespace;
  far: Namespace;
}

export interface Check {
  name: string;
  run(setting: Setting): Promise<void>;
}

export const ADDRESSES = {
  ours: { 4: '10.9.0.2', 6: 'fd09::2' },
  linux: { 4: '10.9.0.1', 6: 'fd09::1' },
  router: { 4: '10.9.1.1', 6: 'fd19::1' },
  far: { 4: '10.9.1.2', 6: 'fd19::2' },
} as const;
export const FAR_MTU = 1300;

const FAMILIES = [4, 6] as const;
/** Of echo requests: none, few, what fills a packet and one more, many fragments, the most that IP can carry. */
const PING_SIZES = {
  4: [0, 1, 56, 1392, 1393, 9000, 65_507],
  6: [0, 1, 56, 1372, 1373, 9000, 65_400],
} as const;
/** inner-services.ts */
const ECHO = 7;
const SINK = 9;
const CLOSED_PORT = 81;

const perFamily: ((family: 4 | 6) => Check[])[] = [
  (family) => [
    {
      name: 'Linux is refused at a port of ours where nobody listens',
      run: async ({ linux }) => {
        const script = `exec 3<>/dev/tcp/${ADDRESSES.ours[family]}/${CLOSED_PORT}`;
        await assert.rejects(linux.exec('bash', '-c', script), /Connection refused/);
      },
    },
    {
      name: 'we are refused at a port of Linux’s where nobody listens',
      run: async ({ ours }) => {
        assert.equal(await ours.connects(ADDRESSES.linux[family], CLOSED_PORT), 'ERR_CONNECTION_REFUSED');
      },
    },
    {
      name: 'Linux ends its direction first and is still answered in full',
      run: async ({ linux }) => {
        const client = join(import.meta.dirname, '../../support/inner-client.ts');
        const args = ['--import', 'tsx', client, ADDRESSES.ours[family], String(ECHO), '3000000'];
        const said = await linux.exec(process.execPath, ...args);
        const [, sent, received, bytes] = /^sent (\w+) received (\w+) (\d+)$/m.exec(said)!;
        assert.deepEqual([received, bytes], [sent, '3000000']);
      },
    },
    {
      name: 'we end our direction first and are still answered',
      run: async ({ ours }) => {
        const { said } = await ours.exchange(ADDRESSES.linux[family], SINK, 1_000_000);
        assert.match(said, /^1000000 [0-9a-f]{64}$/);
      },
    },
    ...[0, 1, 1392, 5000, 65_000].map((bytes) => ({
      name: `a UDP message of ${bytes} bytes comes back from Linux`,
      run: async ({ ours }: Setting) => {
        assert.equal(await ours.udpEcho(ADDRESSES.linux[family], ECHO, bytes), bytes);
      },
    })),
    {
      name: 'UDP messages of Linux, one of them empty, come back from us',
      run: async ({ linux }) => {
        const script = `
          const socket = require('node:dgram').createSocket('udp${family}');
          const sizes = [0, 1, 1392, 5000, 60000];
          const got = [];
          socket.on('message', ({ length }) => {
            got.push(length);
            if (got.length < sizes.length) socket.send(Buffer.alloc(sizes[got.length]), 7, '${ADDRESSES.ours[family]}');
            else { console.log(got.join()); socket.close(); }
          });
          socket.send(Buffer.alloc(0), 7, '${ADDRESSES.ours[family]}');
          setTimeout(() => process.exit(1), 5000).unref();`;
        assert.equal((await linux.exec(process.execPath, '-e', script)).trim(), '0,1,1392,5000,60000');
      },
    },
    ...PING_SIZES[family].map((size) => ({
      name: `Linux’s ping with ${size} bytes is answered`,
      run: async ({ linux }: Setting) => {
        const said = await linux.exec(
          'ping',
          '-n',
          '-c',
          '3',
          '-i',
          '0.1',
          '-W',
          '3',
          '-s',
          String(size),
          ADDRESSES.ours[family],
        );
        assert.match(said, /3 received/);
        assert.doesNotMatch(said, /wrong data|DUP/);
      },
    })),
    ...PING_SIZES[family].map((size) => ({
      name: `our ping with ${size} bytes is answered by Linux, unchanged`,
      run: async ({ ours }: Setting) => {
        assert.equal(await ours.ping(ADDRESSES.linux[family], size), 'intact');
      },
    })),
    {
      name: 'what must not be cut and does not fit our link is refused at once; at a router, it says what fits',
      run: async ({ ours }) => {
        const headers = (family === 4 ? 20 : 40) + 8;
        const fits = 1420 - headers;
        await assert.rejects(ours.ping(ADDRESSES.linux[family], fits + 1, true), {
          code: 'ERR_MESSAGE_TOO_LONG',
        });
        assert.equal(await ours.ping(ADDRESSES.linux[family], fits, true), 'intact');
        assert.equal(await ours.ping(ADDRESSES.far[family], fits, true), `too-big ${FAR_MTU}`);
        assert.equal(await ours.ping(ADDRESSES.far[family], FAR_MTU - headers, true), 'intact');
      },
    },
    {
      name: 'a router on the way says that a packet is too big, and the stream goes on with smaller ones',
      run: async ({ ours }) => {
        const { said, mss } = await ours.exchange(ADDRESSES.far[family], SINK, 500_000);
        assert.match(said, /^500000 [0-9a-f]{64}$/);
        assert.equal(mss, FAR_MTU - (family === 4 ? 20 : 40) - 32);
      },
    },
    {
      name: 'a stream from behind that router arrives',
      run: async ({ far }) => {
        const client = join(import.meta.dirname, '../../support/inner-client.ts');
        const args = ['--import', 'tsx', client, ADDRESSES.ours[family], String(ECHO), '500000'];
        const said = await far.exec(process.execPath, ...args);
        const [, sent, received] = /^sent (\w+) received (\w+) 500000$/m.exec(said)!;
        assert.equal(received, sent);
      },
    },
    {
      name: 'Linux sees the options that were agreed on: timestamps, SACK, window scale, MSS',
      run: async ({ linux }) => {
        const address = ADDRESSES.ours[family];
        const script = `exec 3<>/dev/tcp/${address}/${ECHO}; echo hello >&3; read -u 3 line; ss -Htinom dst ${family === 6 ? `[${address}]` : address}`;
        const said = await linux.exec('bash', '-c', script);
        assert.match(said, /\bts\b.*\bsack\b|\bsack\b.*\bts\b/);
        assert.match(said, /wscale:\d+,\d+/);
        assert.match(said, new RegExp(`\\bmss:${family === 4 ? 1368 : 1348}\\b`));
      },
    },
  ],
];

export const CHECKS: readonly Check[] = FAMILIES.flatMap((family) =>
  perFamily.flatMap((of) => of(family).map((check) => ({ ...check, name: `IPv${family}: ${check.name}` }))),
);
