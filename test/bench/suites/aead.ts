import { OPENSSL, opensslSpeed } from '../openssl.ts';
import { raceEverywhere } from '../races.ts';
import type { Suite } from '../suite.ts';
import type { Target } from '../target.ts';

function packet(host: string, peer: string, factor: number): Target[] {
  return ['seal 1420 B', 'open 1420 B'].map((line) => ({ host, line, peer, factor }));
}

export const aead: Suite = {
  name: 'aead',
  title: 'ChaCha20-Poly1305 of one packet after the other',
  tolerance: 0.15,
  targets: [
    ...packet('chromium', 'libsodium-wrappers', 3.3),
    ...packet('chromium', 'libsodium raw', 2.2),
    ...packet('chromium', OPENSSL.all, 0.4),
    ...packet('chromium', OPENSSL.sse, 0.8),
    ...packet('firefox', 'libsodium-wrappers', 3.3),
    { host: 'chromium', line: 'seal 64 B', peer: 'libsodium-wrappers', factor: 3.5 },
    { host: 'chromium', line: 'open 64 B', peer: 'libsodium-wrappers', factor: 3.5 },
  ],
  run: (hosts, pace) =>
    raceEverywhere('aead', hosts, pace, {
      // It measures sealing; opening costs it the same.
      [OPENSSL.all]: (contest) => opensslSpeed(sizeOf(contest), false),
      [OPENSSL.sse]: (contest) => opensslSpeed(sizeOf(contest), true),
    }),
};

function sizeOf(contest: string): number {
  return Number(/\d+/.exec(contest)![0]);
}
