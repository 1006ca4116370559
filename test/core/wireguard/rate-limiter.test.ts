import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../../src/core/wireguard/rate-limiter.ts';
import { readVectors } from '../../support/vectors.ts';

interface Vectors {
  ratelimiter: { at_ns: string; source: string; allow: boolean }[];
}

const from = (host: string, port = 51820) => ({ host, port });

describe('the rate limiter', () => {
  it("agrees with wireguard-go's", () => {
    const { ratelimiter } = readVectors<Vectors>('small.json');
    expect(ratelimiter).toHaveLength(29);
    const limiter = new RateLimiter();
    for (const [n, { at_ns, source, allow }] of ratelimiter.entries())
      expect(limiter.allows(from(source, n), 1000 + Number(at_ns) / 1e6), `${n}: ${source}`).toBe(allow);
  });

  it('gives five at once and twenty a second', () => {
    const limiter = new RateLimiter();
    const count = (now: number) => {
      let allowed = 0;
      for (let n = 0; n < 50; n++) if (limiter.allows(from('192.0.2.1'), now)) allowed++;
      return allowed;
    };
    expect([count(0), count(49.9), count(50), count(150), count(400), count(400)]).toEqual([
      5, 0, 1, 2, 5, 0,
    ]);
  });

  it('takes a /64 for one sender, and a name, and each IPv4 address', () => {
    const limiter = new RateLimiter();
    for (let n = 0; n < 5; n++) {
      expect(limiter.allows(from(`2001:db8::${n}`), 0)).toBe(true);
      expect(limiter.allows(from('vpn.example.com', n), 0)).toBe(true);
      expect(limiter.allows(from(`192.0.2.${n}`), 0)).toBe(true);
    }
    expect(limiter.allows(from('2001:db8:0:0:ffff::'), 0)).toBe(false);
    expect(limiter.allows(from('2001:db8:0:1::'), 0)).toBe(true);
    expect(limiter.allows(from('vpn.example.com'), 0)).toBe(false);
    expect(limiter.allows(from('192.0.2.4'), 0)).toBe(true);
  });

  it('knows 4096 senders and no more, and forgets who was silent for more than a second', () => {
    const limiter = new RateLimiter();
    const host = (n: number) => from(`10.0.${n >> 8}.${n & 255}`);
    for (let n = 0; n < 4096; n++) expect(limiter.allows(host(n), n / 10)).toBe(true);
    expect(limiter.allows(host(4096), 410)).toBe(false);
    // Known ones are served all the same, and become the last to be forgotten.
    expect(limiter.allows(host(0), 410)).toBe(true);
    expect(limiter.size).toBe(4096);
    expect(limiter.allows(host(4096), 1000.1)).toBe(false);
    expect(limiter.allows(host(4096), 1000.11)).toBe(true);
    expect(limiter.size).toBe(4096);
    expect(limiter.allows(host(4097), 1411)).toBe(true);
    expect(limiter.size).toBe(2);
  });
});
