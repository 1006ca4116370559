// The OpenSSL program, as far as the machine can go, and the yardstick.
import { run } from '../support/child-process.ts';
import { medianOf } from './spread.ts';

/** Vectors of 128 bits are what WASM has, too. */
const SSE_ONLY = '~0x1000000000000000:~0xd0030020';
const YARDSTICK_SIZE = 1420;

export const OPENSSL = { all: 'OpenSSL', sse: 'OpenSSL SSE' } as const;

/** MB/s of sealing, for a second. */
export async function opensslSpeed(size: number, isSseOnly: boolean): Promise<number> {
  const args = [
    'speed',
    '-elapsed',
    '-mr',
    '-seconds',
    '1',
    '-bytes',
    `${size}`,
    '-evp',
    'chacha20-poly1305',
  ];
  const text = await run('openssl', args, isSseOnly ? { env: { OPENSSL_ia32cap: SSE_ONLY } } : {});
  // +F:22:ChaCha20-Poly1305:1014000000.00
  const rate = /^\+F:\d+:[^:]*:([\d.]+)/m.exec(text)?.[1];
  if (rate === undefined) throw new Error(`openssl speed said something else:\n${text}`);
  return Number(rate) / 1e6;
}

/** How fast the machine is. */
export async function measureYardstick(rounds: number): Promise<number> {
  const speeds: number[] = [];
  for (let round = 0; round < rounds; round++) speeds.push(await opensslSpeed(YARDSTICK_SIZE, true));
  return medianOf(speeds);
}
