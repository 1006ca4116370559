// A path on which large packets vanish without a word, or only seem to.
import { expect, it } from 'vitest';
import { IpPrefix } from '../../src/core/address.ts';
import { bulk } from './bulk.ts';
import { type LinkModel, PERFECT } from './link.ts';
import { World } from './world.ts';

const MTU = 1420;
const NARROW = 1200;
const CHUNK = 5000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Sends a chunk at each of `times` (ms from the start). When packets of full size left, what arrived, and what was made of it. */
function upload(
  link: Partial<LinkModel>,
  times: number[],
  seed = 1,
): { large: number[]; received: number; suspicions: number; blackHoles: number } {
  const prefixes = (last: number) => [IpPrefix.parse(`10.0.0.${last}/24`)!];
  const world = new World({
    seed,
    hosts: [
      { name: 'receiver', prefixes: prefixes(1), mtu: MTU },
      { name: 'sender', prefixes: prefixes(2), mtu: MTU },
    ],
    links: [PERFECT, { ...PERFECT, ...link }],
    lookEvery: SECOND,
  });
  const [receiver, sender] = world.hosts as [World['hosts'][0], World['hosts'][0]];
  const began = world.now;
  const listener = receiver.stack.listenTcp({ port: 80 }, began);
  const client = sender.stack.connectTcp({ address: receiver.addresses[0]!, port: 80 }, {}, began);
  const large: number[] = [];
  const { outlet } = sender;
  sender.outlet = (bytes) => {
    if (bytes.length === MTU) large.push(world.now - began);
    outlet(bytes);
  };
  const target = new Uint8Array(1 << 16);
  let server: ReturnType<typeof listener.accept>;
  let received = 0;
  let written = 0;
  let next = 0;
  world.apps.push({
    nextAt: began,
    act(now) {
      server ??= listener.accept();
      for (let length = 1; server && length > 0; ) received += length = server.readInto(target);
      if (next === times.length || now - began < times[next]!) return;
      written += client.write(new Uint8Array(CHUNK));
      next++;
      this.nextAt = began + (times[next] ?? Number.POSITIVE_INFINITY);
    },
  });
  const last = times.at(-1)! + 60 * SECOND;
  world.run(() => (next === times.length && received === written) || world.now - began > last, last + 1);
  const { blackHoleSuspicions: suspicions, blackHoles } = sender.stack.tcp;
  return { large, received, suspicions, blackHoles };
}

it('a black hole is found, and doubted at once, after a second, after ten, and then every ten minutes', () => {
  const often = Array.from({ length: 200 }, (_, i) => 100 * i);
  const seldom = Array.from({ length: 50 }, (_, i) => MINUTE + 30 * SECOND * i);
  const path = { mtu: NARROW, isBlackHole: true };
  const { large, received, blackHoles } = upload(path, [...often, ...seldom]);
  expect(blackHoles).toBe(1);
  expect(received).toBe(250 * CHUNK);
  // The first of them when all that was lost before has arrived in smaller segments.
  const tries = large.slice(-5).map((at) => at / SECOND);
  expect(tries[0]).toBeLessThan(3);
  const pauses = tries.slice(1).map((at, i) => at - tries[i]!);
  expect(pauses.slice(0, 2).map(Math.round)).toEqual([1, 10]);
  for (const pause of pauses.slice(2)) expect(Math.abs(pause - 615)).toBeLessThanOrEqual(16);
});

it('random loss of three packets in ten does not make them smaller for long', () => {
  const path = { rate: 2500, roundTrip: 1, queue: 30_000, loss: 0.3 };
  const rates = [1, 2, 3, 4].map((seed) => bulk(path, [{ buffer: 1 << 20 }], 30_000, seed)[0]! / 30_000);
  // 39 kB/s, as much as without any suspicion; when each lasted ten minutes, 20.
  expect(rates.reduce((sum, rate) => sum + rate, 0) / rates.length).toBeGreaterThan(32);
});

it('random loss of one packet in five is suspected, and never told as a black hole', () => {
  const loss = { kind: 'bernoulli', probability: 0.2 } as const;
  const often = Array.from({ length: 600 }, (_, i) => 100 * i);
  const told = Array.from({ length: 10 }, (_, index) => upload({ loss }, often, index + 1));
  expect(told.reduce((sum, { suspicions }) => sum + suspicions, 0)).toBeGreaterThan(10);
  expect(told.map(({ blackHoles }) => blackHoles)).toEqual(told.map(() => 0));
});
